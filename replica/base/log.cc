#include "replica/base/log.h"

#include <atomic>
#include <cstdio>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "replica/base/mutex.h"

namespace brigada {
namespace {

struct Sink {
  Mutex mu;
  std::function<void(absl::string_view)> write ABSL_GUARDED_BY(mu);
};

Sink& GlobalSink() {
  static Sink* const sink = new Sink;
  return *sink;
}

std::atomic<LogLevel> min_level{LogLevel::kWarning};

const char* LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

void AppendJsonString(absl::string_view text, std::string& out) {
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20) {
      absl::StrAppendFormat(&out, "\\u%04x", byte);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

}  // namespace

void Log(LogLevel level, absl::string_view event, std::initializer_list<LogField> fields) {
  if (level < min_level.load(std::memory_order_relaxed)) return;
  std::string line = absl::StrCat(
      "{\"time\":\"", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone()),
      "\",\"level\":\"", LevelName(level), "\",\"event\":");
  AppendJsonString(event, line);
  for (const LogField& field : fields) {
    line.push_back(',');
    AppendJsonString(field.key, line);
    line.push_back(':');
    AppendJsonString(field.value, line);
  }
  line.append("}\n");
  Sink& sink = GlobalSink();
  const MutexLock lock(&sink.mu);
  if (sink.write) {
    sink.write(line);
  } else {
    std::fwrite(line.data(), 1, line.size(), stderr);
  }
}

void SetMinLogLevel(LogLevel level) { min_level.store(level, std::memory_order_relaxed); }

void SetLogSink(std::function<void(absl::string_view line)> sink) {
  Sink& global = GlobalSink();
  const MutexLock lock(&global.mu);
  global.write = std::move(sink);
}

}  // namespace brigada
