// Time comes in through Clock, so that a simulation and the tests decide what time it is.
#ifndef REPLICA_BASE_CLOCK_H_
#define REPLICA_BASE_CLOCK_H_

#include <string>

#include "absl/time/time.h"

namespace brigada {

class Clock {
 public:
  virtual ~Clock() = default;
  // The device's wall clock. It may be wrong by decades and may jump; it orders nothing by itself.
  virtual absl::Time Now() const = 0;
  // Time since an arbitrary origin that never goes back while the device is on (it counts sleep).
  virtual absl::Duration Monotonic() const = 0;
  // Names the boot that Monotonic() counts from: another one on each start of a machine and on each
  // machine, the same while it is on. Readings under two names say nothing of each other. Empty
  // where the system does not say.
  virtual std::string BootId() const = 0;
};

// The system's clocks. Thread safe; lives as long as the process.
const Clock& SystemClock();

}  // namespace brigada

#endif  // REPLICA_BASE_CLOCK_H_
