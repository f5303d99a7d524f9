// The one apply path for records, on a device and at the authority alike: a record, its index
// entries, its feed entries and the counts change in the same write batch, here and nowhere else.
//
//   RecordTable table(&registry, {...});      table.Load(*kv);          once, at open
//   RecordBatch records(&table, kv);                                    per write batch
//   auto* slot = records.Open("MX/20", 10, id);   slot->state.base = ...;   slot->dirty = true;
//   records.Stage(&batch);    kv->Write(batch, ...);    records.Committed();
//
// A record opened twice in one batch is the same slot: later steps see what earlier ones did, and
// only the last state is written.
#ifndef REPLICA_STORE_RECORD_TABLE_H_
#define REPLICA_STORE_RECORD_TABLE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "brigada/v1/storage.pb.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/base/ids.h"
#include "replica/base/mutex.h"
#include "replica/merge/record.h"
#include "replica/schema/registry.h"
#include "replica/store/kv.h"
#include "replica/store/scope_sums.h"

namespace brigada {

// Type of the ledger's records (Conflict).
inline constexpr uint32_t kConflictTypeId = 2;

// A feed the record left: there an entry says where it went, until the record comes back.
struct Departure {
  std::string scope;
  v1::FeedKind kind = v1::FEED_KIND_UNSPECIFIED;
  uint64_t sequence = 0;

  friend bool operator==(const Departure&, const Departure&) = default;
};

// Where a record went that is not in this partition any more.
struct Leaving {
  std::string scope;
  uint64_t sequence = 0;  // at which it left
  v1::DataClass data_class = v1::DATA_CLASS_UNSPECIFIED;

  friend bool operator==(const Leaving&, const Leaving&) = default;
};

// A write of a record that has left, as this partition knew it.
struct FormerWrite {
  ReplicaId replica;
  uint64_t origin_sequence = 0;  // as a record elsewhere keeps it
  uint64_t sequence = 0;         // commit sequence here

  friend bool operator==(const FormerWrite&, const FormerWrite&) = default;
};

// What is stored of one record: v1::StoredRecord, decoded.
struct RecordStorage {
  // The authority's state.
  Record base;
  // `base` with the pending change sets laid over; absent when there are none.
  std::optional<Record> view;
  // Sequences of the outbox change sets that touch the record, ascending.
  std::vector<uint64_t> pending;
  // On a device: every change of the record up to this commit sequence is in `base`.
  uint64_t seen = 0;
  std::vector<Departure> departures;
  // At the authority, of a deleted record: its message when it was deleted.
  std::string last_content;
  // On a device: the server does not have it for this device, and it stays (v1::StoredRecord).
  bool is_kept = false;
  // On a device: own fields that the server does not tell (v1::StoredRecord), ascending.
  std::vector<uint32_t> untold;
  // The record is in another partition: then there is no base. On a device only while change sets
  // are pending here.
  std::optional<Leaving> left;
  // At the authority, of a record that has ever left: what late writers had seen of it.
  std::vector<FormerWrite> former;
  // Partitions in which the record has been.
  std::vector<std::string> came_from;

  // What a caller reads, and what the index is made of.
  const Record& visible() const { return view ? *view : base; }
  // False: nothing is known of the record, and its key is deleted.
  bool exists() const { return base.exists() || view.has_value() || left.has_value(); }
};

// kDataLoss when `bytes` is not what EncodeStorage made. `type` null: unknown type.
absl::StatusOr<RecordStorage> DecodeStorage(const RecordType* type, absl::string_view bytes);
std::string EncodeStorage(const RecordStorage& storage);

// The record counts in the sums of its scope.
bool IsInSums(const RecordStorage& state);

// The class below which a reader does not get the record at all: its own or its type's; of an
// unknown type the most sensitive.
v1::DataClass ClassOf(const RecordType* type, const Record& record);

struct RecordTableOptions {
  const Registry* registry = nullptr;  // outlives the table
  // The authority serves feeds; a device does not keep them.
  bool keeps_feeds = false;
};

// What is known of all records of a store. Partitions() and Find() may be called from any thread;
// the rest belongs to the one writer.
class RecordTable {
 public:
  explicit RecordTable(RecordTableOptions options) : options_(options) {
    if (options.keeps_feeds) sum_policy_.unknown_class = v1::INCIDENT;
  }
  RecordTable(const RecordTable&) = delete;
  RecordTable& operator=(const RecordTable&) = delete;

  // Reads which partitions hold records, and the counts. Once, before anything else.
  absl::Status Load(const KvReader& reader);

