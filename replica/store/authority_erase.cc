#include "replica/store/authority_erase.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "brigada/v1/conflict.pb.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/hash_chain.h"
#include "replica/schema/fragment.h"
#include "replica/schema/index_value.h"
#include "replica/store/keys.h"
#include "replica/store/scrub_notes.h"
#include "replica/store/sealed_body.h"

namespace brigada {
namespace {

// Of one commit: its entries travel in one batch.
constexpr size_t kMaxConflictsPerCommit = 500;

// This server has not the key to what is sealed, or it would have opened it, and the header names
// no record: whatever is erased may be in it.
bool DropSealed(v1::ChangeSet* set) {
  if (!set->has_sealed_body()) return false;
  const absl::StatusOr<Sha256Digest> hash = BodyHashOf(*set);
  v1::ChangeSet::Stub* const stub = set->mutable_stub();
  stub->set_reason(v1::ChangeSet::Stub::ERASED);
  if (hash.ok()) stub->set_body_hash(std::string(AsView(*hash)));
  return true;
}

// True when it kept something of the record, which it has lost now.
bool Scrub(const ErasureRequest& request, v1::ChangeSet* set) {
  if (DropSealed(set)) return true;
  v1::ChangeSetBody body;
  if (!body.ParseFromString(set->body()) ||
      !EmptyChanges(request.type_id, request.id.bytes(), &body))
    return false;
  std::string scrubbed = body.SerializeAsString();
  if (scrubbed == set->body()) return false;
  set->set_body(std::move(scrubbed));
  return true;
}

bool IsAbout(const RecordSlot& slot, const ErasureRequest& request) {
  v1::Conflict conflict;
  return slot.state.base.is_live() && conflict.ParseFromString(slot.state.base.Message()) &&
         conflict.about_type() == request.type_id && conflict.about_record() == request.id.bytes();
}

}  // namespace

void MakeErased(const WriteRef& write, absl::string_view scope, Record* record) {
  Record bare;
  bare.writes.push_back(record->exists() ? record->created() : write);
  if (record->exists()) bare.writes.push_back(write);
  bare.deleted = true;
  bare.erased = true;
  bare.deleted_by = static_cast<uint32_t>(bare.writes.size() - 1);
  bare.sequence = write.sequence;
  bare.entered = record->entered;
  bare.data_class = record->data_class;
  const std::string path = record->exists() ? record->scope() : std::string(scope);
  if (!path.empty()) {
    FieldState& field = bare.fields.emplace_back();
    field.number = kScopeFieldNumber;
    field.changed = bare.deleted_by;
    field.slots.push_back(Slot{"", {Version{bare.deleted_by, ScopeFragment(path)}}});
  }
  *record = std::move(bare);
}

bool EmptyChanges(uint32_t type_id, absl::string_view record_id, v1::ChangeSetBody* body) {
  bool any = false;
  for (v1::Change& change : *body->mutable_changes()) {
    if (change.type_id() != type_id || change.record_id() != record_id) continue;
    v1::Change emptied;
    emptied.set_type_id(type_id);
    emptied.set_record_id(change.record_id());
    change = std::move(emptied);
    any = true;
  }
  return any;
}

Erasure::Erasure(CommitBase base, const ErasureRequest& request)
    : base_(std::move(base)), request_(request), records_(base_.table, base_.reader) {}

absl::Status Erasure::Stage(KvBatch* batch) {
  KvBatch scrubbed;
  std::vector<std::string> known;
  for (const std::string& partition : base_.table->Partitions()) {
    ASSIGN_OR_RETURN(
        const auto bytes,
        base_.reader->Get(Table::kRecords, RecordKey(partition, request_.type_id, request_.id)));
    if (bytes.has_value()) known.push_back(partition);
  }
  for (const std::string& partition : known)
    RETURN_IF_ERROR(EraseIn(partition, /*is_known=*/true, &scrubbed));
  if (known.empty()) {
    if (request_.scope.empty())
      return absl::NotFoundError("erase: the server has no such record; say where it would be");
    ASSIGN_OR_RETURN(const Scope scope, Scope::Parse(request_.scope));
    if (!Scope::IsPartition(scope.partition()))
      return absl::InvalidArgumentError("erase: the scope is in no state");
    known.emplace_back(scope.partition());
    RETURN_IF_ERROR(EraseIn(known.back(), /*is_known=*/false, &scrubbed));
  }
  // It may wait for the record where that has never been.
  for (const auto& [partition, head] : base_.heads) {
    if (std::find(known.begin(), known.end(), partition) == known.end())
      RETURN_IF_ERROR(ScrubQuarantine(partition, &scrubbed));
  }
  if (report_.partitions.empty() && scrubbed.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(records_.Stage(batch));
  // Their files hold what is erased now.
  std::set<std::string> due(known.begin(), known.end());
  for (const KvBatch::Op& op : scrubbed.ops()) {
    due.emplace(PartitionOfKey(op.key));
    batch->Put(op.table, op.key, op.value);
  }
  for (const std::string& partition : due)
    RETURN_IF_ERROR(StageScrubNote(*base_.reader, partition, batch));
  for (const std::string& partition : report_.partitions)
    batch->Put(Table::kMeta, HeadKey(partition), NumberValue(base_.heads[partition]));
  batch->Put(Table::kMeta, std::string(kClockKey), NumberValue(base_.clock.last().value));
  return absl::OkStatus();
}

absl::Status Erasure::EraseIn(const std::string& partition, bool is_known, KvBatch* batch) {
  ASSIGN_OR_RETURN(RecordSlot * slot, records_.Open(partition, request_.type_id, request_.id));
  ASSIGN_OR_RETURN(std::vector<RecordSlot*> conflicts, ConflictsIn(partition));
  RETURN_IF_ERROR(ScrubQuarantine(partition, batch));
  const bool is_erased = is_known && slot->state.base.erased;
  if (is_erased && conflicts.empty()) return absl::OkStatus();
  WriteRef write;
  write.stamp = base_.clock.Tick(base_.now);
  write.user = request_.user;
  uint64_t& head = base_.heads[partition];
  head = std::max(head, base_.past->floor());
  write.sequence = ++head;
  write.origin_sequence = write.sequence;
  report_.partitions.push_back(partition);
  if (!is_erased) {
    if (slot->state.left.has_value()) {
      RETURN_IF_ERROR(EraseStub(write, slot));
    } else {
      MakeErased(write, request_.scope, &slot->state.base);
    }
    slot->state.former.clear();
    slot->state.last_content.clear();
    slot->dirty = true;
    ++report_.records;
  }
  for (RecordSlot* conflict : conflicts) {
    MakeErased(write, "", &conflict->state.base);
    conflict->state.last_content.clear();
    conflict->dirty = true;
  }
  report_.conflicts += conflicts.size();
  return absl::OkStatus();
}

// The tombstone of a record that has left stands where it was last, and names its creator: who made
// it without reading holds it too.
absl::Status Erasure::EraseStub(const WriteRef& write, RecordSlot* slot) {
  RecordStorage& state = slot->state;
  std::string scope;
  for (const Departure& departure : state.departures)
    if (departure.kind == v1::HERE) scope = departure.scope;
  const std::string there(PartitionOfScope(state.left->scope));
  ASSIGN_OR_RETURN(const RecordSlot* const now,
                   records_.Open(there, request_.type_id, request_.id));
  MakeErased(write, scope, &state.base);
  if (now->state.base.exists()) {
    WriteRef created = now->state.base.created();
    created.sequence = write.sequence;
    state.base.writes.insert(state.base.writes.begin(), std::move(created));
    state.base.deleted_by = 1;
    for (FieldState& field : state.base.fields) {
      field.changed = 1;
      for (Slot& slot_of : field.slots) slot_of.versions[0].write = 1;
    }
  }
  state.left.reset();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RecordSlot*>> Erasure::ConflictsIn(const std::string& partition) {
  std::vector<RecordSlot*> conflicts;
  const std::string prefix =
      IndexPrefix(partition, kConflictTypeId, v1::Conflict::kAboutRecordFieldNumber);
  const std::string begin = IndexBound(prefix, EncodeIndexString(request_.id.bytes()));
  const auto it = base_.reader->Iterate(Table::kIndex, begin, PrefixEnd(begin));
  for (it->SeekToFirst(); it->Valid() && conflicts.size() < kMaxConflictsPerCommit; it->Next()) {
    ASSIGN_OR_RETURN(RecordSlot * slot,
                     records_.Open(partition, kConflictTypeId, IdOfIndexKey(it->key())));
    if (IsAbout(*slot, request_)) conflicts.push_back(slot);
  }
  RETURN_IF_ERROR(it->status());
  return conflicts;
}

absl::Status Erasure::ScrubQuarantine(const std::string& partition, KvBatch* batch) {
  const std::string prefix = QuarantinePrefix(partition);
  const auto it = base_.reader->Iterate(Table::kRejected, prefix, PrefixEnd(prefix));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    v1::RejectedChangeSet kept;
    if (!kept.ParseFromArray(it->value().data(), static_cast<int>(it->value().size())) ||
        !Scrub(request_, kept.mutable_change_set()))
      continue;
    batch->Put(Table::kRejected, std::string(it->key()), kept.SerializeAsString());
    ++report_.change_sets;
  }
  return it->status();
}

}  // namespace brigada
