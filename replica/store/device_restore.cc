// An outbox that was read from its mirror becomes a store's again: its change sets are laid over
// the records, and where both copies had a gap the chain goes on behind it.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "replica/base/status_macros.h"
#include "replica/crypto/hash_chain.h"
#include "replica/store/batch_in_progress.h"
#include "replica/store/device_keys.h"
#include "replica/store/device_recovery.h"
#include "replica/store/keys.h"
#include "replica/store/kv_device_store.h"
#include "replica/store/scrub_notes.h"
#include "replica/store/sealed_body.h"

namespace brigada {
namespace {

// So many change sets are laid over in one write batch.
constexpr uint64_t kSetsPerBatch = 256;

// What the stored rows of one partition's outbox say of themselves.
struct OutboxRow {
  std::string chain;
  uint64_t bytes = 0;
  bool has_verdict = false;
};
using OutboxRows = std::map<uint64_t, OutboxRow>;

// Those that nobody can read go into `damaged`.
absl::StatusOr<OutboxRows> ReadRows(const KvReader& reader, absl::string_view partition,
                                    KvBatch* damaged) {
  OutboxRows rows;
  const std::string prefix = PartitionPrefix(partition);
  const auto it = reader.Iterate(Table::kOutbox, prefix, PrefixEnd(prefix));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    v1::OutboxChangeSet set;
    const uint64_t sequence = NumberOf(it->key().substr(prefix.size()));
    if (!ParsePendingSet(it->value(), sequence).ok() ||
        !set.ParseFromArray(it->value().data(), static_cast<int>(it->value().size()))) {
      damaged->Delete(Table::kOutbox, std::string(it->key()));
      continue;
    }
    rows[sequence] = {set.chain(), it->value().size(), set.has_verdict()};
  }
  RETURN_IF_ERROR(it->status());
  return rows;
}

// Every change set that the head counts is there, with a verdict as far as it is confirmed.
bool IsComplete(const OutboxRows& rows, const v1::OutboxHead& head) {
  uint64_t expected = std::max<uint64_t>(head.retained_from(), 1);
  for (const auto& [sequence, row] : rows) {
    if (sequence != expected++ || row.has_verdict != (sequence <= head.confirmed())) return false;
  }
  const bool ends_well = rows.empty() || rows.rbegin()->second.chain == head.chain();
  return expected == head.sequence() + 1 && ends_well;
}

// The chain value after `sequence`, if anything still says it.
std::string ChainAfter(uint64_t sequence, const OutboxRows& rows, const v1::OutboxHead& head,
                       const ChainValue& start) {
  if (sequence == 0) return std::string(AsView(start));
  if (const auto row = rows.find(sequence); row != rows.end()) return row->second.chain;
  if (sequence == head.sequence() && !head.chain().empty()) return head.chain();
  if (sequence + 1 == head.retained_from()) return head.retained_chain();
  return "";
}

// A place in the sequence of which the content is lost. The server takes it for what it is.
v1::ChangeSet LostSet(const ReplicaId& replica, absl::string_view partition, uint64_t sequence,
                      const v1::DeviceClock& clock) {
  v1::ChangeSetHeader header;
  header.set_replica(replica.AsBytes());
  header.set_sequence(sequence);
  header.set_partition(std::string(partition));
  header.set_schema_version(kSchemaVersion);
  header.set_stamp(clock.stamp());
  header.mutable_position()->set_epoch(clock.epoch());
  v1::ChangeSet set;
  set.set_header(header.SerializeAsString());
  set.mutable_stub()->set_reason(v1::ChangeSet::Stub::UNREADABLE);
  set.mutable_stub()->set_body_hash(std::string(AsView(Sha256(""))));
  return set;
}

void NoteLost(absl::string_view partition, uint64_t sequence, RestoredOutbox* restored) {
  ++restored->lost;
  std::vector<LostChangeSets>& sets = restored->lost_sets;
  if (!sets.empty() && sets.back().partition == partition && sets.back().last + 1 == sequence) {
    sets.back().last = sequence;
  } else {
    sets.push_back({std::string(partition), sequence, sequence});
  }
}

ChainValue ChainFrom(absl::string_view bytes) {
  ChainValue chain{};
  if (bytes.size() == chain.size())
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(chain.data()));
  return chain;
}

