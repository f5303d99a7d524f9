// Users, grants, devices and invitations over a store in memory.
#include "server/directory.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/roles.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/server/memory_store.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

const absl::Time kNow = absl::FromUnixMillis(1'000'000);

v1::GrantRecord GrantTo(absl::string_view user, absl::string_view scope) {
  v1::GrantRecord grant;
  grant.set_user(std::string(user));
  grant.set_role("organizer");
  grant.add_scopes(std::string(scope));
  grant.set_from_ms(1);
  return grant;
}

v1::DeviceRecord Device(char replica, absl::string_view key, absl::string_view user = "ana") {
  v1::DeviceRecord device;
  device.set_replica(std::string(16, replica));
  device.set_public_key(std::string(key));
  device.set_user(std::string(user));
  return device;
}

ReplicaId IdOf(const v1::DeviceRecord& device) { return *ReplicaId::FromBytes(device.replica()); }

class DirectoryTest : public ::testing::Test {
 protected:
  std::string Invite(absl::string_view user = "ana", absl::Duration valid_for = absl::Hours(1)) {
    v1::InvitationRecord invitation;
    invitation.set_user(std::string(user));
    invitation.set_expires_ms(absl::ToUnixMillis(kNow + valid_for));
    return *AddInvitation(*store_, invitation, kNow, random_);
  }
  absl::Status Redeem(const std::string& code, const v1::DeviceRecord& device,
                      absl::Time now = kNow) {
    return RedeemInvitation(*store_, code, device, now).status();
  }

  SeededRandom random_{7};
  const std::unique_ptr<AuthorityStore> store_ = NewMemoryAuthorityStore(random_);
};

// A directory entry that cannot be read again would stop whoever lists them all.
TEST_F(DirectoryTest, ANameThatIsNoTextIsRefused) {
  EXPECT_OK(CheckUserName("peña"));
  for (const char* name : {"", "pe\xf1", "a\nb", "a\x7f"})
    EXPECT_THAT(CheckUserName(name), StatusIs(absl::StatusCode::kInvalidArgument)) << name;
  EXPECT_FALSE(CheckUserName(std::string(65, 'a')).ok());
}

TEST_F(DirectoryTest, TheNameOfASoftwareIsCutBetweenCharacters) {
  EXPECT_EQ(SoftwareName("brigada 1.0"), "brigada 1.0");
  const std::string most(kMaxNameBytes, 'a');
  EXPECT_EQ(SoftwareName(most + "b"), most);
  EXPECT_EQ(SoftwareName(most.substr(1) + "ñ"), most.substr(1));
  EXPECT_EQ(SoftwareName(most.substr(2) + "ñ"), most.substr(2) + "ñ");
}

TEST_F(DirectoryTest, AGrantThatSaysTheSameIsKept) {
  ASSERT_OK_AND_ASSIGN(const std::string first,
                       AddGrant(*store_, GrantTo("ana", "MX/20"), random_));
  ASSERT_OK_AND_ASSIGN(const std::string second,
                       AddGrant(*store_, GrantTo("ana", "MX/20"), random_));
  ASSERT_OK_AND_ASSIGN(const std::string other,
                       AddGrant(*store_, GrantTo("ana", "MX/21"), random_));
  EXPECT_EQ(first, second);
  EXPECT_NE(first, other);
  ASSERT_OK_AND_ASSIGN(const auto grants, GrantsOf(*store_, "ana"));
  EXPECT_THAT(grants, SizeIs(2));
}

