// A batch of the server becomes one write batch: its verdicts take change sets out of the outbox
// and fold what they won into base, its entries are laid over, and the view of every record touched
// is made again from base and what is still pending.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/merge/apply.h"
#include "replica/schema/fragment.h"
#include "replica/store/authority_erase.h"
#include "replica/store/batch_in_progress.h"
#include "replica/store/device_keys.h"
#include "replica/store/feed_entries.h"
#include "replica/store/keys.h"
#include "replica/store/own_fields.h"
#include "replica/store/refusals.h"
#include "replica/store/scrub_notes.h"

namespace brigada {

namespace {

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("malformed batch: ", what));
}

const v1::Verdict::Lost* FindLost(const v1::Verdict& verdict, uint32_t change) {
  for (const v1::Verdict::Lost& lost : verdict.lost()) {
    if (lost.change() == change) return &lost;
  }
  return nullptr;
}

absl::StatusOr<absl::flat_hash_set<uint32_t>> FieldsOf(const RecordType* type,
                                                       const v1::Change& change) {
  absl::flat_hash_set<uint32_t> numbers(change.cleared().begin(), change.cleared().end());
  for (const std::string* part : {&change.values(), &change.removed()}) {
    ASSIGN_OR_RETURN(const std::vector<Fragment> fragments, SplitFragments(type, *part));
    for (const Fragment& fragment : fragments) numbers.insert(fragment.number);
  }
  if (!change.scope().empty()) numbers.insert(kScopeFieldNumber);
  return numbers;
}

// True when base already knows something later than `sequence` about the field.
bool IsNewer(const Record& base, uint32_t field, uint64_t sequence) {
  const FieldState* const state = base.FindField(field);
  return state != nullptr && base.writes[state->changed].sequence > sequence;
}

// Lays one confirmed change into base: what it won, and only where base is not later already.
absl::Status Fold(const RecordType* type, const v1::Change& change, const WriteRef& write,
                  const v1::Verdict::Lost* lost, Record* base) {
  if (lost != nullptr && lost->fields().empty()) return absl::OkStatus();
  if (base->erased) return absl::OkStatus();
  if (base->deleted && base->writes[base->deleted_by].sequence > write.sequence) {
    return absl::OkStatus();
  }
  v1::Verdict::Lost left_out;
  if (lost != nullptr) left_out = *lost;
  ASSIGN_OR_RETURN(const absl::flat_hash_set<uint32_t> fields, FieldsOf(type, change));
  for (const uint32_t field : fields) {
    if (IsNewer(*base, field, write.sequence)) left_out.add_fields(field);
  }
  // Without fields it would mean the whole change.
  return OverlayChange(type, change, write, left_out.fields().empty() ? nullptr : &left_out, base);
}

// A change of a record that went to another partition since: what created it says no more where it
// is.
v1::Change Followed(v1::Change change) {
  if (change.kind() != v1::Change::CREATE) return change;
  change.set_kind(v1::Change::EDIT);
  change.clear_scope();
  return change;
}

// True when the entry tells a part of a record, of which base has nothing; or another life, as a
// line has left it that the server lost.
bool IsPartOfAnother(const CheckedEntry& entry, const Record& base) {
  const bool is_part = !entry.is_whole && entry.delta.is_live() && entry.delta.scope().empty();
  return is_part && (!base.exists() || entry.delta.created() != base.created());
}

// True for a removal by a server that went back behind what this device knows of the record:
// nothing is deleted for that. The end of the very life that is here is taken, whatever its number:
// a life that has ended does not go on.
bool IsBehind(const CheckedEntry& entry, const RecordStorage& here) {
  const bool is_removal = !entry.moved_to.empty() || entry.delta.deleted;
  if (!is_removal || entry.delta.erased || here.seen <= entry.sequence) return false;
  if (!entry.delta.deleted || !here.base.exists()) return true;
  const WriteRef& ended = entry.delta.created();
  const WriteRef& held = here.base.created();
  return ended.replica != held.replica || ended.origin_sequence != held.origin_sequence;
}

