// How a device gets its certificate: a one-time code becomes one, a lapsed lease is renewed, a copy
// becomes a replica of its own. Says what the Enrollment service answers, without gRPC.
#ifndef SERVER_ENROLLMENT_DESK_H_
#define SERVER_ENROLLMENT_DESK_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "brigada/v1/enrollment_service.pb.h"
#include "replica/base/clock.h"
#include "replica/base/ids.h"
#include "server/commit_queue.h"
#include "server/live_sessions.h"
#include "server/organization.h"

namespace brigada {

// Thread safe. All that it is given outlives it.
class EnrollmentDesk {
 public:
  EnrollmentDesk(Organization* organization, LiveSessions* sessions, CommitQueue* commit_queue,
                 const Clock* clock)
      : organization_(*organization),
        sessions_(sessions),
        commit_queue_(commit_queue),
        clock_(*clock) {}

  // proto/brigada/v1/enrollment_service.proto says what each answers. One that replaces a device
  // waits for that one's sessions, and so does a division: not on the thread that these run on.
  absl::Status Enroll(const v1::EnrollRequest& request, v1::EnrollResponse* response) const;
  absl::Status Renew(const v1::RenewRequest& request, v1::EnrollResponse* response) const;
  // `caller`: whose certificate the call came with; zero: none.
  absl::Status Divide(const ReplicaId& caller, const v1::DivideRequest& request,
                      v1::DivideResponse* response) const;

 private:
  // The device of the invitation's user that the request says it was before. Nullopt: none, or
  // none that this caller is told of.
  absl::StatusOr<std::optional<ReplicaId>> ReplacedBy(const v1::EnrollRequest& request,
                                                      absl::string_view user) const;
  // What the server has of the work of the device that is replaced.
  absl::Status AnswerFor(const ReplicaId& replaced, const v1::EnrollRequest& request,
                         v1::EnrollResponse* response) const;

  Organization& organization_;
  LiveSessions* const sessions_;
  CommitQueue* const commit_queue_;
  const Clock& clock_;
};

}  // namespace brigada

#endif  // SERVER_ENROLLMENT_DESK_H_
