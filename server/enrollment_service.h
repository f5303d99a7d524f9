// The Enrollment service: a one-time code becomes a device certificate; a lapsed lease is renewed.
#ifndef SERVER_ENROLLMENT_SERVICE_H_
#define SERVER_ENROLLMENT_SERVICE_H_

#include "brigada/v1/enrollment_service.grpc.pb.h"
#include "replica/base/clock.h"
#include "server/executor.h"
#include "server/organization.h"

namespace brigada {

class EnrollmentService final : public v1::Enrollment::CallbackService {
 public:
  // All outlive the service.
  EnrollmentService(Organization* organization, Executor* executor, const Clock* clock)
      : organization_(organization), executor_(executor), clock_(clock) {}

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
  absl::Status DoRenew(const v1::RenewRequest& request, v1::EnrollResponse* response);

  Organization* const organization_;
  Executor* const executor_;
  const Clock* const clock_;
};

}  // namespace brigada

#endif  // SERVER_ENROLLMENT_SERVICE_H_
