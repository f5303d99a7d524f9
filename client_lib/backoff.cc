#include "client_lib/backoff.h"

#include <algorithm>

namespace brigada {
namespace {

// A server that asks for more is mistaken.
constexpr absl::Duration kLongestAsked = absl::Hours(1);

}  // namespace

absl::Duration Backoff::Draw(absl::Duration from, absl::Duration to) {
  return from + (to - from) * random_->NextDouble();
}

absl::Duration Backoff::First() { return Draw(absl::ZeroDuration(), options_.initial_spread); }

absl::Duration Backoff::Next(const SessionEnd& end) {
  if (end.was_good) last_ = options_.min;
  if (end.retry_after.has_value())
    return std::clamp(*end.retry_after, options_.min, std::max(options_.min, kLongestAsked));
  if (end.was_good)
    return Draw(absl::ZeroDuration(), std::max(options_.initial_spread, options_.min));
  last_ = std::min(options_.max, Draw(options_.min, last_ * 3));
  return last_;
}

}  // namespace brigada
