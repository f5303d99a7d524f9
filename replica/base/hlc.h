// Hybrid logical clock (Kulkarni and others, "Logical Physical Clocks", OPODIS 2014): 48 bits of
// Unix milliseconds and 16 logical bits in one integer.
#ifndef REPLICA_BASE_HLC_H_
#define REPLICA_BASE_HLC_H_

#include <compare>
#include <cstdint>

#include "absl/time/time.h"

namespace brigada {

// A point of the hybrid clock. Adding 1 moves the logical part and carries into the milliseconds
// when its 16 bits are full, so a device stuck in the past never wraps.
struct Hlc {
  uint64_t value = 0;

  static Hlc FromTime(absl::Time time);
  absl::Time ToTime() const { return absl::FromUnixMillis(static_cast<int64_t>(value >> 16)); }
  Hlc Next() const { return Hlc{value + 1}; }

  friend auto operator<=>(const Hlc&, const Hlc&) = default;
};

// Gives strictly increasing points that follow `now` and every observed point, LeaveFuture apart.
// One thread; its owner stores last() durably with what it stamped and passes it to Restore() at
// start.
class HybridClock {
 public:
  // The next point: after last(), and not before `now`.
  Hlc Tick(absl::Time now);
  // Takes in a point seen from elsewhere: later ticks come after it.
  void Observe(Hlc seen);
  void Restore(Hlc last) { Observe(last); }
  // A last point more than `permitted` ahead of `now` came from a clock that was wrong: later ticks
  // follow `now`, not that clock.
  void LeaveFuture(absl::Time now, absl::Duration permitted);
  Hlc last() const { return last_; }

 private:
  Hlc last_;
};

}  // namespace brigada

#endif  // REPLICA_BASE_HLC_H_
