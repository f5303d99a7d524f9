#ifndef TESTS_SUPPORT_FAKE_CLOCK_H_
#define TESTS_SUPPORT_FAKE_CLOCK_H_

#include <atomic>

#include "replica/base/clock.h"

namespace brigada {

// A clock that stands still until the test moves it. Thread safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time now = absl::FromUnixSeconds(1'767'225'600))
      : wall_us_(absl::ToUnixMicros(now)) {}

  absl::Time Now() const override { return absl::FromUnixMicros(wall_us_); }
  absl::Duration Monotonic() const override { return absl::Microseconds(monotonic_us_.load()); }

  // Time passes: both clocks move.
  void Advance(absl::Duration by) {
    wall_us_ += absl::ToInt64Microseconds(by);
    monotonic_us_ += absl::ToInt64Microseconds(by);
  }
  // Somebody sets the wall clock; no time passes.
  void SetWall(absl::Time now) { wall_us_ = absl::ToUnixMicros(now); }

 private:
  std::atomic<int64_t> wall_us_;
  std::atomic<int64_t> monotonic_us_{0};
};

}  // namespace brigada

#endif  // TESTS_SUPPORT_FAKE_CLOCK_H_