// Of the delivered ones those stay that lie without a gap before the unsent ones, and of which the
// chain before them is known.
void KeepRetained(const OutboxRows& rows, const ChainValue& start, absl::string_view partition,
                  v1::OutboxHead* head, KvBatch* batch) {
  uint64_t first = head->confirmed() + 1;
  const auto is_kept = [&](uint64_t sequence) {
    const auto row = rows.find(sequence);
    return row != rows.end() && row->second.has_verdict;
  };
  while (first > 1 && is_kept(first - 1)) --first;
  if (first <= head->confirmed() && ChainAfter(first - 1, rows, *head, start).empty()) ++first;
  head->set_retained_chain(ChainAfter(first - 1, rows, *head, start));
  head->set_retained_from(first);
  head->set_retained_bytes(0);
  for (const auto& [sequence, row] : rows) {
    if (sequence < first) batch->Delete(Table::kOutbox, ChangeSetKey(partition, sequence));
    if (sequence >= first && sequence <= head->confirmed())
      head->set_retained_bytes(head->retained_bytes() + row.bytes);
  }
  if (head->reconfirmed() < head->redelivered())
    head->set_reconfirmed(std::min(head->redelivered(), std::max(head->reconfirmed(), first - 1)));
}

}  // namespace

absl::Status KvDeviceStore::RestoreOutbox(RestoredOutbox* restored) {
  const WriterTurn turn(&writers_);
  std::set<std::string> partitions;
  for (std::string& partition : Partitions()) partitions.insert(std::move(partition));
  const auto it = kv_->Iterate(Table::kOutbox, "", "");
  for (it->SeekToFirst(); it->Valid(); it->Next())
    partitions.insert(std::string(PartitionOfKey(it->key())));
  RETURN_IF_ERROR(it->status());
  // The mirror may hold what an erasure took and no file had lost yet.
  KvBatch notes;
  for (const std::string& partition : partitions)
    RETURN_IF_ERROR(StageScrubNote(*kv_, partition, &notes));
  RETURN_IF_ERROR(kv_->Write(notes, Durability::kMemory));
  for (const std::string& partition : partitions) {
    RETURN_IF_ERROR(MendOutbox(partition, restored));
    RETURN_IF_ERROR(LayOutboxOver(partition));
  }
  ASSIGN_OR_RETURN(const StoreCounts counts, Counts());
  restored->rejected = counts.rejected;
  return WriteMeta(kClockKey, ClockNow(clock_.last()).SerializeAsString(), Durability::kSync);
}

absl::Status KvDeviceStore::ChangeFolioDevice() {
  const WriterTurn turn(&writers_);
  const auto is_known = [&](const ReplicaId& id) {
    return FolioDevice(id) == FolioDevice(folio_replica_) ||
           FolioDevice(id) == FolioDevice(replica_);
  };
  ReplicaId id = folio_replica_;
  while (is_known(id)) id = NewReplicaId(*options_.random);
  RETURN_IF_ERROR(WriteMeta(kFolioDeviceKey, id.AsBytes(), Durability::kMemory));
  folio_replica_ = id;
  return absl::OkStatus();
}