  const Registry& registry() const { return *options_.registry; }
  bool keeps_feeds() const { return options_.keeps_feeds; }
  // The partitions that hold (or held) records, in order.
  std::vector<std::string> Partitions() const;

  struct Found {
    std::string partition;
    std::string bytes;  // EncodeStorage's
  };
  // The record wherever it is: one Get per partition. Where several partitions know the id, the one
  // in which the record lives; deleted records are found when none does. Nullopt: nowhere.
  absl::StatusOr<std::optional<Found>> Find(const KvReader& reader, uint32_t type_id,
                                            const RecordId& id) const;

  // How this store's records are summed. The device says who it is before its first batch.
  const SumPolicy& sum_policy() const { return sum_policy_; }
  void set_own_replica(const ReplicaId& own) { sum_policy_.own = own; }
  // The stored sums are no longer what the batches made of them.
  void ForgetSums() { sums_.clear(); }

  // Live conflict records that wait for a person, as of the last Committed().
  uint64_t open_conflicts() const;

 private:
  friend class RecordBatch;
  const RecordTableOptions options_;
  SumPolicy sum_policy_;
  mutable Mutex mu_;
  std::set<std::string, std::less<>> partitions_ ABSL_GUARDED_BY(mu_);
  std::map<uint32_t, uint64_t> counts_ ABSL_GUARDED_BY(mu_);
  uint64_t open_conflicts_ ABSL_GUARDED_BY(mu_) = 0;
  // As stored, of the feeds written to of late. The writer's.
  SumsByKey sums_;
};

// One record inside a RecordBatch.
struct RecordSlot {
  std::string partition;
  uint32_t type_id = 0;
  RecordId id;
  const RecordType* type = nullptr;  // null: unknown
  // Change it freely, then set `dirty`.
  RecordStorage state;
  bool dirty = false;
  // Scopes of `base` between the stored one and the last, in this batch: whoever made the record
  // there holds it and has to learn that it left. Only kept where feeds are.
  std::vector<std::string> passed_scopes;

 private:
  friend class RecordBatch;
  // As it is in the store; empty: absent.
  std::string stored_;
};

// The records that one write batch touches. One thread, and one RecordBatch at a time per table.
class RecordBatch {
 public:
  // Reads records from `reader`. Both outlive the batch.
  RecordBatch(RecordTable* table, const KvReader* reader) : table_(table), reader_(reader) {}
  RecordBatch(const RecordBatch&) = delete;
  RecordBatch& operator=(const RecordBatch&) = delete;

  // The record in this partition, which may not exist (state.exists()). The slot stays where it is
  // until the batch is gone. kDataLoss: the stored bytes are damaged.
  absl::StatusOr<RecordSlot*> Open(absl::string_view partition, uint32_t type_id,
                                   const RecordId& id);
  // The record wherever it is, in the partition where it lives rather than in one that has its
  // tombstone; null when it is nowhere (records made in this batch are found).
  absl::StatusOr<RecordSlot*> Find(uint32_t type_id, const RecordId& id);
  const KvReader& reader() const { return *reader_; }
  // Every slot opened so far, in the order of opening.
  std::deque<RecordSlot>& slots() { return slots_; }

  // Puts what the dirty slots changed into `batch`: records, index entries that differ, counts and,
  // when the table keeps them, feed entries. Once, after the last change. Indexes are made from
  // visible(), feeds from `base`. kDataLoss: a stored record cannot be read.
  absl::Status Stage(KvBatch* batch);
  // `batch` is written: the table takes over the counts and new partitions. Without it the table
  // stays as it was.
  void Committed();

 private:
  // Null when the store has no such record and the batch has not opened it.
  absl::StatusOr<RecordSlot*> OpenStored(absl::string_view partition, uint32_t type_id,
                                         const RecordId& id);
  RecordSlot* AddSlot(absl::string_view partition, uint32_t type_id, const RecordId& id);
  absl::Status StageSlot(RecordSlot* slot, KvBatch* batch);
  void StageCounts(KvBatch* batch);
  void CountBase(const RecordSlot& slot, const RecordStorage& state, bool is_added);
  absl::Status StageSums(KvBatch* batch);

  RecordTable* const table_;
  const KvReader* const reader_;
  std::deque<RecordSlot> slots_;
  absl::flat_hash_map<std::string, RecordSlot*> by_key_;
  std::set<std::string, std::less<>> partitions_;  // of the slots
  std::map<uint32_t, int64_t> count_changes_;
  int64_t open_conflict_change_ = 0;
  SumsByKey sum_changes_;
  SumsByKey sums_;  // as staged
};

}  // namespace brigada

#endif  // REPLICA_STORE_RECORD_TABLE_H_
