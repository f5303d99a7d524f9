#include "replica/store/scope_sums.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/store/feed_cover.h"
#include "replica/store/feed_entries.h"
#include "replica/store/keys.h"

namespace brigada {
namespace {

// Each place once, with the highest class read there, in the order of scope and kind.
std::vector<v1::Feed> DistinctPlaces(absl::Span<const v1::Feed> feeds) {
  std::map<std::pair<std::string, v1::FeedKind>, v1::Feed> places;
  for (const v1::Feed& feed : feeds) {
    v1::Feed& place = places.try_emplace({feed.scope(), feed.kind()}, feed).first->second;
    place.set_max_class(std::max(place.max_class(), feed.max_class()));
  }
  std::vector<v1::Feed> distinct;
  distinct.reserve(places.size());
  for (auto& [name, feed] : places) distinct.push_back(std::move(feed));
  return distinct;
}

// What the feeds around one say of the same records.
struct Surroundings {
  const v1::Feed* outermost = nullptr;  // itself when nothing is around it
  v1::DataClass max_class = v1::DATA_CLASS_UNSPECIFIED;
};

Surroundings Around(const v1::Feed& feed, const std::vector<v1::Feed>& places) {
  Surroundings around{.outermost = &feed};
  for (const v1::Feed& other : places) {
    if (&other == &feed || !IsPlaceInside(feed, other)) continue;
    around.max_class = std::max(around.max_class, other.max_class());
    if (IsPlaceInside(*around.outermost, other)) around.outermost = &other;
  }
  return around;
}

}  // namespace

void CountIn(absl::string_view partition, absl::string_view scope, const ClassSums& sums,
             bool is_added, SumsByKey* changes) {
  if (scope.empty() || PartitionOfScope(scope) != partition || sums.is_zero()) return;
  for (const FeedName& feed : FeedsOf(partition, scope)) {
    ClassSums& change = (*changes)[SumKey(partition, feed.scope, feed.kind)];
    is_added ? change.Add(sums) : change.Subtract(sums);
  }
}

absl::StatusOr<ClassSums> ReadClassSums(const KvReader& reader, absl::string_view key) {
  ClassSums sums;
  ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(Table::kMeta, key));
  if (value.has_value() && !DecodeClassSums(*value, &sums))
    return absl::DataLossError("the sums of a scope are damaged");
  return sums;
}

absl::StatusOr<std::vector<v1::ScopeSum>> ReadScopeSums(const KvReader& reader,
                                                        absl::string_view partition,
                                                        absl::Span<const v1::Feed> feeds) {
  const std::vector<v1::Feed> places = DistinctPlaces(feeds);
  std::map<const v1::Feed*, CountedSum> totals;
  for (const v1::Feed& feed : places) {
    const Surroundings around = Around(feed, places);
    const bool is_outermost = around.outermost == &feed;
    if (!is_outermost && feed.max_class() <= around.max_class) continue;
    ASSIGN_OR_RETURN(const ClassSums sums,
                     ReadClassSums(reader, SumKey(partition, feed.scope(), feed.kind())));
    CountedSum& total = totals[around.outermost];
    total.Add(sums.UpTo(feed.max_class()));
    if (is_outermost) {
      total.Add(sums.unknown());
    } else {
      total.Subtract(sums.UpTo(around.max_class));
    }
  }
  std::vector<v1::ScopeSum> result;
  for (const v1::Feed& feed : places) {
    const auto total = totals.find(&feed);
    if (total == totals.end() || Around(feed, places).outermost != &feed) continue;
    v1::ScopeSum& sum = result.emplace_back();
    sum.set_scope(feed.scope());
    sum.set_kind(feed.kind());
    sum.set_count(total->second.count);
    sum.set_fingerprint(total->second.Fingerprint());
  }
  return result;
}

absl::StatusOr<bool> StageAllSums(const KvReader& reader, absl::string_view partition,
                                  const SumsByKey& sums, KvBatch* batch) {
  std::map<std::string, std::string, std::less<>> wrong;
  for (const auto& [key, value] : sums) {
    if (!value.is_zero()) wrong[key] = EncodeClassSums(value);
  }
  const std::string prefix = SumPrefix(partition);
  const std::unique_ptr<KvIterator> it = reader.Iterate(Table::kMeta, prefix, PrefixEnd(prefix));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const auto found = wrong.find(it->key());
    if (found == wrong.end()) {
      batch->Delete(Table::kMeta, std::string(it->key()));
    } else if (found->second == it->value()) {
      wrong.erase(found);
    }
  }
  RETURN_IF_ERROR(it->status());
  for (const auto& [key, value] : wrong) batch->Put(Table::kMeta, key, value);
  return !batch->empty();
}

}  // namespace brigada
