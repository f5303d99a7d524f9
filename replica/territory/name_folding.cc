#include "replica/territory/name_folding.h"

#include <utf8proc.h>

#include <cstdint>
#include <vector>

#include "replica/base/utf8.h"

namespace brigada {
namespace {

bool IsLetterOrDigit(int32_t point) {
  const utf8proc_category_t category = utf8proc_category(point);
  return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
         (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

}  // namespace

std::string FoldName(absl::string_view name, Enye enye) {
  const absl::optional<std::vector<int32_t>> points = FoldedCodePoints(name);
  if (!points.has_value()) return "";
  std::string folded;
  bool gap = false;
  for (const int32_t point : *points) {
    if (!IsLetterOrDigit(point)) {
      gap = true;
      continue;
    }
    if (gap && !folded.empty()) folded.push_back(' ');
    gap = false;
    AppendCodePoint(point == kSmallEnye && enye == Enye::kAsN ? 'n' : point, &folded);
  }
  return folded;
}

}  // namespace brigada
