#include "replica/base/clock.h"

#include <ctime>
#include <fstream>

#include "absl/time/clock.h"

namespace brigada {
namespace {

std::string ReadBootId() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

class RealClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
  absl::Duration Monotonic() const override {
    timespec now{};
    // CLOCK_BOOTTIME, because CLOCK_MONOTONIC stands still while a phone sleeps.
    clock_gettime(CLOCK_BOOTTIME, &now);
    return absl::DurationFromTimespec(now);
  }
  std::string BootId() const override {
    static const std::string id = ReadBootId();
    return id;
  }
};

}  // namespace

const Clock& SystemClock() {
  static const RealClock clock;
  return clock;
}

}  // namespace brigada
