// Commit: changes become the next change set of this replica. Commits that wait together share one
// write batch and one fsync; each is checked against what those before it in the batch did, and one
// that fails leaves no trace in it.
#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "replica/base/limits.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/hash_chain.h"
#include "replica/merge/apply.h"
#include "replica/schema/diff.h"
#include "replica/schema/wire.h"
#include "replica/store/device_commit.h"
#include "replica/store/device_keys.h"
#include "replica/store/feed_entries.h"
#include "replica/store/keys.h"
#include "replica/store/kv_device_store.h"
#include "replica/store/record_size.h"

namespace brigada {
namespace {

constexpr size_t kMaxCommitsPerGroup = 64;
constexpr size_t kSaltBytes = 16;

std::string NewSalt(Random* random) {
  std::array<uint8_t, kSaltBytes> salt{};
  random->Fill(absl::MakeSpan(salt));
  return std::string(reinterpret_cast<const char*>(salt.data()), salt.size());
}

absl::StatusOr<ChainValue> ChainOf(const v1::OutboxHead& head, const ReplicaId& replica,
                                   absl::string_view partition) {
  if (head.sequence() == 0) return ChainStart(replica.bytes(), partition);
  ChainValue chain{};
  if (head.chain().size() != chain.size()) {
    return absl::DataLossError(absl::StrCat("the stored chain of ", partition, " is damaged"));
  }
  std::copy(head.chain().begin(), head.chain().end(), reinterpret_cast<char*>(chain.data()));
  return chain;
}

// True when some feed of the cursor brings what happens to the record.
bool IsDelivered(const v1::Cursor& cursor, const RecordSlot& slot) {
  const Record& base = slot.state.base;
  if (!base.exists()) return false;
  const v1::DataClass record_class = ClassOf(slot.type, base);
  return std::any_of(cursor.feeds().begin(), cursor.feeds().end(), [&](const v1::Feed& feed) {
    return feed.max_class() >= record_class && FeedCovers(feed.scope(), feed.kind(), base.scope());
  });
}

}  // namespace

struct KvDeviceStore::StagedSet {
  StagedSet() = default;
  StagedSet(const StagedSet&) = delete;
  StagedSet& operator=(const StagedSet&) = delete;
  ~StagedSet() {
    if (is_kept) return;
    for (Undo& undo : undos) {
      undo.slot->state.view = std::move(undo.view);
      undo.slot->dirty = undo.was_dirty;
    }
  }
  // What a record was before this set: only its view and list of pending sets change.
  struct Undo {
    RecordSlot* slot;
    std::optional<Record> view;
    bool was_dirty;
  };
  std::string partition;
  PartitionState* state = nullptr;  // of the partition, in the group
  WriteRef write;
  uint64_t folios = 0;      // given before it, and by it
  std::vector<Undo> undos;  // one per record
  bool is_kept = false;

  // What no server can take is refused here, where a person can still do something about it.
  absl::Status CheckSizes() const {
    std::vector<const Record*> touched;
    for (const Undo& undo : undos) {
      touched.push_back(&*undo.slot->state.view);
      const std::optional<ExceededLimit> exceeded = ExceededBy(*touched.back());
      if (!exceeded) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(undo.slot->type->plural(), ": ",
                       exceeded->field == 0 ? "" : absl::StrCat("field ", exceeded->field, ": "),
                       exceeded->rule));
    }
    if (FitTogether(touched)) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("the records of this commit are larger than ",
                                                   kMaxTouchedBytes, " bytes together: split it"));
  }

  void Touch(RecordSlot* slot) {
    for (const Undo& undo : undos) {
      if (undo.slot == slot) return;
    }
    undos.push_back({slot, slot->state.view, slot->dirty});
    if (!slot->state.view) slot->state.view = slot->state.base;
    slot->dirty = true;
  }
};

absl::StatusOr<CommitReceipt> KvDeviceStore::Commit(std::vector<v1::Change> changes,
                                                    Durability durability) {
  CommitRequest request;
  ASSIGN_OR_RETURN(request.checked, CheckChanges(*options_.registry, changes));
  request.changes = std::move(changes);
  request.durability = durability;
  if (writers_.Enter(&request)) {
    const std::vector<WriterQueue::Writer*> group = writers_.Group(&request, kMaxCommitsPerGroup);
    CommitTogether(group);
    writers_.Leave(group);
    notifier_.Deliver();
  }
  return std::move(request.result);
}

