// Checking and taking apart UTF-8 of any origin, and folding the case and the accents of text.
#ifndef REPLICA_BASE_UTF8_H_
#define REPLICA_BASE_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace brigada {

// Unicode code points of `text`; nothing when it is not valid UTF-8.
absl::optional<size_t> CountCodePoints(absl::string_view text);

// Whether there is nothing to see in `text`: it is empty, or white space, control and format
// characters alone. Text that is not valid UTF-8 is not blank.
bool IsBlank(absl::string_view text);

// Takes one code point off the front; -1 (and one byte less) when it is not valid UTF-8. `text` is
// not empty.
int32_t TakeCodePoint(absl::string_view* text);

void AppendCodePoint(int32_t code_point, std::string* out);

inline constexpr int32_t kSmallEnye = 0xf1;

// The code points of `text` with case folded and marks dropped, but ñ kept as the one code point
// kSmallEnye: it is a letter of its own in Spanish. Every Unicode normal form of a text gives the
// same. Nothing when `text` is not valid UTF-8.
absl::optional<std::vector<int32_t>> FoldedCodePoints(absl::string_view text);

}  // namespace brigada

#endif  // REPLICA_BASE_UTF8_H_
