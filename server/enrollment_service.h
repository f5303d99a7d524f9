// The Enrollment service: reactors that hand each call to the enrollment desk.
#ifndef SERVER_ENROLLMENT_SERVICE_H_
#define SERVER_ENROLLMENT_SERVICE_H_

#include "brigada/v1/enrollment_service.grpc.pb.h"
#include "replica/base/clock.h"
#include "server/enrollment_desk.h"
#include "server/executor.h"

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
  explicit EnrollmentService(const EnrollmentContext& context)
      : desk_(context.organization, context.sessions, context.commit_queue, context.clock),
        executor_(context.executor),
        workers_(context.workers) {}

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
  const EnrollmentDesk desk_;
  Executor* const executor_;
  Executor* const workers_;
};

}  // namespace brigada

#endif  // SERVER_ENROLLMENT_SERVICE_H_
