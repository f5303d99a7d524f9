#include "replica/base/clock.h"

#include <ctime>

#include "absl/time/clock.h"

namespace brigada {
namespace {

class RealClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
  absl::Duration Monotonic() const override {
    timespec now{};
    // CLOCK_BOOTTIME, because CLOCK_MONOTONIC stands still while a phone sleeps.
    clock_gettime(CLOCK_BOOTTIME, &now);
    return absl::DurationFromTimespec(now);
  }
};

}  // namespace

const Clock& SystemClock() {
  static const RealClock clock;
  return clock;
}

}  // namespace brigada