// An entry is what the server has now, so it is never too old to be taken; but a verdict just
// folded may have raised the sequence beyond it (a change that left the server's record as it was).
void LayEntryOver(const CheckedEntry& entry, Record* base) {
  base->sequence = std::min(base->sequence, entry.delta.sequence);
  MergeDelta(entry.delta, entry.is_whole, base);
  for (const WriteRef& write : base->writes)
    base->sequence = std::max(base->sequence, write.sequence);
}

}  // namespace

absl::StatusOr<BatchEffect> KvDeviceStore::ApplyBatch(const v1::Batch& batch,
                                                      const v1::BatchBody& body) {
  ASSIGN_OR_RETURN(const std::vector<CheckedEntry> entries,
                   CheckBatch(*options_.registry, batch, body));
  BatchEffect effect;
  {
    const WriterTurn turn(&writers_);
    BatchInProgress work(&table_, kv_.get());
    bool is_repeat = false;
    RETURN_IF_ERROR(StartBatch(batch, &work, &is_repeat));
    if (is_repeat) return BatchEffect{};
    for (const v1::Verdict& verdict : body.verdicts()) {
      RETURN_IF_ERROR(ApplyVerdict(verdict, &work));
    }
    for (const CheckedEntry& entry : entries) RETURN_IF_ERROR(ApplyEntry(entry, &work));
    RETURN_IF_ERROR(ScrubErased(&work));
    RETURN_IF_ERROR(RebuildViews(&work));
    RETURN_IF_ERROR(WriteBatchInProgress(batch, &work));
    RETURN_IF_ERROR(CheckSums(batch, &work));
    effect = work.effect;
  }
  notifier_.Deliver();
  return effect;
}

absl::Status KvDeviceStore::StartBatch(const v1::Batch& batch, BatchInProgress* work,
                                       bool* is_repeat) const {
  work->partition = batch.partition();
  work->epoch = batch.cursor().epoch();
  work->state = StateOf(batch.partition());
  work->clock = clock_;
  const std::optional<v1::Cursor>& cursor = work->state.cursor;
  const uint64_t scanned = cursor ? cursor->scanned() : 0;
  *is_repeat = batch.from() < scanned && batch.to() <= scanned;
  if (!*is_repeat && batch.from() != scanned) {
    return absl::FailedPreconditionError(absl::StrCat("the batch of ", batch.partition(),
                                                      " starts at ", batch.from(),
                                                      ", the cursor stands at ", scanned));
  }
  work->feeds.assign(batch.cursor().feeds().begin(), batch.cursor().feeds().end());
  MutexLock lock(&mu_);
  for (const auto& [partition, state] : partitions_) {
    if (partition == batch.partition() || !state.cursor) continue;
    work->feeds.insert(work->feeds.end(), state.cursor->feeds().begin(),
                       state.cursor->feeds().end());
  }
  // Those of which nothing has come yet.
  for (const v1::Feed& feed : welcome_.feeds()) {
    const auto known = partitions_.find(PartitionOfScope(feed.scope()));
    if (known == partitions_.end() || !known->second.cursor) work->feeds.push_back(feed);
  }
  return absl::OkStatus();
}

absl::Status KvDeviceStore::ApplyVerdict(const v1::Verdict& verdict, BatchInProgress* work) {
  work->clock.Observe(Hlc{verdict.stamp()});
  v1::OutboxHead& head = work->state.head;
  // Of a future this store has lost: nothing here waits for it.
  if (verdict.sequence() > head.sequence()) return absl::OkStatus();
  if (verdict.sequence() <= head.confirmed()) return ApplyLateVerdict(verdict, work);
  if (verdict.sequence() != head.confirmed() + 1) return Malformed("a verdict was left out");
  ASSIGN_OR_RETURN(const PendingSet* const set,
                   PendingAt(work->partition, verdict.sequence(), work));
  if (IsKeptOut(verdict) && IsDoneElsewhere(verdict, set->header)) {
    ++work->effect.merged;
  } else if (IsKeptOut(verdict)) {
    RETURN_IF_ERROR(MoveToRejected(*set, verdict, work));
  } else {
    RETURN_IF_ERROR(FoldChanges(*set, verdict, work));
  }
  for (const v1::Change& change : set->body.changes()) {
    ASSIGN_OR_RETURN(const RecordId id, RecordId::FromBytes(change.record_id()));
    ASSIGN_OR_RETURN(RecordSlot* const slot,
                     work->records.Open(work->partition, change.type_id(), id));
    std::erase(slot->state.pending, verdict.sequence());
    slot->dirty = true;
    RETURN_IF_ERROR(TouchWhereItWent(slot, work));
  }
  head.set_confirmed(verdict.sequence());
  return Retain(verdict, work);
}