absl::Status KvDeviceStore::MendOutbox(const std::string& partition, RestoredOutbox* restored) {
  v1::OutboxHead head = Head(partition);
  KvBatch damaged;
  ASSIGN_OR_RETURN(const OutboxRows rows, ReadRows(*kv_, partition, &damaged));
  RETURN_IF_ERROR(kv_->Write(damaged, Durability::kMemory));
  const uint64_t last = std::max(head.sequence(), rows.empty() ? 0 : rows.rbegin()->first);
  const uint64_t lost_before = restored->lost;
  if (!IsComplete(rows, head)) {
    const v1::OutboxHead before = head;
    for (const auto& [sequence, row] : rows) {
      if (row.has_verdict) head.set_confirmed(std::max(head.confirmed(), sequence));
    }
    head.set_sequence(last);
    KvBatch batch;
    const ChainValue start = ChainStart(replica_.bytes(), partition);
    const std::string chain = ChainAfter(head.confirmed(), rows, before, start);
    KeepRetained(rows, start, partition, &head, &batch);
    // A chain that nobody knows is another, as behind a gap.
    head.set_chain(chain.empty() ? std::string(sizeof(ChainValue), '\0') : chain);
    RETURN_IF_ERROR(StageMended(partition, &head, &batch, restored));
    RETURN_IF_ERROR(WriteHead(partition, head, std::move(batch)));
  }
  const uint64_t retained_from = std::max<uint64_t>(head.retained_from(), 1);
  if (head.confirmed() >= retained_from) restored->retained += head.confirmed() + 1 - retained_from;
  restored->unsent += head.sequence() - head.confirmed() - (restored->lost - lost_before);
  return absl::OkStatus();
}

// Behind a gap the chain is another. A server that knows the old one takes this store for a copy,
// which is what it has become.
absl::Status KvDeviceStore::StageMended(const std::string& partition, v1::OutboxHead* head,
                                        KvBatch* batch, RestoredOutbox* restored) const {
  const v1::DeviceClock clock = ClockNow(clock_.last());
  for (uint64_t sequence = head->confirmed() + 1; sequence <= head->sequence(); ++sequence) {
    const std::string key = ChangeSetKey(partition, sequence);
    ASSIGN_OR_RETURN(const std::optional<std::string> value, kv_->Get(Table::kOutbox, key));
    v1::OutboxChangeSet set;
    const bool is_there =
        value.has_value() && ParsePendingSet(*value, sequence).ok() && set.ParseFromString(*value);
    absl::StatusOr<Sha256Digest> hash = BodyHashOf(set.change_set());
    if (!is_there || !hash.ok()) {
      set.Clear();
      *set.mutable_change_set() = LostSet(replica_, partition, sequence, clock);
      NoteLost(partition, sequence, restored);
      ASSIGN_OR_RETURN(hash, BodyHashOf(set.change_set()));
    } else if (head->chain().empty()) {
      // Nothing before it is left to follow upon.
      head->set_chain(set.chain());
      continue;
    }
    const ChainValue after = NextChain(ChainFrom(head->chain()), set.change_set().header(), *hash);
    head->set_chain(std::string(AsView(after)));
    if (set.chain() == head->chain()) continue;
    set.set_chain(head->chain());
    batch->Put(Table::kOutbox, key, set.SerializeAsString());
  }
  return absl::OkStatus();
}

absl::Status KvDeviceStore::LayOutboxOver(const std::string& partition) {
  const v1::OutboxHead head = Head(partition);
  for (uint64_t next = head.confirmed() + 1; next <= head.sequence();) {
    const uint64_t end = std::min(head.sequence() + 1, next + kSetsPerBatch);
    BatchInProgress work(&table_, kv_.get());
    work.partition = partition;
    work.clock = clock_;
    for (; next < end; ++next) {
      ASSIGN_OR_RETURN(const PendingSet* const set, PendingAt(partition, next, &work));
      for (const v1::Change& change : set->body.changes()) {
        ASSIGN_OR_RETURN(const RecordId id, RecordId::FromBytes(change.record_id()));
        ASSIGN_OR_RETURN(RecordSlot* const slot,
                         work.records.Open(partition, change.type_id(), id));
        std::vector<uint64_t>& pending = slot->state.pending;
        if (pending.empty() || pending.back() != next) pending.push_back(next);
        slot->dirty = true;
      }
    }
    RETURN_IF_ERROR(RebuildViews(&work));
    RETURN_IF_ERROR(StageRecords(&work));
    RETURN_IF_ERROR(kv_->Write(work.writes, Durability::kMemory));
    work.records.Committed();
  }
  return absl::OkStatus();
}

}  // namespace brigada
