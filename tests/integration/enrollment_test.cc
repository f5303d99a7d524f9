// Enrolment over real TLS when the answer gets lost on the way.
#include <memory>
#include <string>

#include "client_lib/grpc_transport.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_organization.h"

namespace brigada {
namespace {

// gRPC, but the answers to the first enrolments never arrive.
class ForgetfulTransport final : public Transport {
 public:
  explicit ForgetfulTransport(int lost) : lost_(lost) {}

  absl::StatusOr<std::unique_ptr<FrameStream>> Connect(const Credentials& credentials,
                                                       absl::Duration timeout) override {
    return grpc_->Connect(credentials, timeout);
  }
  absl::StatusOr<v1::EnrollResponse> Enroll(const Credentials& credentials,
                                            const v1::EnrollRequest& request) override {
    absl::StatusOr<v1::EnrollResponse> response = grpc_->Enroll(credentials, request);
    if (lost_-- > 0) return absl::UnavailableError("the link is gone");
    return response;
  }
  absl::StatusOr<v1::EnrollResponse> Renew(const Credentials& credentials,
                                           const v1::RenewRequest& request) override {
    return grpc_->Renew(credentials, request);
  }

 private:
  const std::shared_ptr<Transport> grpc_ = MakeGrpcTransport();
  int lost_;
};

TEST(EnrollmentTest, ALostAnswerCostsNoInvitation) {
  TestOrganization organization;
  const std::string invitation = organization.Invite("ana", "organizer", "MX/20/067");
  Options options;
  options.path = organization.DevicePath("ana");
  options.transport = std::make_shared<ForgetfulTransport>(2);
  ASSERT_OK_AND_ASSIGN(const auto ana, Replica::Open(options));
  EXPECT_THAT(ana->Enroll(invitation, "phone"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(ana->Enroll(invitation, "phone"), StatusIs(absl::StatusCode::kUnavailable));

  ASSERT_OK(ana->Enroll(invitation, "phone"));

  EXPECT_OK(ana->Sync({}));
  ASSERT_OK_AND_ASSIGN(const auto devices, organization.administration().Devices());
  EXPECT_EQ(devices.size(), 2u);  // the administrator's and ana's
}

}  // namespace
}  // namespace brigada
