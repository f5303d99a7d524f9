#include "client_lib/enrollment.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/base/check.h"
#include "replica/crypto/certificate_authority.h"
#include "replica/store/memory_kv.h"
#include "tests/support/fake_clock.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;

std::string Text(const v1::Invitation& invitation) {
  return absl::StrCat("BRG1-", absl::WebSafeBase64Escape(invitation.SerializeAsString()));
}

v1::Invitation Whole() {
  v1::Invitation invitation;
  invitation.set_server("brigada.example.mx:7443");
  invitation.set_code("sixteen bytes...");
  invitation.set_ca_der("certificate");
  invitation.set_expires_ms(1'800'000'000'000);
  invitation.set_user("rosa");
  return invitation;
}

TEST(ReadInvitationTest, WhiteSpaceAroundItDoesNotMatter) {
  ASSERT_OK_AND_ASSIGN(const v1::Invitation read,
                       ReadInvitation(absl::StrCat("\n  ", Text(Whole()), " \r\n")));
  EXPECT_EQ(read.server(), "brigada.example.mx:7443");
  EXPECT_EQ(read.code(), "sixteen bytes...");
}

TEST(ReadInvitationTest, WhatIsNoInvitationIsRefusedWithTheWayOut) {
  v1::Invitation no_code = Whole();
  no_code.clear_code();
  v1::Invitation no_server = Whole();
  no_server.clear_server();
  const std::string whole = Text(Whole());
  for (const std::string& text :
       {std::string(), std::string("BRG1-"), std::string("hola"), whole.substr(5),
        "BRG2-" + whole.substr(5), whole + "*", whole.substr(0, whole.size() - 20), Text(no_code),
        Text(no_server), "BRG1-" + std::string(9000, 'A')}) {
    EXPECT_THAT(ReadInvitation(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("brigada invite")))
        << text;
  }
}

TEST(ReadInvitationTest, OneThatWasCutAnywhereIsRefused) {
  const std::string bytes = Whole().SerializeAsString();
  for (size_t kept = 0; kept < bytes.size(); ++kept) {
    const std::string text =
        absl::StrCat("BRG1-", absl::WebSafeBase64Escape(bytes.substr(0, kept)));
    EXPECT_THAT(ReadInvitation(text), StatusIs(absl::StatusCode::kInvalidArgument)) << kept;
  }
}

// An organization that enrols whoever comes, as `user`.
class Organization final : public Transport {
 public:
  explicit Organization(absl::string_view name) : authority_(*CertificateAuthority::Create(name)) {}

  std::string InvitationOf(absl::string_view user) {
    user_ = std::string(user);
    v1::Invitation invitation = Whole();
    invitation.set_ca_der(authority_.certificate_der());
    invitation.set_user(user_);
    return Text(invitation);
  }
  int enrolled() const { return enrolled_; }

  absl::StatusOr<std::unique_ptr<FrameStream>> Connect(const Credentials& /*credentials*/,
                                                       absl::Duration /*timeout*/) override {
    return absl::UnavailableError("no");
  }
  absl::StatusOr<v1::EnrollResponse> Enroll(const Credentials& /*credentials*/,
                                            const v1::EnrollRequest& request) override {
    ++enrolled_;
    v1::EnrollResponse response;
    response.set_user(user_);
    response.set_certificate_der(*authority_.IssueDevice(
        request.csr_der(), *ReplicaId::FromBytes(request.replica()), user_));
    return response;
  }
  absl::StatusOr<v1::EnrollResponse> Renew(const Credentials& /*credentials*/,
                                           const v1::RenewRequest& /*request*/) override {
    return absl::UnavailableError("no");
  }

 private:
  const CertificateAuthority authority_;
  std::string user_;
  int enrolled_ = 0;
};

// A device of rosa's in one organization whose file `identity` is lost or damaged; its key is not.
class EnrolledOnceTest : public ::testing::TestWithParam<bool> {
 protected:
  EnrolledOnceTest() {
    DeviceStoreOptions options;
    options.registry = &Registry::BuiltIn();
    options.clock = &clock_;
    options.random = &random_;
    store_ = *OpenDeviceStore(NewMemoryKv(), options);
    CHECK(directory_.Prepare(/*create=*/true).ok());
    CHECK(Enroll(first_, "rosa").ok());
    const std::string identity = directory_.path() + "/identity";
    if (GetParam()) {
      std::filesystem::remove(identity);
    } else {
      std::ofstream(identity) << "no identity";
    }
  }
  absl::Status Enroll(Organization& organization, absl::string_view user) {
    return EnrollDevice(organization.InvitationOf(user), "phone", directory_, organization,
                        *store_);
  }

  FakeClock clock_;
  SeededRandom random_{7};
  ScratchDirectory scratch_;
  const ReplicaDirectory directory_{scratch_ / "replica"};
  std::unique_ptr<DeviceStore> store_;
  Organization first_{"Red Municipalista"};
  Organization second_{"Otra Red"};
};

TEST_P(EnrolledOnceTest, ItsWorkGoesToNoOtherOrganization) {
  EXPECT_THAT(Enroll(second_, "rosa"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another organization's")));
  EXPECT_EQ(second_.enrolled(), 0) << "the invitation is not used up";
}

TEST_P(EnrolledOnceTest, ItsWorkGoesToNoOtherUser) {
  EXPECT_THAT(Enroll(first_, "beto"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another user's")));
  EXPECT_EQ(first_.enrolled(), 1);
  EXPECT_EQ(store_->user(), "rosa");
}

TEST_P(EnrolledOnceTest, ItComesBackToItsOwn) {
  EXPECT_OK(Enroll(first_, "rosa"));
  EXPECT_OK(directory_.ReadCredentials());
}

INSTANTIATE_TEST_SUITE_P(LostOrDamaged, EnrolledOnceTest, ::testing::Bool());

}  // namespace
}  // namespace brigada
