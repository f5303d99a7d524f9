// Forgets tombstones that no device needs any more: a pass over all records each day, a small piece
// at a time.
#ifndef SERVER_TOMBSTONE_JOB_H_
#define SERVER_TOMBSTONE_JOB_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "brigada/v1/administration_service.pb.h"
#include "replica/store/authority_store.h"

namespace brigada {

// A device that has not synced for so long no longer keeps tombstones: it compares when it is back.
inline constexpr absl::Duration kDeviceLivesFor = absl::Hours(24 * 180);
inline constexpr absl::Duration kBetweenPasses = absl::Hours(24);

// The checkpoint of the partition that every live device which reads it has reached: not revoked,
// and synced within kDeviceLivesFor. 0 when none reads it.
uint64_t TombstoneFloor(absl::Span<const v1::DeviceRecord> devices, absl::string_view partition,
                        absl::Time now);

// One thread at a time. A restart begins the pass again.
class TombstoneJob {
 public:
  // The first pass begins at `first_pass`. `store` outlives it.
  TombstoneJob(AuthorityStore* store, absl::Time first_pass)
      : store_(store), next_pass_(first_pass) {}

  // The next piece, when one is due.
  absl::Status RunSome(absl::Time now);

 private:
  absl::Status BeginPass(absl::Time now);

  AuthorityStore* const store_;
  absl::Time next_pass_;
  std::vector<CollectRequest> open_;  // partitions of this pass that are not done
  uint64_t collected_ = 0;
};

}  // namespace brigada

#endif  // SERVER_TOMBSTONE_JOB_H_
