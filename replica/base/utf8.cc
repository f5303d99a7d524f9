#include "replica/base/utf8.h"

#include <utf8proc.h>

namespace brigada {
namespace {

constexpr int32_t kCombiningTilde = 0x303;

// Code points of the text decomposed and with case folded; nothing for invalid UTF-8.
absl::optional<std::vector<int32_t>> Decompose(absl::string_view text) {
  constexpr auto kOptions =
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD);
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const auto size = static_cast<utf8proc_ssize_t>(text.size());
  // Most characters give one or two code points; a second pass is made when there are more.
  std::vector<int32_t> points(2 * text.size());
  auto count = utf8proc_decompose(bytes, size, points.data(),
                                  static_cast<utf8proc_ssize_t>(points.size()), kOptions);
  if (count > static_cast<utf8proc_ssize_t>(points.size())) {
    points.resize(static_cast<size_t>(count));
    count = utf8proc_decompose(bytes, size, points.data(), count, kOptions);
  }
  if (count < 0) return absl::nullopt;
  points.resize(static_cast<size_t>(count));
  return points;
}

bool IsMark(int32_t point) {
  const utf8proc_category_t category = utf8proc_category(point);
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
         category == UTF8PROC_CATEGORY_ME;
}

}  // namespace

bool IsBlank(absl::string_view text) {
  while (!text.empty()) {
    const int32_t point = TakeCodePoint(&text);
    if (point < 0) return false;
    switch (utf8proc_category(point)) {
      case UTF8PROC_CATEGORY_ZS:
      case UTF8PROC_CATEGORY_ZL:
      case UTF8PROC_CATEGORY_ZP:
      case UTF8PROC_CATEGORY_CC:
      case UTF8PROC_CATEGORY_CF:
        break;
      default:
        return false;
    }
  }
  return true;
}

int32_t TakeCodePoint(absl::string_view* text) {
  const auto first = static_cast<uint8_t>((*text)[0]);
  if (first < 0x80) {
    text->remove_prefix(1);
    return first;
  }
  // A sequence has at most 4 bytes; the cut also keeps a size of more than 31 bits out.
  const absl::string_view head = text->substr(0, 4);
  int32_t code_point = -1;
  const auto size = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(head.data()),
                                     static_cast<utf8proc_ssize_t>(head.size()), &code_point);
  if (size <= 0) {
    text->remove_prefix(1);
    return -1;
  }
  text->remove_prefix(static_cast<size_t>(size));
  return code_point;
}

absl::optional<size_t> CountCodePoints(absl::string_view text) {
  size_t count = 0;
  while (!text.empty()) {
    if (TakeCodePoint(&text) < 0) return absl::nullopt;
    ++count;
  }
  return count;
}

void AppendCodePoint(int32_t code_point, std::string* out) {
  utf8proc_uint8_t bytes[4];
  const auto size = utf8proc_encode_char(code_point, bytes);
  out->append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
}

absl::optional<std::vector<int32_t>> FoldedCodePoints(absl::string_view text) {
  const absl::optional<std::vector<int32_t>> points = Decompose(text);
  if (!points.has_value()) return absl::nullopt;
  std::vector<int32_t> folded;
  folded.reserve(points->size());
  for (const int32_t point : *points) {
    if (!IsMark(point)) {
      folded.push_back(point);
    } else if (point == kCombiningTilde && !folded.empty() && folded.back() == 'n') {
      // The marks of a letter stand in canonical order: the tilde need not come first.
      folded.back() = kSmallEnye;
    }
  }
  return folded;
}

}  // namespace brigada
