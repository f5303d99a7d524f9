// A store that was found to be a copy becomes a replica of its own: its unsent change sets go on
// under a new id.
#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/hash_chain.h"
#include "replica/store/batch_in_progress.h"
#include "replica/store/device_keys.h"
#include "replica/store/keys.h"
#include "replica/store/kv_device_store.h"
#include "replica/store/partition_sums.h"
#include "replica/store/scope_sums.h"
#include "replica/store/sealed_body.h"

namespace brigada {
namespace {

std::string NameOf(const v1::Change& change) {
  std::string name = change.record_id();
  AppendBigEndian32(change.type_id(), &name);
  return name;
}

// Change sets of the shared id, by the records they touch.
using KnownDots = absl::flat_hash_map<std::string, std::vector<v1::Dot>>;

void AddDots(const PendingSet& set, KnownDots* known) {
  v1::Dot dot;
  dot.set_replica(set.header.replica());
  dot.set_sequence(set.header.sequence());
  for (const v1::Change& change : set.body.changes()) (*known)[NameOf(change)].push_back(dot);
}

// Under the new id nothing says any more that the writer knew its own earlier change sets: those
// that its position does not cover are named as seen.
void NameWhatWasSeen(const KnownDots& known, PendingSet* set) {
  v1::Position* const position = set->header.mutable_position();
  std::vector<std::string> named;
  for (const v1::Change& change : set->body.changes()) {
    const auto found = known.find(NameOf(change));
    if (found == known.end()) continue;
    for (const v1::Dot& dot : found->second) {
      std::string bytes = dot.SerializeAsString();
      if (std::find(named.begin(), named.end(), bytes) != named.end()) continue;
      named.push_back(std::move(bytes));
      *position->add_provisional() = dot;
    }
  }
}

// A sum counts otherwise what the replica wrote itself. The division changes no base, so what is
// stored gives the new sums.
absl::Status StageSums(const KvReader& reader, const Registry& registry, const SumPolicy& policy,
                       absl::string_view partition, KvBatch* batch) {
  const absl::StatusOr<SumsByKey> sums = SumPartition(reader, registry, policy, partition);
  // A damaged record keeps no copy from its division; the next comparison finds the difference.
  if (absl::IsDataLoss(sums.status())) return absl::OkStatus();
  RETURN_IF_ERROR(sums.status());
  return StageAllSums(reader, partition, *sums, batch).status();
}

}  // namespace

absl::StatusOr<std::vector<v1::UnsentChain>> KvDeviceStore::UnsentChains() const {
  std::vector<v1::UnsentChain> all;
  for (const std::string& partition : Partitions()) {
    const v1::OutboxHead head = Head(partition);
    if (head.sequence() == head.confirmed()) continue;
    v1::UnsentChain& unsent = all.emplace_back();
    unsent.set_partition(partition);
    unsent.set_first(head.confirmed() + 1);
    const auto it = kv_->Iterate(Table::kOutbox, ChangeSetKey(partition, unsent.first()),
                                 PrefixEnd(PartitionPrefix(partition)));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      v1::OutboxChangeSet set;
      if (!set.ParseFromArray(it->value().data(), static_cast<int>(it->value().size())))
        return absl::DataLossError("a change set of the outbox is damaged");
      unsent.add_chains(set.chain());
    }
    RETURN_IF_ERROR(it->status());
  }
  return all;
}

absl::Status KvDeviceStore::BecomeReplica(const ReplicaId& id,
                                          absl::Span<const v1::SharedWork> shared) {
  const WriterTurn turn(&writers_);
  if (id == replica_) return absl::OkStatus();
  BatchInProgress work(&table_, kv_.get());
  work.clock = clock_;
  std::map<std::string, PartitionState> after;
  for (const std::string& partition : Partitions()) {
    v1::SharedWork of_partition;
    for (const v1::SharedWork& candidate : shared)
      if (candidate.partition() == partition) of_partition = candidate;
    work.partition = partition;
    work.state = StateOf(partition);
    RETURN_IF_ERROR(StageDivision(id, of_partition, &work));
    after[partition] = work.state;
  }
  RETURN_IF_ERROR(RebuildViews(&work));
  RETURN_IF_ERROR(StageRecords(&work));
  SumPolicy policy = table_.sum_policy();
  policy.own = id;
  for (const auto& [partition, state] : after)
    RETURN_IF_ERROR(StageSums(*kv_, *options_.registry, policy, partition, &work.writes));
  work.writes.Put(Table::kMeta, std::string(kReplicaKey), id.AsBytes());
  RETURN_IF_ERROR(kv_->Write(work.writes, Durability::kSync));
  work.records.Committed();
  MutexLock lock(&mu_);
  replica_ = id;
  table_.set_own_replica(id);
  table_.ForgetSums();
  for (auto& [partition, state] : after) partitions_[partition] = std::move(state);
  rejected_ = static_cast<uint64_t>(static_cast<int64_t>(rejected_) + work.rejected_gain);
  has_unsynced_commit_ = false;
  return absl::OkStatus();
}

