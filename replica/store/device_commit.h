// A commit on its way into a write batch. Private to the device's store: for the files that make
// change sets (device_commit.cc) and those that make them again (device_resubmit.cc).
#ifndef REPLICA_STORE_DEVICE_COMMIT_H_
#define REPLICA_STORE_DEVICE_COMMIT_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "replica/store/kv_device_store.h"

namespace brigada {

struct KvDeviceStore::RetryOf {
  v1::ChangeSetHeader header;  // of the refused change set
  // Change sets of this replica, tried again earlier in the same write, that this one comes after.
  std::vector<uint64_t> seen_own;
  // It says something else now: work of its own.
  bool is_edited = false;
};

struct KvDeviceStore::CommitRequest : public WriterQueue::Writer {
  CommitRequest() : Writer(/*joins=*/true) {}
  std::vector<v1::Change> changes;
  std::vector<CheckedChange> checked;
  std::optional<RetryOf> retry;
  Durability durability = Durability::kSync;
  absl::StatusOr<CommitReceipt> result = absl::UnknownError("not committed");
};

struct KvDeviceStore::CommitGroup {
  CommitGroup(RecordTable* table, const KvReader* reader, uint64_t folios_before)
      : records(table, reader), folios(folios_before) {}
  RecordBatch records;
  KvBatch batch;
  HybridClock clock;
  std::map<std::string, PartitionState, std::less<>> partitions;  // those it touches
  std::vector<ChangedRecord> changed;
  uint64_t folios = 0;  // given so far, those of this batch included
  Durability durability = Durability::kMemory;
  bool is_empty = true;
};

}  // namespace brigada

#endif  // REPLICA_STORE_DEVICE_COMMIT_H_