absl::Status KvDeviceStore::FoldChanges(const PendingSet& set, const v1::Verdict& verdict,
                                        BatchInProgress* work) {
  WriteRef write;
  write.stamp = Hlc{verdict.stamp()};
  write.replica = replica_;
  write.user = UserOf(set.header);
  write.origin_sequence = verdict.sequence();
  write.sequence = verdict.commit_sequence();
  for (int i = 0; i < set.body.changes_size(); ++i) {
    const v1::Change& change = set.body.changes(i);
    ASSIGN_OR_RETURN(const RecordId id, RecordId::FromBytes(change.record_id()));
    ASSIGN_OR_RETURN(RecordSlot* const slot,
                     work->records.Open(work->partition, change.type_id(), id));
    // The record is in another partition; the entries there tell what became of the change.
    if (slot->state.left.has_value()) continue;
    RETURN_IF_ERROR(Fold(slot->type, change, write, FindLost(verdict, static_cast<uint32_t>(i)),
                         &slot->state.base));
    slot->state.is_kept = false;
  }
  ++(verdict.outcome() == v1::MERGED ? work->effect.merged : work->effect.applied);
  return absl::OkStatus();
}

absl::Status KvDeviceStore::MoveToRejected(const PendingSet& set, const v1::Verdict& verdict,
                                           BatchInProgress* work) {
  v1::RejectedChangeSet rejected;
  *rejected.mutable_change_set() = set.change_set;
  *rejected.mutable_verdict() = verdict;
  rejected.set_refused_at_ms(absl::ToUnixMillis(options_.clock->Now()));
  // Its writer is told; what it said of an erased record is not kept.
  v1::ChangeSetBody body = set.body;
  bool is_scrubbed = !set.change_set.has_body();
  // The refusal of a stub is about no change: what had to go is gone from the rest.
  for (int i = 0; set.change_set.has_body() && i < set.body.changes_size(); ++i) {
    const v1::Change& change = set.body.changes(i);
    if (HasErased(verdict, static_cast<uint32_t>(i)))
      is_scrubbed = EmptyChanges(change.type_id(), change.record_id(), &body) || is_scrubbed;
  }
  if (is_scrubbed) {
    rejected.mutable_change_set()->set_body(body.SerializeAsString());
    work->scrubbed.insert(work->partition);
  }
  for (const v1::Change& change : set.body.changes()) {
    ASSIGN_OR_RETURN(const RecordId id, RecordId::FromBytes(change.record_id()));
    ASSIGN_OR_RETURN(const RecordSlot* const slot,
                     work->records.Open(work->partition, change.type_id(), id));
    const Record& record = slot->state.visible();
    rejected.add_scopes(record.exists() ? record.scope() : "");
  }
  // Where the server failed it goes again by hand alone.
  if (set.header.has_retry_of() || WasNotJudged(verdict)) {
    // Grants may not cover it, which cannot be told yet: what it changed is still laid over the
    // records here. Then the next look through the list takes this back.
    rejected.set_tried_covered(true);
  }
  ++work->rejected_gain;
  work->is_rejected[verdict.sequence()] = true;
  work->rejected[ChangeSetKey(work->partition, verdict.sequence())] = std::move(rejected);
  ++(verdict.outcome() == v1::REJECTED ? work->effect.refused : work->effect.quarantined);
  return absl::OkStatus();
}

