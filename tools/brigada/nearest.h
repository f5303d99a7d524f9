// The name that somebody who mistyped probably meant.
#ifndef TOOLS_BRIGADA_NEAREST_H_
#define TOOLS_BRIGADA_NEAREST_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace brigada {

// Letters to insert, remove, replace or swap with their neighbour to make `b` out of `a`.
size_t EditDistance(absl::string_view a, absl::string_view b);

// The closest of `names`, or empty when none is close: a third of the letters may be wrong, or
// `wanted` begins a single name. Upper and lower case, '-' and '_' count as equal.
std::string NearestName(absl::string_view wanted, const std::vector<std::string>& names);

// " ¿Quiso decir X?" in the user's language, or empty when nothing is near.
std::string DidYouMean(absl::string_view wanted, const std::vector<std::string>& names);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_NEAREST_H_
