// The receiving half of a device session: the welcome and the batches, each checked, inflated and
// laid into the store before the next is looked at.
#ifndef REPLICA_SYNC_DEVICE_PULL_H_
#define REPLICA_SYNC_DEVICE_PULL_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/store/device_store.h"

namespace brigada {

// What a batch did.
struct BatchOutcome {
  BatchEffect effect;
  // The greatest sequence of a verdict in it; 0 when it has none.
  uint64_t judged = 0;
  // Change sets that the outbox grew by: refused ones that go again by themselves.
  uint64_t resubmitted = 0;
};

// One thread; the store outlives it.
class DevicePull {
 public:
  explicit DevicePull(DeviceStore* store) : store_(store) {}

  // Notes time and grants; forgets or replaces the cursors that were not accepted, and removes what
  // is no longer to be read.
  absl::Status OnWelcome(const v1::Welcome& welcome);
  // kInvalidArgument: the frame contradicts itself or its body is hostile; nothing was applied.
  // Otherwise what DeviceStore::ApplyBatch says.
  absl::StatusOr<BatchOutcome> OnBatch(const v1::Batch& batch, size_t max_inflated_bytes);

 private:
  std::string epoch_;                 // as the welcome said
  std::set<std::string> up_to_date_;  // partitions that have had a checkpoint in this session

  DeviceStore* const store_;
};

}  // namespace brigada

#endif  // REPLICA_SYNC_DEVICE_PULL_H_
