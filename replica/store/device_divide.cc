// A store that was found to be a copy becomes a replica of its own: the change sets that the server
// does not have go on under a new id.
#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "replica/base/check.h"
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

// Of one partition, in one request.
constexpr uint64_t kMaxRetainedChains = 32'768;

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

}  // namespace

// The change sets that go on under another id.
struct KvDeviceStore::NewChain {
  ReplicaId id;
  ReplicaId former;
  uint64_t last = 0;  // of the old id that stays under it
  ChainValue chain;
  KnownDots known = {};  // of the old id
  uint64_t retained_bytes = 0;

  // The other copy's change sets have the old id and these numbers.
  void Rename(v1::Dot* dot) const {
    if (dot->replica() == former.bytes() && dot->sequence() > last) dot->set_replica(id.AsBytes());
  }

  void Rename(v1::ChangeSetHeader* header) const {
    header->set_replica(id.AsBytes());
    if (header->has_retry_of()) Rename(header->mutable_retry_of());
    if (header->has_same_work()) Rename(header->mutable_same_work());
    for (v1::Dot& dot : *header->mutable_position()->mutable_provisional()) Rename(&dot);
  }

  absl::Status Append(PendingSet* set, v1::OutboxChangeSet* stored) {
    Rename(&set->header);
    NameWhatWasSeen(known, set);
    set->change_set.set_header(set->header.SerializeAsString());
    ASSIGN_OR_RETURN(const Sha256Digest hash, BodyHashOf(set->change_set));
    chain = NextChain(chain, set->change_set.header(), hash);
    *stored->mutable_change_set() = set->change_set;
    stored->set_chain(std::string(AsView(chain)));
    return absl::OkStatus();
  }
};

