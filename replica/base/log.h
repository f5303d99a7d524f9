// Structured log: one JSON object per line on stderr. Values are ids, counts, codes and durations;
// record content, names and free text of users never go here.
#ifndef REPLICA_BASE_LOG_H_
#define REPLICA_BASE_LOG_H_

#include <functional>
#include <initializer_list>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace brigada {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

struct LogField {
  // Numbers and text alike are kept as text; `key` is a literal in snake_case.
  template <typename T>
  LogField(absl::string_view k, const T& v) : key(k), value(absl::StrCat(v)) {}
  absl::string_view key;
  std::string value;
};

// Writes {"time":...,"level":...,"event":`event`, fields...} unless `level` is below the minimum.
// Thread safe.
void Log(LogLevel level, absl::string_view event, std::initializer_list<LogField> fields = {});

// Default: kWarning, for programs that embed the library.
void SetMinLogLevel(LogLevel level);

// Where lines go instead of stderr; an empty function restores stderr. For tests and embedders. The
// sink is called under the log's lock and must not log.
void SetLogSink(std::function<void(absl::string_view line)> sink);

}  // namespace brigada

#endif  // REPLICA_BASE_LOG_H_