void KvDeviceStore::CommitTogether(const std::vector<WriterQueue::Writer*>& group) {
  CommitGroup together(&table_, kv_.get(), folios_);
  together.clock = clock_;
  for (WriterQueue::Writer* writer : group) {
    auto* request = static_cast<CommitRequest*>(writer);
    request->result = StageCommit(request, &together);
  }
  if (together.is_empty) return;
  const absl::Status written = WriteGroup(&together);
  if (written.ok()) return;
  for (WriterQueue::Writer* writer : group) {
    auto* request = static_cast<CommitRequest*>(writer);
    if (request->result.ok()) request->result = Annotate(written, "commit");
  }
}

absl::Status KvDeviceStore::WriteGroup(CommitGroup* group) {
  const v1::DeviceClock now = ClockNow(group->clock.last());
  group->batch.Put(Table::kMeta, std::string(kClockKey), now.SerializeAsString());
  // A partition whose only set here failed is as it was.
  std::erase_if(group->partitions,
                [](const auto& entry) { return entry.second.head.sequence() == 0; });
  for (const auto& [partition, state] : group->partitions) {
    group->batch.Put(Table::kMeta, NamedMetaKey(kOutboxHeadName, partition),
                     state.head.SerializeAsString());
  }
  if (group->folios != folios_) {
    std::string given;
    AppendBigEndian64(group->folios, &given);
    group->batch.Put(Table::kMeta, std::string(kFoliosKey), given);
  }
  RETURN_IF_ERROR(group->records.Stage(&group->batch));
  const bool is_synced = group->durability == Durability::kSync;
  if (!is_synced) {
    MutexLock lock(&mu_);
    has_unsynced_commit_ = true;
  }
  RETURN_IF_ERROR(kv_->Write(group->batch, group->durability));
  group->records.Committed();
  TakeClock(now);
  folios_ = group->folios;
  notifier_.Add(std::move(group->changed));
  MutexLock lock(&mu_);
  if (is_synced) has_unsynced_commit_ = false;
  for (auto& [partition, state] : group->partitions) {
    partitions_[partition].head = std::move(state.head);
  }
  return absl::OkStatus();
}

absl::StatusOr<CommitReceipt> KvDeviceStore::StageCommit(CommitRequest* request,
                                                         CommitGroup* group) {
  StagedSet set;
  set.folios = group->folios;
  for (size_t i = 0; i < request->changes.size(); ++i) {
    RETURN_IF_ERROR(LayOverChange(i, request, group, &set));
  }
  RETURN_IF_ERROR(set.CheckSizes());
  RETURN_IF_ERROR(FinishSet(request, group, &set));
  set.is_kept = true;
  group->folios = set.folios;
  group->is_empty = false;
  if (request->durability == Durability::kSync) group->durability = Durability::kSync;
  return CommitReceipt{set.partition, set.write.origin_sequence};
}

absl::Status KvDeviceStore::LayOverChange(size_t index, CommitRequest* request, CommitGroup* group,
                                          StagedSet* set) {
  v1::Change* const change = &request->changes[index];
  const CheckedChange& checked = request->checked[index];
  ASSIGN_OR_RETURN(RecordSlot* const slot, FindTarget(*change, checked, request->retry, group));
  if (set->state == nullptr) RETURN_IF_ERROR(BeginSet(slot->partition, request->retry, group, set));
  RETURN_IF_ERROR(CheckSamePartition(set->partition, slot->partition));
  set->Touch(slot);
  // What its writer had seen is said by the position that is kept.
  if (!request->retry) {
    SetSeen(*set->state, *slot, change);
    if (checked.lacks_folio) GiveFolio(checked, change, set);
  }
  return OverlayChange(slot->type, *change, set->write, nullptr, &*slot->state.view);
}

