#include "replica/schema/utf8.h"

#include <utf8proc.h>

namespace brigada {

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

}  // namespace brigada
