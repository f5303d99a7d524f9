// What follows from the records: index, feeds, counts and sums.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/store/device_keys.h"
#include "replica/store/feed_entries.h"
#include "replica/store/keys.h"
#include "replica/store/record_footprint.h"
#include "replica/store/store_checker.h"

namespace brigada {
namespace {

// Index: partition 00 generation type(4) field(4) value id(16). Feeds: partition 00 scope 00 kind
// sequence(8) type(4) id(16). The key of the record that such a key is about; empty when malformed.
std::string RecordKeyOf(Table table, absl::string_view key) {
  const absl::string_view partition = PartitionOfKey(key);
  const size_t prefix = partition.size() + 1;
  const size_t tail = RecordId::kSize + sizeof(uint32_t);
  if (partition.empty() || key.size() < prefix + 1 + tail) return "";
  const size_t type_at = table == Table::kIndex ? prefix + 1 : key.size() - tail;
  return RecordKey(partition, BigEndian32(key.substr(type_at)), IdOfIndexKey(key));
}

}  // namespace

std::string StoreChecker::NameOf(const StoredAt& record) {
  return absl::StrCat(
      record.partition, " ",
      record.type == nullptr ? absl::StrCat("type ", record.type_id) : record.type->plural(), " ",
      record.id.ToString());
}

std::optional<StoreChecker::StoredAt> StoreChecker::RecordAt(absl::string_view key,
                                                             absl::string_view value) const {
  RecordKeyParts parts;
  if (!ParseRecordKey(key, &parts)) return std::nullopt;
  StoredAt record{
      std::string(parts.partition), parts.type_id, parts.id, registry_.Find(parts.type_id), {}};
  absl::StatusOr<RecordStorage> state = DecodeStorage(record.type, value);
  if (!state.ok()) return std::nullopt;
  record.state = *std::move(state);
  return record;
}

void StoreChecker::CheckRecords() {
  Read(Table::kRecords, "", "", [&](absl::string_view key, absl::string_view value) {
    ++findings_.records;
    const std::optional<StoredAt> record = RecordAt(key, value);
    if (record.has_value()) return CheckRecord(*record);
    RecordKeyParts parts;
    const bool has_key = ParseRecordKey(key, &parts);
    Report(StoreDamage::kMalformed, has_key ? NameOf({std::string(parts.partition),
                                                      parts.type_id,
                                                      parts.id,
                                                      registry_.Find(parts.type_id),
                                                      {}})
                                            : "the key of a record");
  });
}

void StoreChecker::CheckRecord(const StoredAt& record) {
  for (const std::string& key : IndexKeysOf(record)) {
    ++wanted_index_entries_;
    if (!Get(Table::kIndex, key).has_value())
      Report(StoreDamage::kIndex, absl::StrCat(NameOf(record), ", missing"));
  }
  for (const std::string& key : FeedKeysOf(record)) {
    ++wanted_feed_entries_;
    if (!Get(Table::kFeeds, key).has_value())
      Report(StoreDamage::kFeed, absl::StrCat(NameOf(record), ", missing"));
  }
  const Footprint footprint = FootprintOf(record.type, record.type_id, record.state.visible());
  if (footprint.is_live) ++counts_[record.type_id];
  if (footprint.is_open_conflict) ++open_conflicts_;
  const Record& base = record.state.base;
  uint64_t& newest = newest_[record.partition];
  newest = std::max(newest, base.sequence);
  if (IsInSums(record.state)) {
    CountIn(record.partition, base.scope(),
            SumsOf(record.type, record.type_id, record.id, base, sum_policy_, record.state.untold),
            /*is_added=*/true, &sums_);
  }
  CheckPending(record);
}

void StoreChecker::CheckPending(const StoredAt& record) {
  const RecordStorage& state = record.state;
  for (const uint64_t sequence : state.pending) {
    if (!Get(Table::kOutbox, ChangeSetKey(record.partition, sequence)).has_value()) {
      Report(StoreDamage::kOutbox,
             absl::StrCat(NameOf(record), ", change set ", sequence, " missing"));
    }
  }
}

std::vector<std::string> StoreChecker::IndexKeysOf(const StoredAt& record) const {
  std::vector<std::string> keys;
  const Footprint footprint = FootprintOf(record.type, record.type_id, record.state.visible());
  for (const IndexTerm& term : footprint.terms)
    keys.push_back(IndexKey(record.partition, record.type_id, term.field, term.value, record.id));
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

std::vector<std::string> StoreChecker::FeedKeysOf(const StoredAt& record) const {
  std::vector<std::string> keys;
  if (is_device()) return keys;
  const Record& base = record.state.base;
  if (base.exists()) {
    for (const FeedName& feed : FeedsOf(record.partition, base.scope())) {
      keys.push_back(FeedKey(record.partition, feed.scope, feed.kind, base.sequence, record.type_id,
                             record.id));
    }
  }
  for (const Departure& departure : record.state.departures) {
    keys.push_back(FeedKey(record.partition, departure.scope, departure.kind, departure.sequence,
                           record.type_id, record.id));
  }
  return keys;
}

void StoreChecker::CheckIndex() {
  const uint64_t damages = findings_.damages;
  Read(Table::kIndex, "", "",
       [&](absl::string_view, absl::string_view) { ++findings_.index_entries; });
  // What is missing has been named already; as many strays may hide behind it.
  if (findings_.index_entries != wanted_index_entries_ || damages > 0)
    FindStrays(Table::kIndex, StoreDamage::kIndex);
}

void StoreChecker::CheckFeeds() {
  const uint64_t damages = findings_.damages;
  Read(Table::kFeeds, "", "",
       [&](absl::string_view, absl::string_view) { ++findings_.feed_entries; });
  if (findings_.feed_entries != wanted_feed_entries_ || damages > 0)
    FindStrays(Table::kFeeds, StoreDamage::kFeed);
}

void StoreChecker::FindStrays(Table table, StoreDamage::Kind kind) {
  Read(table, "", "", [&](absl::string_view key, absl::string_view) {
    const std::string record_key = RecordKeyOf(table, key);
    const std::optional<std::string> value =
        record_key.empty() ? std::nullopt : Get(Table::kRecords, record_key);
    const std::optional<StoredAt> record =
        value.has_value() ? RecordAt(record_key, *value) : std::nullopt;
    std::vector<std::string> wanted;
    if (record.has_value())
      wanted = table == Table::kIndex ? IndexKeysOf(*record) : FeedKeysOf(*record);
    if (std::find(wanted.begin(), wanted.end(), key) != wanted.end()) return;
    Report(kind, absl::StrCat(record.has_value() ? NameOf(*record)
                                                 : absl::StrCat("table ", TableName(table)),
                              ", stray"));
  });
}

void StoreChecker::CheckCounts() {
  for (const RecordType* type : registry_.types()) counts_.try_emplace(type->type_id(), 0);
  for (const auto& [type_id, count] : counts_) {
    if (NumberOf(Get(Table::kMeta, CountKey(type_id)).value_or("")) != count) {
      const RecordType* const type = registry_.Find(type_id);
      Report(StoreDamage::kCount,
             type == nullptr ? absl::StrCat("type ", type_id) : type->plural());
    }
  }
  if (NumberOf(Get(Table::kMeta, kOpenConflictsKey).value_or("")) != open_conflicts_)
    Report(StoreDamage::kCount, std::string(kOpenConflictsKey));
  if (is_device()) return;
  for (const auto& [partition, newest] : newest_) {
    if (NumberOf(Get(Table::kMeta, HeadKey(partition)).value_or("")) < newest)
      Report(StoreDamage::kCount, absl::StrCat("head of ", partition));
  }
}

void StoreChecker::CheckSums() {
  constexpr absl::string_view kSumName = "sum";
  std::map<std::string, std::string, std::less<>> wanted;
  for (const auto& [key, sums] : sums_) {
    if (!sums.is_zero()) wanted[key] = EncodeClassSums(sums);
  }
  const auto name = [](absl::string_view key) {
    std::string text(AfterMetaName(key));
    std::replace(text.begin(), text.end(), '\0', ' ');
    // The kind is a byte.
    if (!text.empty()) text.back() = text.back() == v1::HERE ? 'h' : 'b';
    return text;
  };
  const std::string prefix = NamedMetaKey(kSumName, "");
  Read(Table::kMeta, prefix, PrefixEnd(prefix),
       [&](absl::string_view key, absl::string_view value) {
         const auto found = wanted.find(key);
         if (found == wanted.end() || found->second != value) Report(StoreDamage::kSum, name(key));
         if (found != wanted.end()) wanted.erase(found);
       });
  for (const auto& [key, value] : wanted) Report(StoreDamage::kSum, name(key));
}

}  // namespace brigada
