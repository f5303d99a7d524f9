#include "tools/brigada/id_prefix.h"

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"

namespace brigada {
namespace {

constexpr size_t kMinPrefix = 4;
constexpr size_t kUuidLength = 36;

}  // namespace

std::string PastedId(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  absl::ConsumeSuffix(&text, "…");
  return absl::AsciiStrToLower(text);
}

bool IsIdPrefix(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c)) && c != '-') return false;
  }
  return text.size() >= kMinPrefix && text.size() <= kUuidLength;
}

}  // namespace brigada
