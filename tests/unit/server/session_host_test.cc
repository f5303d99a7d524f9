// What a session may still do, as time passes and is set.
#include "server/session_host.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "server/directory.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/server/memory_store.h"

namespace brigada {
namespace {

ReplicaId Id(char c) { return *ReplicaId::FromBytes(std::string(16, c)); }

class SessionHostTest : public ::testing::Test {
 protected:
  SessionHostTest() {
    v1::DeviceRecord device;
    device.set_replica(Id('a').AsBytes());
    device.set_user("ana");
    device.set_lease_until_ms(absl::ToUnixMillis(clock_.Now() + absl::Hours(24)));
    const DirectoryWrite write{DirectoryKind::kDevice, device.replica(), device.SerializeAsString(),
                               std::nullopt};
    EXPECT_OK(store_->WriteEntries({&write, 1}));
    v1::GrantRecord grant;
    grant.set_user("ana");
    grant.set_role("coordinator");
    grant.add_scopes("MX/20/067");
    grant.set_from_ms(absl::ToUnixMillis(clock_.Now() - absl::Hours(24)));
    const auto id = AddGrant(*store_, grant, random_);
    EXPECT_OK(id);
    grant_ = id.value_or("");
  }
  SessionHost NewHost() {
    SessionSurroundings around;
    around.store = store_.get();
    around.clock = &clock_;
    return SessionHost(around, Id('a'));
  }
  static void Identify(SessionHost* host) {
    v1::Hello hello;
    hello.set_replica(Id('a').AsBytes());
    v1::Refused refused;
    ASSERT_OK(host->Identify(hello, &refused));
  }

  FakeClock clock_;
  SeededRandom random_{5};
  std::unique_ptr<AuthorityStore> store_ = NewMemoryAuthorityStore(random_);
  std::string grant_;
};

TEST_F(SessionHostTest, NothingIsGoneAsLongAsNothingChanges) {
  SessionHost host = NewHost();
  Identify(&host);
  clock_.Advance(absl::Hours(1));
  EXPECT_FALSE(host.RightsGone().has_value());
}

TEST_F(SessionHostTest, RightsEndWithTheLease) {
  SessionHost host = NewHost();
  Identify(&host);
  clock_.Advance(absl::Hours(24));
  EXPECT_TRUE(host.RightsGone().has_value());
}

TEST_F(SessionHostTest, ARevokedGrantOpensNothingThoughTheClockWasSetBackBehindIt) {
  ASSERT_OK(RevokeGrant(*store_, grant_, clock_.Now()));
  clock_.SetWall(clock_.Now() - absl::Minutes(10));
  SessionHost host = NewHost();
  v1::Hello hello;
  hello.set_replica(Id('a').AsBytes());
  v1::Refused refused;
  ASSERT_OK_AND_ASSIGN(const PeerIdentity ana, host.Identify(hello, &refused));
  EXPECT_TRUE(ana.feeds.empty());
  EXPECT_TRUE(ana.grants.empty());
}

}  // namespace
}  // namespace brigada