namespace {

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

// Delivered change sets are asked for too, as many as are kept: since the copies parted the server
// may have gone back, and where they were it may have the other copy's work. Those before one that
// cannot go on under another id (what is sealed is bound to its header, what is damaged says
// nothing) are left to the old one.
absl::StatusOr<v1::UnsentChain> KvDeviceStore::ChainsOf(const std::string& partition) const {
  const v1::OutboxHead head = Head(partition);
  const uint64_t unsent = head.confirmed() + 1;
  v1::UnsentChain chains;
  chains.set_partition(partition);
  chains.set_first(head.retained_from() == 0 ? unsent : std::min(head.retained_from(), unsent));
  if (unsent - chains.first() > kMaxRetainedChains) chains.set_first(unsent - kMaxRetainedChains);
  const auto it = kv_->Iterate(Table::kOutbox, ChangeSetKey(partition, chains.first()),
                               PrefixEnd(PartitionPrefix(partition)));
  uint64_t sequence = chains.first();
  for (it->SeekToFirst(); it->Valid(); it->Next(), ++sequence) {
    const absl::StatusOr<PendingSet> set = ParsePendingSet(it->value(), sequence);
    if (sequence < unsent && (!set.ok() || set->change_set.has_sealed_body())) {
      chains.clear_chains();
      chains.set_first(sequence + 1);
      continue;
    }
    RETURN_IF_ERROR(set.status());
    v1::OutboxChangeSet stored;
    CHECK(stored.ParseFromArray(it->value().data(), static_cast<int>(it->value().size())));
    chains.add_chains(stored.chain());
  }
  RETURN_IF_ERROR(it->status());
  return chains;
}

absl::StatusOr<std::vector<v1::UnsentChain>> KvDeviceStore::UnsentChains() const {
  std::vector<v1::UnsentChain> all;
  for (const std::string& partition : Partitions()) {
    ASSIGN_OR_RETURN(v1::UnsentChain chains, ChainsOf(partition));
    if (chains.chains_size() > 0) all.push_back(std::move(chains));
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
  // The copy that keeps the id keeps it.
  work.writes.Delete(Table::kMeta, std::string(kFolioDeviceKey));
  RETURN_IF_ERROR(kv_->Write(work.writes, Durability::kSync));
  work.records.Committed();
  folio_replica_ = id;
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

// The change sets behind the last one that the server has go on under the new id: delivered ones
// with their verdict, to be sent again, the others as they are.
absl::Status KvDeviceStore::StageDivision(const ReplicaId& id, const v1::SharedWork& shared,
                                          BatchInProgress* work) {
  ASSIGN_OR_RETURN(const v1::UnsentChain asked, ChainsOf(work->partition));
  const v1::OutboxHead& head = work->state.head;
  const uint64_t last = std::min(std::max(shared.last(), asked.first() - 1), head.sequence());
  NewChain next{id, replica_, last, ChainStart(id.bytes(), work->partition)};
  const ChainValue start = next.chain;
  RETURN_IF_ERROR(StageDelivered(last, &next, work));
  RETURN_IF_ERROR(StageListed(next, work));
  for (uint64_t sequence = head.confirmed() + 1; sequence <= head.sequence(); ++sequence) {
    RETURN_IF_ERROR(PendingAt(work->partition, sequence, work).status());
    PendingSet& set = work->pending.find({work->partition, sequence})->second;
    RETURN_IF_ERROR(OpenRecordsOf(set, sequence <= last, work));
    const std::string key = ChangeSetKey(work->partition, sequence);
    if (sequence <= last) {
      AddDots(set, &next.known);
      for (const v1::Verdict& verdict : shared.refused())
        if (verdict.sequence() == sequence) RETURN_IF_ERROR(MoveToRejected(set, verdict, work));
      work->writes.Delete(Table::kOutbox, key);
      continue;
    }
    v1::OutboxChangeSet stored;
    if (!set.change_set.has_body()) stored.set_remaining(set.body.SerializeAsString());
    RETURN_IF_ERROR(next.Append(&set, &stored));
    work->writes.Put(Table::kOutbox, key, stored.SerializeAsString());
  }
  return StageNewHead(last, start, next, work);
}

// What the server has belongs to the id that goes on elsewhere.
absl::Status KvDeviceStore::StageDelivered(uint64_t last, NewChain* next, BatchInProgress* work) {
  const uint64_t complete = work->state.cursor ? work->state.cursor->complete() : 0;
  const auto it = kv_->Iterate(Table::kOutbox, PartitionPrefix(work->partition),
                               ChangeSetKey(work->partition, work->state.head.confirmed() + 1));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    std::string key(it->key());
    const uint64_t sequence =
        BigEndian64(it->key().substr(PartitionPrefix(work->partition).size()));
    absl::StatusOr<PendingSet> set = ParsePendingSet(it->value(), sequence);
    v1::OutboxChangeSet stored;
    if (sequence > last) RETURN_IF_ERROR(set.status());
    if (set.ok())
      CHECK(stored.ParseFromArray(it->value().data(), static_cast<int>(it->value().size())));
    if (sequence <= last) {
      if (stored.verdict().commit_sequence() > complete) AddDots(*set, &next->known);
      work->writes.Delete(Table::kOutbox, std::move(key));
      continue;
    }
    RETURN_IF_ERROR(next->Append(&*set, &stored));
    const std::string kept = stored.SerializeAsString();
    next->retained_bytes += kept.size();
    work->writes.Put(Table::kOutbox, std::move(key), kept);
  }
  return it->status();
}

// A retry names what is on the list as what it says again.
absl::Status KvDeviceStore::StageListed(const NewChain& next, BatchInProgress* work) {
  const auto it = kv_->Iterate(Table::kRejected, ChangeSetKey(work->partition, next.last + 1),
                               PrefixEnd(PartitionPrefix(work->partition)));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    v1::RejectedChangeSet listed;
    v1::ChangeSetHeader header;
    // A damaged one keeps no copy from its division.
    if (!listed.ParseFromArray(it->value().data(), static_cast<int>(it->value().size())) ||
        !header.ParseFromString(listed.change_set().header()) ||
        header.replica() != next.former.bytes())
      continue;
    next.Rename(&header);
    listed.mutable_change_set()->set_header(header.SerializeAsString());
    work->writes.Put(Table::kRejected, std::string(it->key()), listed.SerializeAsString());
  }
  return it->status();
}

// The numbers go on, so that the rejected list's stay apart; the server is told where they begin.
absl::Status KvDeviceStore::StageNewHead(uint64_t last, const ChainValue& start,
                                         const NewChain& next, BatchInProgress* work) {
  PartitionState& state = work->state;
  if (state.head.sequence() > 0) {
    v1::FormerReplica* const former = state.head.add_former();
    former->set_replica(next.former.AsBytes());
    former->set_after(state.head.redelivered());
    former->set_last(last);
    state.head.set_confirmed(std::max(last, state.head.confirmed()));
    state.head.set_redelivered(state.head.confirmed());
    state.head.set_reconfirmed(last);
    state.head.set_retained_from(last + 1);
    state.head.set_retained_chain(std::string(AsView(start)));
    state.head.set_retained_bytes(next.retained_bytes);
    state.head.set_chain(std::string(AsView(next.chain)));
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
