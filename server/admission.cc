#include "server/admission.h"

#include <algorithm>

namespace brigada {
namespace {

// A full server is one for a while: sessions end by the minute, not by the second.
constexpr absl::Duration kWaitWhenFull = absl::Seconds(30);
// Nobody is sent away for longer; the places begin anew then.
constexpr absl::Duration kLongestWait = absl::Minutes(10);
// Share of the rate that is given away as places.
constexpr double kPlacesShare = 0.8;

}  // namespace

std::optional<absl::Duration> Admission::Ask(size_t open_sessions, absl::Duration now) {
  if (open_sessions >= limits_.max_sessions) return NextPlaceAfter(kWaitWhenFull, now);
  while (!admitted_.empty() && now - admitted_.front() >= absl::Seconds(1)) admitted_.pop_front();
  if (admitted_.size() >= limits_.max_new_per_second) return NextPlace(now);
  admitted_.push_back(now);
  return std::nullopt;
}

absl::Duration Admission::NextPlaceAfter(absl::Duration shortest, absl::Duration now) {
  const double rate =
      kPlacesShare * static_cast<double>(std::max<size_t>(limits_.max_new_per_second, 1));
  next_place_ = std::max(next_place_ + absl::Seconds(1) / rate, now + shortest);
  if (next_place_ > now + kLongestWait) next_place_ = now + shortest;
  return next_place_ - now;
}

}  // namespace brigada
