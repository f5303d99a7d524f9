#include "replica/base/hlc.h"

#include <algorithm>

namespace brigada {
namespace {

// The last millisecond that 48 bits hold: the year 10889. Clocks beyond it are taken as that
// instant.
constexpr int64_t kMaxMillis = (int64_t{1} << 48) - 1;

}  // namespace

Hlc Hlc::FromTime(absl::Time time) {
  const int64_t millis = std::clamp<int64_t>(absl::ToUnixMillis(time), 0, kMaxMillis);
  return Hlc{static_cast<uint64_t>(millis) << 16};
}

Hlc HybridClock::Tick(absl::Time now) {
  last_ = std::max(last_.Next(), Hlc::FromTime(now));
  return last_;
}

void HybridClock::LeaveFuture(absl::Time now, absl::Duration permitted) {
  if (last_ > Hlc::FromTime(now + permitted)) last_ = Hlc::FromTime(now);
}

void HybridClock::Observe(Hlc seen) { last_ = std::max(last_, seen); }

}  // namespace brigada
