// What the server has of the unsent work of a replica that was copied, or lost its key.
#ifndef SERVER_DIVIDE_H_
#define SERVER_DIVIDE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "brigada/v1/administration_service.pb.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/store/authority_store.h"
#include "server/commit_queue.h"
#include "server/live_sessions.h"

namespace brigada {

// Of one device, with copies of copies: who has the key of a device could make any number of them.
inline constexpr size_t kMaxCopiesPerDevice = 32;

// kFailedPrecondition: so many copies of this device are not revoked. The store is not asked for
// more than its list of devices.
absl::Status CheckCopies(const AuthorityStore& store, const ReplicaId& replica);

// Enrols `copy` beside the device that it was copied from, whose record was read as `original`;
// repeating it is no change. kPermissionDenied: its id is another device's; kUnavailable: the
// original was changed meanwhile, perhaps revoked; and as CheckCopies.
absl::Status EnrolCopy(AuthorityStore& store, const std::string& original,
                       const v1::DeviceRecord& copy);

// Ends the sessions of `replica` and waits until all they had pushed is judged, so that the answer
// to a division, or to a device that comes back, counts it. kUnavailable: it is not within
// `patience`. Not on a thread of the executor that the sessions run on.
absl::Status SettleWork(const ReplicaId& replica, LiveSessions* sessions, CommitQueue* queue,
                        absl::Duration patience);

// Both copies made change sets under one id. Those of the chain values in `unsent` that the store
// has under the same sequence were made before the copies parted and came from the other one.
absl::StatusOr<std::vector<v1::SharedWork>> FindSharedWork(
    const AuthorityStore& store, const ReplicaId& replica,
    absl::Span<const v1::UnsentChain> unsent);

}  // namespace brigada

#endif  // SERVER_DIVIDE_H_
