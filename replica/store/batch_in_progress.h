// A batch of the server on its way into one write batch of the device. Inside the device's store
// only.
#ifndef REPLICA_STORE_BATCH_IN_PROGRESS_H_
#define REPLICA_STORE_BATCH_IN_PROGRESS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "brigada/v1/storage.pb.h"
#include "replica/store/kv_device_store.h"

namespace brigada {

struct KvDeviceStore::BatchInProgress {
  BatchInProgress(RecordTable* table, const KvReader* reader) : records(table, reader) {}
  std::string partition;
  PartitionState state;
  std::vector<v1::Feed> feeds;  // of every partition once the batch is in
  RecordBatch records;
  KvBatch writes;
  // Entries of the rejected list, by key, that are new or have changed.
  std::map<std::string, v1::RejectedChangeSet> rejected;
  // By how many entries the list grows, and the keys that leave it.
  int64_t rejected_gain = 0;
  std::set<std::string> released;
  // Verdicts of this batch: the change sets as they will be kept, and whether the rejected list
  // will hold them.
  std::map<uint64_t, v1::OutboxChangeSet> retained;
  std::map<uint64_t, bool> is_rejected;
  std::string epoch;  // of the verdicts
  // Records that the batch says were erased.
  std::vector<ChangedRecord> erased;
  // Partitions whose files hold what this batch erases.
  std::set<std::string> scrubbed;
  BatchEffect effect;
  // Outbox sets read so far, by partition and sequence.
  std::map<std::pair<std::string, uint64_t>, PendingSet> pending;
  HybridClock clock;
};

// The partition is to be repaired.
void AddDue(absl::string_view partition, v1::RepairNotes* notes);

// True when the verdict refuses the change because its record was erased.
bool HasErased(const v1::Verdict& verdict, uint32_t change);

}  // namespace brigada

#endif  // REPLICA_STORE_BATCH_IN_PROGRESS_H_
