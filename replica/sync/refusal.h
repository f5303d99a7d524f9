// Why a session ends: the frame that says so, and the status it becomes at the other end.
#ifndef REPLICA_SYNC_REFUSAL_H_
#define REPLICA_SYNC_REFUSAL_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "brigada/v1/sync_service.pb.h"

namespace brigada {

// `detail` holds no personal data: it is logged on both sides.
v1::Refused MakeRefused(v1::Refused::Reason reason, absl::string_view detail,
                        absl::Duration retry_after = absl::ZeroDuration());

// "REASON: detail" under the code that says what to do: kUnavailable and kResourceExhausted come
// back later; kUnauthenticated and kPermissionDenied enrol or ask; kFailedPrecondition update or
// (FORKED) take a new replica id; kInvalidArgument and kInternal are errors of a program.
absl::Status RefusalStatus(const v1::Refused& refused);

}  // namespace brigada

#endif  // REPLICA_SYNC_REFUSAL_H_
