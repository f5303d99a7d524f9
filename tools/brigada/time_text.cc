#include "tools/brigada/time_text.h"

namespace brigada {

std::string TimeText(absl::Time time) {
  if (time == absl::InfinitePast() || time == absl::InfiniteFuture()) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M", time, absl::LocalTimeZone());
}

std::string TimeText(int64_t unix_millis) {
  return unix_millis == 0 ? "" : TimeText(absl::FromUnixMillis(unix_millis));
}

}  // namespace brigada
