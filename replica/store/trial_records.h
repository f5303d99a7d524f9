// What one change set makes of the records, kept apart from its group until all of it is accepted.
#ifndef REPLICA_STORE_TRIAL_RECORDS_H_
#define REPLICA_STORE_TRIAL_RECORDS_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "replica/store/record_table.h"

namespace brigada {

struct TrialRecord {
  RecordSlot* slot = nullptr;
  // The slot's base, to be changed freely.
  Record record;
  bool is_changed = false;
  // What the record said when this change set deleted it.
  std::optional<std::string> deleted_content;
  // As in RecordStorage; of a record that has moved between partitions.
  std::optional<Leaving> left;
  std::vector<FormerWrite> former;
  std::vector<std::string> came_from;

  // The content a deletion left behind, this one or an earlier one.
  const std::string& last_content() const {
    return deleted_content ? *deleted_content : slot->state.last_content;
  }
};

// One thread. The batch outlives it.
class TrialRecords {
 public:
  explicit TrialRecords(RecordBatch* batch) : batch_(batch) {}
  TrialRecords(const TrialRecords&) = delete;
  TrialRecords& operator=(const TrialRecords&) = delete;

  // The record as earlier change sets of the group and earlier steps of this one left it; it may
  // not exist. Stays in place. kDataLoss: the stored bytes are damaged.
  absl::StatusOr<TrialRecord*> Open(absl::string_view partition, uint32_t type_id,
                                    const RecordId& id);
  std::deque<TrialRecord>& records() { return records_; }
  // True when everything changed so far fits one batch.
  bool FitOneBatch() const;
  // Puts what changed into the batch's slots. Cannot fail.
  void Accept();

 private:
  RecordBatch* const batch_;
  std::deque<TrialRecord> records_;
  absl::flat_hash_map<const RecordSlot*, TrialRecord*> by_slot_;
};

}  // namespace brigada

#endif  // REPLICA_STORE_TRIAL_RECORDS_H_