TEST_F(DirectoryTest, RevokingTwiceKeepsTheFirstTime) {
  ASSERT_OK_AND_ASSIGN(const std::string id, AddGrant(*store_, GrantTo("ana", "MX/20"), random_));
  ASSERT_OK(RevokeGrant(*store_, id, kNow));
  ASSERT_OK(RevokeGrant(*store_, id, kNow + absl::Hours(1)));
  ASSERT_OK_AND_ASSIGN(const v1::GrantRecord grant, FindGrant(*store_, id));
  EXPECT_EQ(grant.revoked_ms(), absl::ToUnixMillis(kNow));
  EXPECT_THAT(RevokeGrant(*store_, "no such id", kNow), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(DirectoryTest, RevocationsOfAUserAreInOrderThoughTheClockIsSetBack) {
  ASSERT_OK_AND_ASSIGN(const std::string first,
                       AddGrant(*store_, GrantTo("ana", "MX/20"), random_));
  ASSERT_OK_AND_ASSIGN(const std::string second,
                       AddGrant(*store_, GrantTo("ana", "MX/21"), random_));
  ASSERT_OK(RevokeGrant(*store_, first, kNow));
  ASSERT_OK(RevokeGrant(*store_, second, kNow - absl::Minutes(5)));
  ASSERT_OK(RevokeGrant(*store_, first, kNow + absl::Minutes(5)));
  ASSERT_OK_AND_ASSIGN(const auto grants, GrantsOf(*store_, "ana"));
  ASSERT_THAT(grants, SizeIs(2));
  EXPECT_EQ(grants[0].revocation(), static_cast<uint64_t>(absl::ToUnixMillis(kNow)));
  EXPECT_GT(grants[1].revocation(), grants[0].revocation());
  EXPECT_EQ(LastRevocation(grants), grants[1].revocation());
}

TEST_F(DirectoryTest, AUserWithoutOpenGrantsIsJudgedByTheEndedOnes) {
  ASSERT_OK_AND_ASSIGN(const std::string id, AddGrant(*store_, GrantTo("ana", "MX/20"), random_));
  ASSERT_OK(AddGrant(*store_, GrantTo("ana", "MX/21"), random_));
  ASSERT_OK(RevokeGrant(*store_, id, kNow));
  EXPECT_THAT(*ScopesOfUser(*store_, "ana", kNow), ElementsAre("MX/21"));
  EXPECT_THAT(*ScopesOfUser(*store_, "nobody", kNow), IsEmpty());
  ASSERT_OK_AND_ASSIGN(const auto grants, GrantsOf(*store_, "ana"));
  ASSERT_OK(RevokeGrant(*store_, grants.at(1).id(), kNow));
  EXPECT_THAT(*ScopesOfUser(*store_, "ana", kNow), UnorderedElementsAre("MX/20", "MX/21"));
}

TEST_F(DirectoryTest, EditingAnUnknownDeviceIsNotFound) {
  const absl::Status status =
      EditDevice(*store_, IdOf(Device('r', "key")), [](v1::DeviceRecord&) {});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(DirectoryTest, ACodeMakesOneDevice) {
  const std::string code = Invite();
  ASSERT_OK(Redeem(code, Device('r', "key")));
  EXPECT_THAT(Redeem(code, Device('s', "other key")), StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(*AllDevices(*store_), SizeIs(1));
}

TEST_F(DirectoryTest, ADeviceWhoseAnswerWasLostUsesItsCodeAgain) {
  const std::string code = Invite();
  v1::DeviceRecord device = Device('r', "key");
  device.set_enrolled_ms(5);
  ASSERT_OK(Redeem(code, device));
  ASSERT_OK(EditDevice(*store_, IdOf(device),
                       [](v1::DeviceRecord& stored) { stored.set_last_sync_ms(9); }));

  device.set_enrolled_ms(6);
  device.set_certificate_hash("second certificate");
  ASSERT_OK_AND_ASSIGN(const v1::DeviceRecord again, RedeemInvitation(*store_, code, device, kNow));

  EXPECT_EQ(again.enrolled_ms(), 5);
  EXPECT_EQ(again.last_sync_ms(), 9);
  EXPECT_EQ(again.certificate_hash(), "second certificate");
  EXPECT_THAT(*AllDevices(*store_), SizeIs(1));
}

TEST_F(DirectoryTest, AUsedCodeIsNobodyElses) {
  const std::string code = Invite();
  ASSERT_OK(Redeem(code, Device('r', "key")));
  // The same replica with another key, and the same key with another replica.
  EXPECT_THAT(Redeem(code, Device('r', "other")), StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(Redeem(code, Device('s', "key")), StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST_F(DirectoryTest, ACodeLapsesAlsoForWhoUsedIt) {
  const std::string code = Invite("ana", absl::Hours(1));
  ASSERT_OK(Redeem(code, Device('r', "key")));
  EXPECT_THAT(Redeem(code, Device('r', "key"), kNow + absl::Hours(1)),
              StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(FindInvitation(*store_, "guess", kNow), StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST_F(DirectoryTest, ARevokedDeviceDoesNotComeBackByItsCode) {
  const std::string code = Invite();
  ASSERT_OK(Redeem(code, Device('r', "key")));
  ASSERT_OK(EditDevice(*store_, IdOf(Device('r', "key")),
                       [](v1::DeviceRecord& stored) { stored.set_revoked_ms(1); }));
  EXPECT_THAT(Redeem(code, Device('r', "key")), StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(Redeem(Invite(), Device('r', "key")), StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST_F(DirectoryTest, ADeviceThatIsReplacedIsRevokedInTheSameStep) {
  const v1::DeviceRecord before = Device('a', "lost key");
  ASSERT_OK(Redeem(Invite(), before));
  const std::string code = Invite();
  const v1::DeviceRecord after = Device('b', "new key");

  ASSERT_OK(RedeemInvitation(*store_, code, after, kNow, IdOf(before)));
  // The answer was lost.
  ASSERT_OK(RedeemInvitation(*store_, code, after, kNow + absl::Minutes(1), IdOf(before)));

  ASSERT_OK_AND_ASSIGN(const auto replaced, FindDevice(*store_, IdOf(before)));
  EXPECT_EQ(replaced->revoked_ms(), absl::ToUnixMillis(kNow));
  ASSERT_OK_AND_ASSIGN(const auto device, FindDevice(*store_, IdOf(after)));
  EXPECT_EQ(device->revoked_ms(), 0);
}

TEST_F(DirectoryTest, ADeviceIsOnlyItsUsers) {
  const v1::DeviceRecord device = Device('a', "key");
  ASSERT_OK(Redeem(Invite(), device));

  EXPECT_TRUE(*IsDeviceOf(*store_, IdOf(device), "ana"));
  EXPECT_FALSE(*IsDeviceOf(*store_, IdOf(device), "beto"));
  EXPECT_FALSE(*IsDeviceOf(*store_, IdOf(Device('z', "")), "ana"));
}

TEST_F(DirectoryTest, AReplicasIdIsNotEnoughToTakeItsPlace) {
  ASSERT_OK(Redeem(Invite(), Device('r', "key")));
  EXPECT_THAT(Redeem(Invite(), Device('r', "thief")), StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(Redeem(Invite("luis"), Device('r', "key", "luis")),
              StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST_F(DirectoryTest, ExpiredInvitationsAreForgottenWhenTheNextOneIsMade) {
  Invite("ana", absl::ZeroDuration());
  const std::string used = Invite("ana", absl::Hours(1));
  ASSERT_OK(Redeem(used, Device('r', "key")));
  Invite("luis", absl::Hours(1));
  EXPECT_THAT(*store_->ListEntries(DirectoryKind::kInvitation), SizeIs(2));
}

TEST_F(DirectoryTest, TheCodeItselfIsNotStored) {
  const std::string code = Invite();
  ASSERT_OK_AND_ASSIGN(const auto entries, store_->ListEntries(DirectoryKind::kInvitation));
  ASSERT_THAT(entries, SizeIs(1));
  EXPECT_EQ((entries[0].first + entries[0].second).find(code), std::string::npos);
}

TEST_F(DirectoryTest, UserNamesAreBounded) {
  EXPECT_OK(CheckUserName("ana"));
  EXPECT_THAT(CheckUserName(""), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(CheckUserName(std::string(65, 'a')), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace brigada
