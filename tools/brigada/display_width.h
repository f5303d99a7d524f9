// How text looks on a terminal.
#ifndef TOOLS_BRIGADA_DISPLAY_WIDTH_H_
#define TOOLS_BRIGADA_DISPLAY_WIDTH_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace brigada {

// Columns that `text` takes: accents of their own take none, wide characters two. A byte that is
// not UTF-8 counts as one.
size_t DisplayWidth(absl::string_view text);

// `text` without what would move the cursor or colour the screen: control characters, bidirectional
// overrides and bytes that are not UTF-8 are written as \x1b, \u202e.
std::string PrintableText(absl::string_view text);

// `text` cut to `width` columns, with "…" at the end when something is missing.
std::string CutToWidth(absl::string_view text, size_t width);

// The number with commas between thousands, as Mexico writes it.
std::string WithThousands(uint64_t number);

// How many of what: "1 fila", "2,478 filas".
std::string CountText(uint64_t count, absl::string_view one, absl::string_view many);

// Bytes as "812 B", "24.1 kB", "3.0 MB".
std::string ByteCount(uint64_t bytes);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_DISPLAY_WIDTH_H_
