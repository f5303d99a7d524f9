// The asking half of a repair: a partition in which this device differs from the server is compared
// by ranges of records, the differing ones cut again, until what is left is short enough to be
// named.
#ifndef REPLICA_SYNC_DEVICE_REPAIR_H_
#define REPLICA_SYNC_DEVICE_REPAIR_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/store/device_store.h"

namespace brigada {

// Parts that a range is cut into.
inline constexpr size_t kRangeFanout = 16;
// Ranges of one check; records of one list.
inline constexpr size_t kMaxRangesPerCheck = 256;
inline constexpr size_t kMaxItemsPerRange = 1024;
// A range with so few records on the device is listed, not cut.
inline constexpr uint64_t kListedRecords = 32;

// One thread; the store outlives it. It holds the bounds of the ranges still to be compared, about
// kRangeFanout for each level of cutting.
class DeviceRepair {
 public:
  explicit DeviceRepair(DeviceStore* store) : store_(store) {}

  // The next RangeCheck or RangeItems; nullopt: nothing to ask now. Begins with what the store says
  // is due (DeviceStore::Repairs), each partition once in a session.
  absl::StatusOr<std::optional<v1::ClientFrame>> NextFrame();
  // kInvalidArgument: not the answer to what was asked.
  absl::Status OnAnswer(const v1::RangeAnswer& answer);
  absl::Status OnRepair(const v1::RangeRepair& repair, size_t max_inflated_bytes);
  // Something is being compared, or may be as soon as its partition is at a checkpoint.
  absl::StatusOr<bool> has_work() const;
  bool waits_for_answer() const { return asked_.has_value(); }
  uint64_t partitions_repaired() const { return partitions_repaired_; }
  uint64_t records_repaired() const { return records_repaired_; }

 private:
  struct Range {
    std::string begin;
    std::string end;
    uint64_t count = 0;  // of the device's records
  };
  struct Asked {
    std::vector<Range> ranges;  // one when it was listed
    bool is_list = false;
  };

  // A partition that is due, at a checkpoint and not yet repaired in this session.
  std::optional<std::string> NextDue() const;
  absl::Status Begin(const std::string& partition);
  absl::StatusOr<v1::ClientFrame> Ask();
  absl::StatusOr<v1::ClientFrame> AskItems(Range range);
  absl::StatusOr<v1::ClientFrame> AskCheck();
  absl::Status Finish();
  absl::string_view Cause() const;
  absl::Status CheckAnswer(absl::string_view partition, uint64_t number, bool is_list) const;

  DeviceStore* const store_;
  std::set<std::string> tried_;
  std::string partition_;  // under repair; empty: none
  std::vector<Range> open_;
  std::optional<Asked> asked_;
  uint64_t number_ = 0;
  // Of this partition.
  RepairEffect effect_;
  bool sums_were_wrong_ = false;
  uint64_t partitions_repaired_ = 0;
  uint64_t records_repaired_ = 0;
};

}  // namespace brigada

#endif  // REPLICA_SYNC_DEVICE_REPAIR_H_
