#ifndef TESTS_SUPPORT_FAKE_CLOCK_H_
#define TESTS_SUPPORT_FAKE_CLOCK_H_

#include <atomic>

#include "absl/strings/str_cat.h"
#include "replica/base/clock.h"

namespace brigada {

// A clock that stands still until the test moves it. Thread safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time now = absl::FromUnixSeconds(1'767'225'600))
      : wall_us_(absl::ToUnixMicros(now)) {}

  absl::Time Now() const override { return absl::FromUnixMicros(wall_us_); }
  absl::Duration Monotonic() const override { return absl::Microseconds(monotonic_us_.load()); }

  std::string BootId() const override { return absl::StrCat("boot", boot_.load()); }

  // Time passes: both clocks move.
  void Advance(absl::Duration by) {
    wall_us_ += absl::ToInt64Microseconds(by);
    monotonic_us_ += absl::ToInt64Microseconds(by);
  }
  // The machine starts again, or it is another one that has been on for `uptime`.
  void StartAnew(absl::Duration uptime = absl::ZeroDuration()) {
    ++boot_;
    monotonic_us_ = absl::ToInt64Microseconds(uptime);
  }
  // Somebody sets the wall clock; no time passes.
  void SetWall(absl::Time now) { wall_us_ = absl::ToUnixMicros(now); }

 private:
  std::atomic<int64_t> wall_us_;
  std::atomic<int64_t> monotonic_us_{0};
  std::atomic<int> boot_{1};
};

}  // namespace brigada

#endif  // TESTS_SUPPORT_FAKE_CLOCK_H_
