#include "tools/brigada/display_width.h"

#include <utf8proc.h>

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace brigada {
namespace {

// Takes one code point off the front; -1 and one byte when it is not UTF-8.
utf8proc_int32_t TakeCodePoint(absl::string_view* text, size_t* length) {
  utf8proc_int32_t code_point = -1;
  const utf8proc_ssize_t size =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text->data()),
                       static_cast<utf8proc_ssize_t>(text->size()), &code_point);
  *length = size > 0 ? static_cast<size_t>(size) : 1;
  text->remove_prefix(*length);
  return size > 0 ? code_point : -1;
}

size_t WidthOf(utf8proc_int32_t code_point) {
  if (code_point < 0) return 1;
  const int width = utf8proc_charwidth(code_point);
  return width > 0 ? static_cast<size_t>(width) : 0;
}

bool IsDangerous(utf8proc_int32_t code_point) {
  const bool is_control = code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0);
  const bool is_direction = (code_point >= 0x202a && code_point <= 0x202e) ||
                            (code_point >= 0x2066 && code_point <= 0x2069);
  return is_control || is_direction;
}

}  // namespace

size_t DisplayWidth(absl::string_view text) {
  size_t width = 0;
  size_t length = 0;
  while (!text.empty()) width += WidthOf(TakeCodePoint(&text, &length));
  return width;
}

std::string PrintableText(absl::string_view text) {
  std::string out;
  size_t length = 0;
  while (!text.empty()) {
    const char* const begin = text.data();
    const utf8proc_int32_t code_point = TakeCodePoint(&text, &length);
    if (code_point < 0) {
      absl::StrAppendFormat(&out, "\\x%02x", static_cast<unsigned char>(*begin));
    } else if (code_point == '\n') {
      out += "\\n";
    } else if (IsDangerous(code_point) && code_point < 0x100) {
      absl::StrAppendFormat(&out, "\\x%02x", code_point);
    } else if (IsDangerous(code_point)) {
      absl::StrAppendFormat(&out, "\\u%04x", code_point);
    } else {
      out.append(begin, length);
    }
  }
  return out;
}

std::string CutToWidth(absl::string_view text, size_t width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  std::string out;
  size_t taken = 1;
  size_t length = 0;
  while (!text.empty()) {
    const char* const begin = text.data();
    taken += WidthOf(TakeCodePoint(&text, &length));
    if (taken > width) break;
    out.append(begin, length);
  }
  return out + "…";
}

std::string WithThousands(uint64_t number) {
  std::string digits = absl::StrCat(number);
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string CountText(uint64_t count, absl::string_view one, absl::string_view many) {
  return absl::StrCat(WithThousands(count), " ", count == 1 ? one : many);
}

std::string ByteCount(uint64_t bytes) {
  if (bytes < 1000) return absl::StrCat(bytes, " B");
  if (bytes < 1'000'000) return absl::StrFormat("%.1f kB", static_cast<double>(bytes) / 1e3);
  return absl::StrFormat("%.1f MB", static_cast<double>(bytes) / 1e6);
}

}  // namespace brigada
