#include "replica/store/authority_collect.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "replica/base/status_macros.h"
#include "replica/store/keys.h"

namespace brigada {
namespace {

// A deletion that a person may still take back stays, and so does what must never come back.
bool IsOld(const RecordStorage& state, uint64_t floor) {
  const Record& base = state.base;
  return base.deleted && !base.erased && base.conflicts.empty() && base.sequence <= floor;
}

}  // namespace

absl::StatusOr<OldTombstones> FindOldTombstones(const Registry& registry, const KvReader& reader,
                                                const CollectRequest& request) {
  OldTombstones found;
  const std::string begin = PartitionPrefix(request.partition);
  const std::unique_ptr<KvIterator> it = reader.Iterate(
      Table::kRecords, request.from.empty() ? begin : request.from, PrefixEnd(begin));
  size_t read = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    if (read++ == request.max_records) {
      found.next = std::string(it->key());
      return found;
    }
    RecordKeyParts parts;
    if (!ParseRecordKey(it->key(), &parts)) continue;
    const auto state = DecodeStorage(registry.Find(parts.type_id), it->value());
    if (state.ok() && IsOld(*state, request.floor))
      found.records.emplace_back(parts.type_id, parts.id);
  }
  RETURN_IF_ERROR(it->status());
  return found;
}

absl::StatusOr<uint64_t> StageCollection(const CollectRequest& request,
                                         const std::vector<std::pair<uint32_t, RecordId>>& found,
                                         RecordBatch* records, KvBatch* batch) {
  uint64_t newest = 0;
  uint64_t count = 0;
  for (const auto& [type_id, id] : found) {
    ASSIGN_OR_RETURN(RecordSlot* const slot, records->Open(request.partition, type_id, id));
    // It may have begun another life meanwhile.
    if (!IsOld(slot->state, request.floor)) continue;
    newest = std::max(newest, slot->state.base.sequence);
    for (const Departure& departure : slot->state.departures) {
      batch->Delete(Table::kFeeds, FeedKey(request.partition, departure.scope, departure.kind,
                                           departure.sequence, type_id, id));
    }
    slot->state = RecordStorage();
    slot->dirty = true;
    ++count;
  }
  if (count == 0) return count;
  RETURN_IF_ERROR(records->Stage(batch));
  const std::string key = CollectedKey(request.partition);
  ASSIGN_OR_RETURN(const std::optional<std::string> before,
                   records->reader().Get(Table::kMeta, key));
  if (before.has_value()) newest = std::max(newest, NumberOf(*before));
  batch->Put(Table::kMeta, key, NumberValue(newest));
  return count;
}

}  // namespace brigada
