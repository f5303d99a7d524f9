#include "replica/query/record_access.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace brigada {
namespace {

constexpr absl::string_view kNation = "MX";
constexpr size_t kStateKeySize = 2;

bool Covers(const Region& outer, const Region& inner) {
  if (outer.exact) return inner.exact && outer.scope == inner.scope;
  return outer.scope.Contains(inner.scope);
}

}  // namespace

bool Region::Holds(absl::string_view path) const {
  const std::string& own = scope.path();
  if (path == own) return true;
  return !exact && path.size() > own.size() && path[own.size()] == '/' &&
         absl::StartsWith(path, own);
}

RecordAccess::RecordAccess(const ReadAccess& access) : everything_(access.everything) {
  if (everything_) {
    max_class_ = v1::INCIDENT;
    regions_.push_back({*Scope::Parse(kNation), false});
    return;
  }
  for (const v1::Feed& feed : access.feeds) {
    auto scope = Scope::Parse(feed.scope());
    const bool is_known = feed.kind() == v1::HERE || feed.kind() == v1::BELOW;
    if (!scope.ok() || !is_known || feed.max_class() == v1::DATA_CLASS_UNSPECIFIED) continue;
    const Region region{*std::move(scope), feed.kind() == v1::HERE};
    grants_.push_back({region, feed.max_class()});
    max_class_ = std::max(max_class_, feed.max_class());
    AddRegion(region);
  }
}

void RecordAccess::AddRegion(const Region& region) {
  for (const Region& known : regions_) {
    if (Covers(known, region)) return;
  }
  regions_.erase(std::remove_if(regions_.begin(), regions_.end(),
                                [&](const Region& known) { return Covers(region, known); }),
                 regions_.end());
  regions_.push_back(region);
}

v1::DataClass RecordAccess::ReadableClass(absl::string_view path) const {
  if (everything_) return v1::INCIDENT;
  v1::DataClass readable = v1::DATA_CLASS_UNSPECIFIED;
  for (const Grant& grant : grants_) {
    if (grant.max_class > readable && grant.region.Holds(path)) readable = grant.max_class;
  }
  return readable;
}

v1::DataClass RecordAccess::ReadableClass(const RecordType& type, const RecordView& record) const {
  const v1::DataClass readable = ReadableClass(record.scope);
  const v1::DataClass own =
      record.data_class == v1::DATA_CLASS_UNSPECIFIED ? type.data_class() : record.data_class;
  return own > readable ? v1::DATA_CLASS_UNSPECIFIED : readable;
}

std::vector<Region> Intersect(const std::vector<Region>& regions, const Region& wanted) {
  std::vector<Region> cut;
  for (const Region& region : regions) {
    if (Covers(region, wanted)) {
      cut.push_back(wanted);
    } else if (Covers(wanted, region)) {
      cut.push_back(region);
    }
  }
  return cut;
}

std::string StateKeyOf(absl::string_view path) {
  const std::vector<absl::string_view> levels = absl::StrSplit(path, '/');
  return levels.size() < 2 ? std::string() : std::string(levels[1]);
}

std::string MunicipalityKeyOf(absl::string_view path) {
  const std::vector<absl::string_view> levels = absl::StrSplit(path, '/');
  // Only so can the key be taken apart again.
  if (levels.size() < 3 || levels[1].size() != kStateKeySize) return std::string();
  return absl::StrCat(levels[1], levels[2]);
}

}  // namespace brigada
