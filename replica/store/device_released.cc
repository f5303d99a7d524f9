// A change set that was kept out and is applied after all: what it waited for has come, or an
// administrator released it. What it says may be retained, or on the rejected list, or both.
#include <memory>
#include <utility>

#include "replica/base/status_macros.h"
#include "replica/store/batch_in_progress.h"
#include "replica/store/device_keys.h"
#include "replica/store/grant_cover.h"
#include "replica/store/keys.h"
#include "replica/store/kv_device_store.h"
#include "replica/store/refusals.h"

namespace brigada {
void KvDeviceStore::LeaveList(uint64_t sequence, BatchInProgress* work) {
  const std::string key = ChangeSetKey(work->partition, sequence);
  work->writes.Delete(Table::kRejected, key);
  work->released.insert(key);
  work->rejected.erase(key);
  work->is_rejected[sequence] = false;
  --work->rejected_gain;
}

absl::Status KvDeviceStore::FoldReleased(const PendingSet& set, const v1::Verdict& verdict,
                                         BatchInProgress* work) {
  RETURN_IF_ERROR(FoldChanges(set, verdict, work));
  for (const v1::Change& change : set.body.changes()) {
    ASSIGN_OR_RETURN(const RecordId id, RecordId::FromBytes(change.record_id()));
    ASSIGN_OR_RETURN(RecordSlot* const slot,
                     work->records.Open(work->partition, change.type_id(), id));
    slot->dirty = true;
  }
  return absl::OkStatus();
}

// Nothing of it is retained that could be read: its copy on the list says what it said, if it is
// there.
absl::Status KvDeviceStore::SettleListed(const v1::Verdict& verdict, BatchInProgress* work) {
  if (IsKeptOut(verdict)) return absl::OkStatus();
  const uint64_t sequence = verdict.sequence();
  const std::string key = ChangeSetKey(work->partition, sequence);
  if (work->released.contains(key)) return absl::OkStatus();
  v1::ChangeSetHeader header;
  header.set_replica(replica_.AsBytes());
  header.set_sequence(sequence);
  ASSIGN_OR_RETURN(const auto value, kv_->Get(Table::kRejected, key));
  v1::RejectedChangeSet listed;
  PendingSet judged;
  const bool is_readable = value.has_value() && listed.ParseFromString(*value) &&
                           judged.header.ParseFromString(listed.change_set().header()) &&
                           judged.body.ParseFromString(listed.change_set().body());
  if (value.has_value()) LeaveList(sequence, work);
  if (is_readable) header = judged.header;
  if (verdict.released_ms() != 0) RETURN_IF_ERROR(EndSameWork(header, work));
  // What was released comes with the entries as well, to who may read it. The list keeps what this
  // device said of a place that it has lost since: that is not shown again.
  const bool is_lost = verdict.released_ms() != 0 && !GrantsCoverAll(LastWelcome(), listed.scopes(),
                                                                     judged.body, work->partition);
  if (!is_readable || is_lost || sequence <= work->state.head.redelivered())
    return absl::OkStatus();
  return FoldReleased(judged, verdict, work);
}

// Those of the list that say what has been released, unedited, have nothing left to say.
absl::Status KvDeviceStore::EndSameWork(const v1::ChangeSetHeader& released,
                                        BatchInProgress* work) const {
  const std::string prefix = PartitionPrefix(work->partition);
  const auto said_already = [&](const v1::RejectedChangeSet& listed) {
    v1::ChangeSetHeader header;
    return header.ParseFromString(listed.change_set().header()) && SaysTheSame(header, released);
  };
  std::vector<uint64_t> settled;
  const auto it = kv_->Iterate(Table::kRejected, prefix, PrefixEnd(prefix));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    v1::RejectedChangeSet listed;
    if (!work->released.contains(std::string(it->key())) &&
        listed.ParseFromArray(it->value().data(), static_cast<int>(it->value().size())) &&
        said_already(listed))
      settled.push_back(BigEndian64(it->key().substr(prefix.size())));
  }
  RETURN_IF_ERROR(it->status());
  for (const auto& [key, listed] : work->rejected)
    if (said_already(listed)) settled.push_back(listed.verdict().sequence());
  for (const uint64_t sequence : settled) LeaveList(sequence, work);
  return absl::OkStatus();
}

}  // namespace brigada
