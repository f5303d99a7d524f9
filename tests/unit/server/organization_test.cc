// Making an organization, all or nothing, and inviting from the stopped server.
#include "server/organization.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/escaping.h"
#include "brigada/v1/enrollment_service.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/directory.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

void Put(const std::string& path, absl::string_view content) { std::ofstream(path) << content; }

v1::Invitation Read(const std::string& text) {
  v1::Invitation invitation;
  std::string bytes;
  EXPECT_TRUE(absl::WebSafeBase64Unescape(text.substr(5), &bytes));
  EXPECT_TRUE(invitation.ParseFromString(bytes));
  return invitation;
}

class OrganizationTest : public ::testing::Test {
 protected:
  InitOptions Options() const {
    InitOptions options;
    options.directory = path_;
    options.organization = "Prueba";
    options.public_address = "localhost:7443";
    options.administrator = "ana";
    return options;
  }
  static absl::StatusOr<std::string> Init(const InitOptions& options) {
    return InitOrganization(options, SystemClock(), SystemRandom());
  }
  absl::StatusOr<std::unique_ptr<Organization>> Open() const {
    return OpenOrganization(path_, SystemClock(), SystemRandom());
  }
  std::set<std::string> Files() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(path_)) names.insert(entry.path().filename());
    return names;
  }

  ScratchDirectory scratch_;
  const std::string path_ = scratch_ / "server";
};

TEST_F(OrganizationTest, InitMakesAnOrganizationWithAnAdministratorAndAnInvitation) {
  ASSERT_OK_AND_ASSIGN(const std::string text, Init(Options()));
  const v1::Invitation invitation = Read(text);
  EXPECT_EQ(invitation.server(), "localhost:7443");
  ASSERT_OK_AND_ASSIGN(const auto organization, Open());
  EXPECT_EQ(invitation.ca_der(), organization->authority.certificate_der());
  ASSERT_OK(FindInvitation(*organization->store, invitation.code(), absl::Now()));
  ASSERT_OK_AND_ASSIGN(const auto grants, GrantsOf(*organization->store, "ana"));
  ASSERT_THAT(grants, SizeIs(1));
  EXPECT_EQ(grants[0].role(), "administrator");
  EXPECT_THAT(Files(), Not(Contains("init.unfinished")));
}

TEST_F(OrganizationTest, AFailedInitLeavesNothingAndIsRunAgain) {
  InitOptions wrong = Options();
  wrong.names = {"not a host name"};
  EXPECT_THAT(Init(wrong), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Files(), IsEmpty());
  ASSERT_OK(Init(Options()));
  EXPECT_OK(Open());
}

TEST_F(OrganizationTest, WrongAddressesAndUsersAreRefusedBeforeAnythingIsMade) {
  InitOptions no_port = Options();
  no_port.public_address = "::1";
  EXPECT_THAT(Init(no_port), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("host:port")));
  InitOptions nobody = Options();
  nobody.administrator = "";
  EXPECT_THAT(Init(nobody), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(OrganizationTest, AnInitThatACrashCutIsRunAgain) {
  fs::create_directories(path_ + "/init.unfinished/store");
  Put(path_ + "/init.unfinished/ca.key", "half");
  Put(path_ + "/server.key", "moved already");
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(Init(Options()));
  EXPECT_OK(Open());
}

TEST_F(OrganizationTest, AnOrganizationIsNeverOverwritten) {
  ASSERT_OK(Init(Options()));
  EXPECT_THAT(Init(Options()), StatusIs(absl::StatusCode::kAlreadyExists));
  // Even if what marks an unfinished try had stayed behind.
  fs::create_directories(path_ + "/init.unfinished");
  EXPECT_THAT(Init(Options()), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_OK(Open());
}

TEST_F(OrganizationTest, AStoreWithoutItsKeysIsNotTakenForAnUnfinishedTry) {
  ASSERT_OK(Init(Options()));
  fs::remove(path_ + "/ca.key");
  EXPECT_THAT(Init(Options()), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("ca.key")));
  // Nor when a crash after the last move left the place where it was made.
  fs::create_directories(path_ + "/init.unfinished");
  EXPECT_THAT(Init(Options()), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("ca.key")));
  EXPECT_TRUE(fs::exists(path_ + "/store/CURRENT"));
}

TEST_F(OrganizationTest, TheServersCertificateNamesAnIpv6Address) {
  InitOptions options = Options();
  options.public_address = "[::1]:7443";
  ASSERT_OK(Init(options));
  ASSERT_OK_AND_ASSIGN(const auto organization, Open());
  EXPECT_EQ(organization->public_address, "[::1]:7443");
}

TEST_F(OrganizationTest, ALostAdministratorIsInvitedAgain) {
  ASSERT_OK(Init(Options()));
  ASSERT_OK_AND_ASSIGN(const auto organization, Open());
  UserInvitation again;
  again.user = "luis";
  again.role = "administrator";
  again.scopes = {"MX"};
  again.invited_by = "brigada-server invite";
  ASSERT_OK_AND_ASSIGN(const std::string text,
                       InviteUser(*organization, again, absl::Now(), SystemRandom()));
  EXPECT_OK(FindInvitation(*organization->store, Read(text).code(), absl::Now()));
  EXPECT_THAT(*GrantsOf(*organization->store, "luis"), SizeIs(1));
  again.scopes = {"MX/77"};
  EXPECT_THAT(InviteUser(*organization, again, absl::Now(), SystemRandom()),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(OrganizationTest, ARunningServerKeepsItsStore) {
  ASSERT_OK(Init(Options()));
  ASSERT_OK_AND_ASSIGN(const auto running, Open());
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace brigada