void KvDeviceStore::SetSeen(const PartitionState& state, const RecordSlot& slot,
                            v1::Change* change) {
  const uint64_t complete = state.cursor ? state.cursor->complete() : 0;
  // A checkpoint says nothing of a record that the feeds do not deliver (a kiosk writes what it may
  // not read).
  const bool is_delivered = state.cursor && IsDelivered(*state.cursor, slot);
  const uint64_t known = is_delivered ? std::max(complete, slot.state.seen) : slot.state.seen;
  const uint64_t seen = change->seen() == 0 ? known : std::min(change->seen(), known);
  // The position in the header says `complete`; naming the same number again costs bytes.
  if (seen == complete) {
    change->clear_seen();
  } else {
    change->set_seen(seen);
  }
}

void KvDeviceStore::GiveFolio(const CheckedChange& checked, v1::Change* change,
                              StagedSet* set) const {
  if (options_.folio_place == nullptr) return;
  AppendDelimited(
      checked.type->folio()->number,
      FolioText(options_.folio_place(checked.scope.path()), folio_replica_, ++set->folios),
      change->mutable_values());
}

// What an edit decides that says nothing else: the record it is about may be gone, here or for
// good. Null: it says something, or knows no such conflict.
absl::StatusOr<RecordSlot*> KvDeviceStore::FindDecided(const v1::Change& change,
                                                       const CheckedChange& checked,
                                                       CommitGroup* group) {
  if (!OnlyResolves(change)) return nullptr;
  ASSIGN_OR_RETURN(const RecordId conflict, RecordId::FromBytes(change.resolves(0)));
  ASSIGN_OR_RETURN(const RecordSlot* const entry, group->records.Find(kConflictTypeId, conflict));
  if (entry == nullptr || !entry->state.visible().is_live()) return nullptr;
  return group->records.Open(entry->partition, checked.type->type_id(), checked.id);
}

absl::StatusOr<RecordSlot*> KvDeviceStore::FindTarget(const v1::Change& change,
                                                      const CheckedChange& checked,
                                                      const std::optional<RetryOf>& retry,
                                                      CommitGroup* group) {
  const RecordType& type = *checked.type;
  // A retry says again what was said; its record may have left this device meanwhile.
  if (retry) return group->records.Open(retry->header.partition(), type.type_id(), checked.id);
  if (change.kind() != v1::Change::CREATE) {
    ASSIGN_OR_RETURN(RecordSlot* const slot, group->records.Find(type.type_id(), checked.id));
    if (slot != nullptr && slot->state.visible().is_live()) return slot;
    ASSIGN_OR_RETURN(RecordSlot* const decided, FindDecided(change, checked, group));
    if (decided != nullptr) return decided;
    return absl::NotFoundError(
        absl::StrCat(type.plural(), ": there is no record ", checked.id.ToString()));
  }
  ASSIGN_OR_RETURN(RecordSlot* const slot,
                   group->records.Open(checked.scope.partition(), type.type_id(), checked.id));
  const RecordSlot* existing = slot;
  const std::vector<std::string> partitions = table_.Partitions();
  const bool is_alone = partitions.empty() ||
                        (partitions.size() == 1 && partitions.front() == checked.scope.partition());
  if (!slot->state.visible().is_live() && !is_alone) {
    ASSIGN_OR_RETURN(existing, group->records.Find(type.type_id(), checked.id));
  }
  if (existing != nullptr && existing->state.visible().is_live()) {
    return absl::AlreadyExistsError(
        absl::StrCat(type.plural(), ": there is a record ", checked.id.ToString(), " already"));
  }
  if (slot->state.visible().erased) {
    return absl::FailedPreconditionError(
        absl::StrCat(type.plural(), ": ", checked.id.ToString(), " was erased for good"));
  }
  return slot;
}

