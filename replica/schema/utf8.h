// Checking and taking apart UTF-8 of any origin. Inside replica/schema only.
#ifndef REPLICA_SCHEMA_UTF8_H_
#define REPLICA_SCHEMA_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace brigada {

// Unicode code points of `text`; nothing when it is not valid UTF-8.
absl::optional<size_t> CountCodePoints(absl::string_view text);

// Takes one code point off the front; -1 (and one byte less) when it is not valid UTF-8. `text` is
// not empty.
int32_t TakeCodePoint(absl::string_view* text);

void AppendCodePoint(int32_t code_point, std::string* out);

}  // namespace brigada

#endif  // REPLICA_SCHEMA_UTF8_H_