absl::Status KvDeviceStore::ApplyEntry(const CheckedEntry& entry, BatchInProgress* work) {
  ASSIGN_OR_RETURN(RecordSlot* const slot,
                   work->records.Open(work->partition, entry.type_id, entry.id));
  if (IsBehind(entry, slot->state) && work->state.left.has_value()) return absl::OkStatus();
  slot->dirty = true;
  ++work->effect.records;
  if (!entry.moved_to.empty()) return ApplyDeparture(entry, slot, work);
  // A part of what is not here: the server takes this device for further than it is.
  if (IsPartOfAnother(entry, slot->state.base)) {
    return absl::AbortedError(
        absl::StrCat("the batch of ", work->partition, " changes a record that is not here"));
  }
  work->clock.Observe(entry.stamp);
  const bool was_erased = slot->state.base.erased;
  const Record before = entry.is_whole ? slot->state.base : Record();
  LayEntryOver(entry, &slot->state.base);
  slot->state.is_kept = false;
  if (entry.is_whole) {
    KeepOwnFields(before,
                  {.replica = replica_,
                   .partition = work->partition,
                   .head = work->state.head,
                   .judged = work->retained,
                   .store = *kv_},
                  &slot->state);
  } else {
    std::erase_if(slot->state.untold,
                  [&](uint32_t field) { return entry.delta.FindField(field) != nullptr; });
  }
  slot->state.seen = std::max(slot->state.seen, entry.sequence);
  const Record& base = slot->state.base;
  if (base.erased) work->erased.push_back({slot->type_id, slot->id});
  // What went long ago may still be in the files, so it does not matter what was here.
  if (base.erased && !was_erased) {
    work->scrubbed.insert(work->partition);
    work->scrubbed.insert(entry.came_from.begin(), entry.came_from.end());
  }
  slot->state.left.reset();
  if (!entry.came_from.empty()) slot->state.came_from = entry.came_from;
  RETURN_IF_ERROR(LetGoElsewhere(entry, base.scope(), work));
  if (!base.is_live()) return absl::OkStatus();
  const absl::StatusOr<Scope> scope = Scope::Parse(base.scope());
  if (!scope.ok() || scope->partition() != work->partition) {
    return Malformed("a record that is not of its partition");
  }
  return absl::OkStatus();
}

bool KvDeviceStore::CoversScope(const Scope& scope, v1::DataClass data_class,
                                const BatchInProgress& work) const {
  for (const v1::Feed& feed : work.feeds) {
    if (data_class <= feed.max_class() && FeedCovers(feed.scope(), feed.kind(), scope.path()))
      return true;
  }
  return false;
}

absl::Status KvDeviceStore::RebuildViews(BatchInProgress* work) const {
  // Rebuilding one may open others.
  for (size_t i = 0; i < work->records.slots().size(); ++i) {
    RecordSlot& slot = work->records.slots()[i];
    if (slot.dirty) RETURN_IF_ERROR(RebuildView(&slot, work));
  }
  return absl::OkStatus();
}

