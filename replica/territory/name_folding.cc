#include "replica/territory/name_folding.h"

#include <utf8proc.h>

#include <array>
#include <cstdint>
#include <vector>

namespace brigada {
namespace {

constexpr int32_t kCombiningTilde = 0x0303;
constexpr int32_t kEnye = 0x00F1;

// Decomposed and case-folded code points; empty when `text` is not UTF-8.
std::vector<int32_t> Decompose(absl::string_view text) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const auto size = static_cast<utf8proc_ssize_t>(text.size());
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD);
  const utf8proc_ssize_t count = utf8proc_decompose(bytes, size, nullptr, 0, options);
  if (count <= 0) return {};
  std::vector<int32_t> points(static_cast<size_t>(count));
  if (utf8proc_decompose(bytes, size, points.data(), count, options) != count) return {};
  return points;
}

bool IsMark(int32_t point) {
  const utf8proc_category_t category = utf8proc_category(point);
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
         category == UTF8PROC_CATEGORY_ME;
}

bool IsLetterOrDigit(int32_t point) {
  const utf8proc_category_t category = utf8proc_category(point);
  return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
         (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

void Append(int32_t point, std::string& out) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  const utf8proc_ssize_t size = utf8proc_encode_char(point, bytes.data());
  out.append(reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(size));
}

}  // namespace

std::string FoldName(absl::string_view name, Enye enye) {
  const std::vector<int32_t> points = Decompose(name);
  std::string folded;
  bool gap = false;
  for (size_t i = 0; i < points.size();) {
    const int32_t base = points[i++];
    bool tilde = false;
    // The marks after a base stand in canonical order: the tilde need not come first.
    for (; i < points.size() && IsMark(points[i]); ++i) {
      if (points[i] == kCombiningTilde) tilde = true;
    }
    if (!IsLetterOrDigit(base)) {
      gap = true;
      continue;
    }
    if (gap && !folded.empty()) folded.push_back(' ');
    gap = false;
    Append(base == 'n' && tilde && enye == Enye::kKept ? kEnye : base, folded);
  }
  return folded;
}

}  // namespace brigada