// The views of what `set` changes are made anew; without it when it leaves the outbox.
absl::Status KvDeviceStore::OpenRecordsOf(const PendingSet& set, bool leaves,
                                          BatchInProgress* work) {
  for (const v1::Change& change : set.body.changes()) {
    ASSIGN_OR_RETURN(const RecordId record, RecordId::FromBytes(change.record_id()));
    ASSIGN_OR_RETURN(RecordSlot* const slot,
                     work->records.Open(work->partition, change.type_id(), record));
    if (leaves) std::erase(slot->state.pending, set.header.sequence());
    slot->dirty = true;
    RETURN_IF_ERROR(TouchWhereItWent(slot, work));
  }
  return absl::OkStatus();
}

absl::Status KvDeviceStore::StageDivision(const ReplicaId& id, const v1::SharedWork& shared,
                                          BatchInProgress* work) {
  v1::OutboxHead& head = work->state.head;
  const uint64_t last = std::min(std::max(shared.last(), head.confirmed()), head.sequence());
  const uint64_t complete = work->state.cursor ? work->state.cursor->complete() : 0;
  KnownDots known;
  // What had its verdict belongs to the id that goes on elsewhere.
  const auto it = kv_->Iterate(Table::kOutbox, PartitionPrefix(work->partition),
                               ChangeSetKey(work->partition, head.confirmed() + 1));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    v1::OutboxChangeSet stored;
    PendingSet set;
    if (!stored.ParseFromArray(it->value().data(), static_cast<int>(it->value().size())) ||
        !set.header.ParseFromString(stored.change_set().header()) ||
        !set.body.ParseFromString(stored.change_set().body()))
      return absl::DataLossError("a retained change set is damaged");
    if (stored.verdict().commit_sequence() > complete) AddDots(set, &known);
    work->writes.Delete(Table::kOutbox, std::string(it->key()));
  }
  RETURN_IF_ERROR(it->status());
  const ChainValue start = ChainStart(id.bytes(), work->partition);
  ChainValue chain = start;
  for (uint64_t sequence = head.confirmed() + 1; sequence <= head.sequence(); ++sequence) {
    RETURN_IF_ERROR(PendingAt(work->partition, sequence, work).status());
    PendingSet& set = work->pending.find({work->partition, sequence})->second;
    RETURN_IF_ERROR(OpenRecordsOf(set, sequence <= last, work));
    const std::string key = ChangeSetKey(work->partition, sequence);
    if (sequence <= last) {
      AddDots(set, &known);
      for (const v1::Verdict& verdict : shared.refused())
        if (verdict.sequence() == sequence) RETURN_IF_ERROR(MoveToRejected(set, verdict, work));
      work->writes.Delete(Table::kOutbox, key);
      continue;
    }
    set.header.set_replica(id.AsBytes());
    NameWhatWasSeen(known, &set);
    set.change_set.set_header(set.header.SerializeAsString());
    ASSIGN_OR_RETURN(const Sha256Digest hash, BodyHashOf(set.change_set));
    chain = NextChain(chain, set.change_set.header(), hash);
    v1::OutboxChangeSet stored;
    *stored.mutable_change_set() = set.change_set;
    if (!set.change_set.has_body()) stored.set_remaining(set.body.SerializeAsString());
    stored.set_chain(std::string(AsView(chain)));
    work->writes.Put(Table::kOutbox, key, stored.SerializeAsString());
  }
  return StageNewHead(last, start, chain, work);
}

// The numbers go on, so that the rejected list's stay apart; the server is told where they begin.
absl::Status KvDeviceStore::StageNewHead(uint64_t last, const ChainValue& start,
                                         const ChainValue& chain, BatchInProgress* work) {
  PartitionState& state = work->state;
  if (state.head.sequence() > 0) {
    state.head.set_confirmed(last);
    state.head.set_redelivered(last);
    state.head.set_reconfirmed(last);
    state.head.set_retained_from(last + 1);
    state.head.set_retained_chain(std::string(AsView(start)));
    state.head.set_retained_bytes(0);
    state.head.set_chain(std::string(AsView(chain)));
    work->writes.Put(Table::kMeta, NamedMetaKey(kOutboxHeadName, work->partition),
                     state.head.SerializeAsString());
  }
  if (!state.cursor) return absl::OkStatus();
  // It is authenticated for the other id.
  state.left = state.seen_by();
  state.cursor.reset();
  work->writes.Delete(Table::kMeta, NamedMetaKey(kCursorName, work->partition));
  work->writes.Put(Table::kMeta, NamedMetaKey(kLeftCursorName, work->partition),
                   state.left->SerializeAsString());
  return absl::OkStatus();
}

}  // namespace brigada