// A record with pending changes keeps a view even when nothing is there to see (they edit what left
// this device): it holds on to the list of them, should the record come back.
absl::Status KvDeviceStore::RebuildView(RecordSlot* slot, BatchInProgress* work) const {
  slot->state.view.reset();
  ASSIGN_OR_RETURN(const auto sets, PendingSetsOf(*slot, work));
  if (sets.empty()) return absl::OkStatus();
  Record& view = slot->state.view.emplace(slot->state.base);
  // It is shown where it went.
  if (slot->state.left.has_value()) return absl::OkStatus();
  for (const auto& [partition, sequence] : sets) {
    ASSIGN_OR_RETURN(const PendingSet* const set, PendingAt(partition, sequence, work));
    WriteRef write;
    write.stamp = Hlc{set->header.stamp()};
    ASSIGN_OR_RETURN(write.replica, ReplicaId::FromBytes(set->header.replica()));
    write.user = UserOf(set->header);
    write.origin_sequence = sequence;
    for (const v1::Change& change : set->body.changes()) {
      if (change.type_id() != slot->type_id || change.record_id() != slot->id.bytes()) continue;
      if (partition == slot->partition) {
        RETURN_IF_ERROR(OverlayChange(slot->type, change, write, nullptr, &view));
      } else {
        RETURN_IF_ERROR(OverlayChange(slot->type, Followed(change), write, nullptr, &view));
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<const PendingSet*> KvDeviceStore::PendingAt(const std::string& partition,
                                                           uint64_t sequence,
                                                           BatchInProgress* work) const {
  const auto found = work->pending.find({partition, sequence});
  if (found != work->pending.end()) return &found->second;
  ASSIGN_OR_RETURN(const std::optional<std::string> value,
                   kv_->Get(Table::kOutbox, ChangeSetKey(partition, sequence)));
  if (!value) {
    return absl::DataLossError(absl::StrCat("change set ", sequence, " of the outbox is missing"));
  }
  ASSIGN_OR_RETURN(PendingSet set, ParsePendingSet(*value, sequence));
  return &work->pending.emplace(std::pair(partition, sequence), std::move(set)).first->second;
}

absl::Status KvDeviceStore::WriteBatchInProgress(const v1::Batch& batch, BatchInProgress* work) {
  v1::DeviceClock now = ClockNow(work->clock.last());
  now.set_epoch(batch.cursor().epoch());
  work->writes.Put(Table::kMeta, std::string(kClockKey), now.SerializeAsString());
  work->writes.Put(Table::kMeta, NamedMetaKey(kCursorName, work->partition),
                   batch.cursor().SerializeAsString());
  const bool is_seen = batch.cursor().complete() > 0 && work->state.left.has_value();
  if (is_seen) {
    work->state.left.reset();
    work->writes.Delete(Table::kMeta, NamedMetaKey(kLeftCursorName, work->partition));
  }
  const bool has_head = work->state.head.sequence() > 0;
  if (has_head) {
    work->writes.Put(Table::kMeta, NamedMetaKey(kOutboxHeadName, work->partition),
                     work->state.head.SerializeAsString());
  }
  RETURN_IF_ERROR(StageRecords(work));
  // Power loss may take a batch that settles nothing here: it is pulled again from the cursor that
  // is left.
  const BatchEffect& effect = work->effect;
  const bool settles = effect.applied + effect.merged + effect.refused + effect.quarantined > 0;
  const bool completes = batch.checkpoint() && effect.records > 0;
  const Durability durability = settles || completes ? Durability::kSync : Durability::kMemory;
  RETURN_IF_ERROR(kv_->Write(work->writes, durability));
  TakeClock(now);
  TellOfChanges(&work->records);
  MutexLock lock(&mu_);
  PartitionState& state = partitions_[work->partition];
  state.head = work->state.head;
  state.cursor = batch.cursor();
  state.left = work->state.left;
  rejected_ = static_cast<uint64_t>(static_cast<int64_t>(rejected_) + work->rejected_gain);
  if (durability == Durability::kSync) has_unsynced_commit_ = false;
  return absl::OkStatus();
}

absl::Status KvDeviceStore::StageRecords(BatchInProgress* work) {
  for (const auto& [key, rejected] : work->rejected)
    work->writes.Put(Table::kRejected, key, rejected.SerializeAsString());
  for (const std::string& partition : work->scrubbed)
    RETURN_IF_ERROR(StageScrubNote(*kv_, partition, &work->writes));
  return work->records.Stage(&work->writes);
}

void KvDeviceStore::TellOfChanges(RecordBatch* records) {
  records->Committed();
  std::vector<ChangedRecord> changed;
  for (const RecordSlot& slot : records->slots()) {
    if (slot.dirty) changed.push_back({slot.type_id, slot.id});
  }
  notifier_.Add(std::move(changed));
}

}  // namespace brigada
