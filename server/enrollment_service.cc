#include "server/enrollment_service.h"

#include "server/peer.h"
#include "server/unary_call.h"

namespace brigada {

grpc::ServerUnaryReactor* EnrollmentService::Enroll(grpc::CallbackServerContext* call,
                                                    const v1::EnrollRequest* request,
                                                    v1::EnrollResponse* response) {
  // One that replaces a device waits for that one's sessions.
  Executor* const executor = request->previous_replica().empty() ? executor_ : workers_;
  return RunUnary(call, executor, kMaxAnonymousCalls,
                  [this, request, response] { return desk_.Enroll(*request, response); });
}

grpc::ServerUnaryReactor* EnrollmentService::Renew(grpc::CallbackServerContext* call,
                                                   const v1::RenewRequest* request,
                                                   v1::EnrollResponse* response) {
  return RunUnary(call, executor_, kMaxAnonymousCalls,
                  [this, request, response] { return desk_.Renew(*request, response); });
}

grpc::ServerUnaryReactor* EnrollmentService::Divide(grpc::CallbackServerContext* call,
                                                    const v1::DivideRequest* request,
                                                    v1::DivideResponse* response) {
  return RunUnary(call, workers_, kMaxAnonymousCalls, [this, call, request, response] {
    return desk_.Divide(ReplicaOfPeer(*call), *request, response);
  });
}

}  // namespace brigada