absl::Status KvDeviceStore::BeginSet(absl::string_view partition,
                                     const std::optional<RetryOf>& retry, CommitGroup* group,
                                     StagedSet* set) {
  const auto [found, is_new] = group->partitions.try_emplace(std::string(partition));
  if (is_new) found->second = StateOf(partition);
  set->partition = std::string(partition);
  set->state = &found->second;
  if (retry) {
    set->write.stamp = Hlc{retry->header.stamp()};
  } else {
    const absl::Time now = TimeOfStamps();
    // Before the server's time is known nobody can tell which of its times was wrong.
    if (time_.server_time_ms() != 0) group->clock.LeaveFuture(now, kPermittedClockLead);
    set->write.stamp = group->clock.Tick(now);
  }
  set->write.replica = replica_;
  set->write.user = user();
  set->write.origin_sequence = set->state->head.sequence() + 1;
  return absl::OkStatus();
}

void KvDeviceStore::SetPosition(const std::optional<RetryOf>& retry, const PartitionState& state,
                                v1::ChangeSetHeader* header) const {
  const v1::DeviceClock now = ClockNow(clock_.last());
  v1::Position* const position = header->mutable_position();
  if (!retry) {
    position->set_server_time_ms(now.server_time_ms());
    position->set_elapsed_ms(now.elapsed_ms());
    position->set_revocation(now.revocation());
    const std::optional<v1::Cursor>& seen_by = state.seen_by();
    position->set_epoch(seen_by ? seen_by->epoch() : now.epoch());
    if (seen_by) position->set_run(seen_by->run());
    // Of a cursor that was forgotten, each change says what its writer had seen of the record.
    if (state.cursor) position->set_sequence(state.cursor->complete());
    return;
  }
  *position = retry->header.position();
  for (const uint64_t sequence : retry->seen_own) {
    v1::Dot* const dot = position->add_provisional();
    dot->set_replica(replica_.AsBytes());
    dot->set_sequence(sequence);
  }
  // Under the id that it was made with, which this store may have given up since.
  v1::Dot refused;
  refused.set_replica(retry->header.replica());
  refused.set_sequence(retry->header.sequence());
  // The first try of all: that is the one which the kept position and stamp belong to.
  *header->mutable_retry_of() = retry->header.has_retry_of() ? retry->header.retry_of() : refused;
  if (!retry->is_edited) {
    *header->mutable_same_work() =
        retry->header.has_same_work() ? retry->header.same_work() : refused;
  }
  header->set_retried_at_ms(now.server_time_ms() + now.elapsed_ms());
  header->set_retried_revocation(now.revocation());
}

absl::Status KvDeviceStore::FinishSet(CommitRequest* request, CommitGroup* group, StagedSet* set) {
  v1::ChangeSetHeader header;
  header.set_replica(replica_.AsBytes());
  header.set_sequence(set->write.origin_sequence);
  header.set_partition(set->partition);
  header.set_user(set->write.user);
  header.set_schema_version(options_.schema_version);
  header.set_stamp(set->write.stamp.value);
  SetPosition(request->retry, *set->state, &header);

  v1::ChangeSetBody body;
  body.mutable_changes()->Reserve(static_cast<int>(request->changes.size()));
  for (v1::Change& change : request->changes) *body.add_changes() = std::move(change);

  v1::OutboxChangeSet stored;
  v1::ChangeSet& change_set = *stored.mutable_change_set();
  change_set.set_header(header.SerializeAsString());
  change_set.set_salt(NewSalt(options_.random));
  change_set.set_body(body.SerializeAsString());
  if (change_set.ByteSizeLong() > kMaxChangeSetBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the commit is larger than ", kMaxChangeSetBytes, " bytes: split it"));
  }
  v1::OutboxHead& head = set->state->head;
  ASSIGN_OR_RETURN(const ChainValue before, ChainOf(head, replica_, set->partition));
  const ChainValue after =
      NextChain(before, change_set.header(), BodyHash(change_set.salt(), change_set.body()));
  stored.set_chain(std::string(AsView(after)));
  head.set_chain(stored.chain());
  head.set_sequence(header.sequence());
  group->batch.Put(Table::kOutbox, ChangeSetKey(set->partition, header.sequence()),
                   stored.SerializeAsString());
  for (const StagedSet::Undo& undo : set->undos) {
    undo.slot->state.pending.push_back(header.sequence());
    group->changed.push_back({undo.slot->type_id, undo.slot->id});
  }
  return absl::OkStatus();
}

}  // namespace brigada
