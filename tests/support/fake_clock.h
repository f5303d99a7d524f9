#ifndef TESTS_SUPPORT_FAKE_CLOCK_H_
#define TESTS_SUPPORT_FAKE_CLOCK_H_

#include <atomic>

#include "replica/base/clock.h"

namespace brigada {

// A clock that stands still until the test moves it. Thread safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time now = absl::FromUnixSeconds(1'767'225'600))
      : wall_ms_(absl::ToUnixMillis(now)) {}

  absl::Time Now() const override { return absl::FromUnixMillis(wall_ms_); }
  absl::Duration Monotonic() const override { return absl::Milliseconds(monotonic_ms_.load()); }

  // Time passes: both clocks move.
  void Advance(absl::Duration by) {
    wall_ms_ += absl::ToInt64Milliseconds(by);
    monotonic_ms_ += absl::ToInt64Milliseconds(by);
  }
  // Somebody sets the wall clock; no time passes.
  void SetWall(absl::Time now) { wall_ms_ = absl::ToUnixMillis(now); }

 private:
  std::atomic<int64_t> wall_ms_;
  std::atomic<int64_t> monotonic_ms_{0};
};

}  // namespace brigada

#endif  // TESTS_SUPPORT_FAKE_CLOCK_H_
