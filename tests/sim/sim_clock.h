// The clocks of one simulated machine over the true time of the world.
#ifndef TESTS_SIM_SIM_CLOCK_H_
#define TESTS_SIM_SIM_CLOCK_H_

#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "replica/base/clock.h"

namespace brigada {

// The monotonic clock counts true time since the machine was started. The wall clock shows what
// somebody set: off by `skew`, or standing still.
class SimClock final : public Clock {
 public:
  // `true_us` outlives the clock. No other machine of the world has that number.
  SimClock(const int64_t* true_us, int machine)
      : true_us_(true_us), machine_(machine), started_us_(*true_us) {}

  absl::Time Now() const override {
    return frozen_.value_or(absl::FromUnixMicros(*true_us_) + skew_);
  }
  absl::Duration Monotonic() const override { return absl::Microseconds(*true_us_ - started_us_); }
  std::string BootId() const override { return absl::StrCat(machine_, "/", boots_); }

  void SetSkew(absl::Duration skew) {
    skew_ = skew;
    frozen_.reset();
  }
  void Freeze() { frozen_ = Now(); }
  bool is_frozen() const { return frozen_.has_value(); }
  // The machine starts again.
  void Reboot() {
    started_us_ = *true_us_;
    ++boots_;
  }

 private:
  const int64_t* const true_us_;
  const int machine_;
  int64_t started_us_;
  int boots_ = 0;
  absl::Duration skew_;
  std::optional<absl::Time> frozen_;
};

}  // namespace brigada

#endif  // TESTS_SIM_SIM_CLOCK_H_
