// The Enrollment service: a one-time code becomes a device certificate; a lapsed lease is renewed.
#ifndef SERVER_ENROLLMENT_SERVICE_H_
#define SERVER_ENROLLMENT_SERVICE_H_

#include "brigada/v1/enrollment_service.grpc.pb.h"
#include "replica/base/clock.h"
#include "server/commit_queue.h"
#include "server/executor.h"
#include "server/live_sessions.h"
#include "server/organization.h"

namespace brigada {

// All outlive the service.
struct EnrollmentContext {
  Organization* organization = nullptr;
  LiveSessions* sessions = nullptr;
  CommitQueue* commit_queue = nullptr;
  Executor* executor = nullptr;
  Executor* workers = nullptr;  // for calls that wait for sessions, which run on `executor`
  const Clock* clock = nullptr;
};

class EnrollmentService final : public v1::Enrollment::CallbackService {
 public:
  explicit EnrollmentService(const EnrollmentContext& context) : context_(context) {}

  grpc::ServerUnaryReactor* Enroll(grpc::CallbackServerContext* call,
                                   const v1::EnrollRequest* request,
                                   v1::EnrollResponse* response) override;
  grpc::ServerUnaryReactor* Renew(grpc::CallbackServerContext* call,
                                  const v1::RenewRequest* request,
                                  v1::EnrollResponse* response) override;
  grpc::ServerUnaryReactor* Divide(grpc::CallbackServerContext* call,
                                   const v1::DivideRequest* request,
                                   v1::DivideResponse* response) override;

 private:
  absl::Status DoDivide(const ReplicaId& caller, const v1::DivideRequest& request,
                        v1::DivideResponse* response);
  absl::Status DoEnroll(const v1::EnrollRequest& request, v1::EnrollResponse* response);
  // The device of the invitation's user that the request says it was before. Nullopt: none, or
  // none that this caller is told of.
  absl::StatusOr<std::optional<ReplicaId>> ReplacedBy(const v1::EnrollRequest& request,
                                                      absl::string_view user) const;
  // What the server has of the work of the device that is replaced.
  absl::Status AnswerFor(const ReplicaId& replaced, const v1::EnrollRequest& request,
                         v1::EnrollResponse* response);
  absl::Status DoRenew(const v1::RenewRequest& request, v1::EnrollResponse* response);

  const EnrollmentContext context_;
};

}  // namespace brigada

#endif  // SERVER_ENROLLMENT_SERVICE_H_
