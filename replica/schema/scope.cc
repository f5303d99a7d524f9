#include "replica/schema/scope.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "replica/base/check.h"
#include "replica/base/limits.h"

namespace brigada {
namespace {

constexpr absl::string_view kRoot = "MX";

bool IsSegment(absl::string_view segment) {
  if (segment.empty() || segment.size() > kMaxScopeSegmentBytes) return false;
  return std::all_of(segment.begin(), segment.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return absl::ascii_isupper(byte) || absl::ascii_isdigit(byte);
  });
}

// Where the first `depth` levels of `path` end.
size_t EndOfLevel(absl::string_view path, int depth) {
  size_t end = path.find('/');
  for (int level = 1; level < depth && end != absl::string_view::npos; ++level)
    end = path.find('/', end + 1);
  return std::min(end, path.size());
}

}  // namespace

absl::StatusOr<Scope> Scope::Parse(absl::string_view path) {
  if (path.empty()) return absl::InvalidArgumentError("a scope is missing");
  // Checked before the split so that a hostile length costs nothing.
  if (path.size() > kMaxScopeDepth * (kMaxScopeSegmentBytes + 1))
    return absl::InvalidArgumentError("a scope is too long");
  const std::vector<absl::string_view> segments = absl::StrSplit(path, '/');
  if (segments[0] != kRoot)
    return absl::InvalidArgumentError(absl::StrCat("a scope starts with ", kRoot));
  if (segments.size() > kMaxScopeDepth) {
    return absl::InvalidArgumentError(
        absl::StrCat("a scope has at most ", kMaxScopeDepth, " levels"));
  }
  for (absl::string_view segment : segments) {
    if (!IsSegment(segment)) {
      return absl::InvalidArgumentError(
          absl::StrCat("a level of a scope is 1 to ", kMaxScopeSegmentBytes,
                       " capital letters and digits, as in MX/20/067"));
    }
  }
  return Scope(std::string(path));
}

bool Scope::IsPartition(absl::string_view path) {
  if (path == kRoot) return true;
  return path.size() == kRoot.size() + 3 && absl::StartsWith(path, kRoot) &&
         path[kRoot.size()] == '/' &&
         absl::ascii_isdigit(static_cast<unsigned char>(path[kRoot.size() + 1])) &&
         absl::ascii_isdigit(static_cast<unsigned char>(path[kRoot.size() + 2]));
}

int Scope::depth() const {
  if (empty()) return 0;
  return 1 + static_cast<int>(std::count(path_.begin(), path_.end(), '/'));
}

absl::string_view Scope::partition() const {
  return absl::string_view(path_).substr(0, EndOfLevel(path_, 2));
}

bool Scope::Contains(const Scope& other) const {
  if (empty() || other.path_.compare(0, path_.size(), path_) != 0) return false;
  return other.path_.size() == path_.size() || other.path_[path_.size()] == '/';
}

Scope Scope::Ancestor(int depth) const {
  CHECK(depth >= 1 && depth <= this->depth());
  return Scope(path_.substr(0, EndOfLevel(path_, depth)));
}

std::vector<Scope> Scope::LevelsInPartition() const {
  std::vector<Scope> levels;
  const int last = depth();
  for (int level = std::min(last, 2); level > 0 && level <= last; ++level)
    levels.push_back(Ancestor(level));
  return levels;
}

}  // namespace brigada
