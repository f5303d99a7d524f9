// Grants that come, go and change, over real TLS: what a device gets, keeps, gives up and sends
// again.
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "brigada/v1/event.pb.h"
#include "brigada/v1/person.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/people.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_organization.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

int64_t CountOf(const Replica& replica, absl::string_view table) {
  const absl::StatusOr<ResultSet> result =
      replica.Query("SELECT count(*) FROM " + std::string(table));
  EXPECT_OK(result);
  return result.ok() ? std::get<int64_t>(result->rows.at(0).at(0)) : -1;
}

class GrantsTest : public ::testing::Test {
 protected:
  RecordId GrantOf(absl::string_view user, absl::string_view scope) {
    const auto grants = organization_.administration().Grants();
    EXPECT_OK(grants);
    for (const v1::GrantRecord& grant : *grants) {
      if (grant.user() == user && grant.scopes(0) == scope && grant.revoked_ms() == 0)
        return *RecordId::FromBytes(grant.id());
    }
    ADD_FAILURE() << "no such grant";
    return RecordId();
  }
  void Grant(absl::string_view user, absl::string_view role, const std::string& scope) {
    ASSERT_OK(organization_.administration().Grant(user, role, {scope}, absl::InfinitePast(),
                                                   absl::InfiniteFuture()));
  }
  v1::DeviceRecord DeviceOf(absl::string_view user) {
    const auto devices = organization_.administration().Devices();
    EXPECT_OK(devices);
    for (const v1::DeviceRecord& device : *devices)
      if (device.user() == user) return device;
    return {};
  }

  TestOrganization organization_;
};

TEST_F(GrantsTest, AnAddedScopeBringsItsRecordsAndALostOneTakesThemAway) {
  const auto diego = organization_.NewDevice("diego", "coordinator", "MX/20");
  const auto ana = organization_.NewDevice("ana", "organizer", "MX/20/067");
  for (const char* scope : {"MX/20/067", "MX/20/208"})
    ASSERT_OK(diego->Create(At(scope), Named("Eva", "Ruiz")));
  ASSERT_OK(diego->Sync({}));
  ASSERT_OK(ana->Sync({}));
  EXPECT_EQ(CountOf(*ana, "people"), 1);
  Grant("ana", "organizer", "MX/20/208");
  ASSERT_OK_AND_ASSIGN(const SyncReport widened, ana->Sync({}));
  EXPECT_EQ(CountOf(*ana, "people"), 2);
  // Only what was added came.
  EXPECT_EQ(widened.totals.records_received, 1U);

  ASSERT_OK(organization_.administration().RevokeGrant(GrantOf("ana", "MX/20/208")));
  ASSERT_OK(ana->Sync({}));
  EXPECT_EQ(CountOf(*ana, "people"), 1);
  EXPECT_THAT(DeviceOf("ana").purged_scopes(), ElementsAre("MX/20/208"));
}

TEST_F(GrantsTest, WhatIsInQuarantineIsAskedOfTheServer) {
  EXPECT_THAT(*organization_.administration().Quarantine(), IsEmpty());
  v1::ShowQuarantinedRequest request;
  request.set_partition("MX/20");
  request.set_replica(std::string(16, 'r'));
  request.set_sequence(1);
  EXPECT_EQ(organization_.administration().Quarantined(request).status().code(),
            absl::StatusCode::kNotFound);
  v1::ReleaseQuarantinedRequest release;
  release.set_partition("MX/20");
  release.set_replica(std::string(16, 'r'));
  release.set_sequence(1);
  EXPECT_EQ(organization_.administration().ReleaseQuarantined(release).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(GrantsTest, WorkInALostScopeIsJudgedBeforeItsRecordsGo) {
  const auto diego = organization_.NewDevice("diego", "coordinator", "MX/20");
  const auto ana = organization_.NewDevice("ana", "organizer", "MX/20/067");
  ASSERT_OK_AND_ASSIGN(const RecordId id, diego->Create(At("MX/20/067"), Named("Eva", "Ruiz")));
  ASSERT_OK(diego->Sync({}));
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK(ana->Update<v1::Person>(id, [](v1::Person& p) { p.set_notes("a tiempo"); }));
  absl::SleepFor(absl::Milliseconds(5));
  ASSERT_OK(organization_.administration().RevokeGrant(GrantOf("ana", "MX/20/067")));
  ASSERT_OK(ana->Sync({}));
  EXPECT_EQ(CountOf(*ana, "people"), 0);
  EXPECT_EQ(ana->GetSyncStatus().pending, 0U);
  ASSERT_OK(diego->Sync({}));
  EXPECT_EQ(diego->Get<v1::Person>(id)->notes(), "a tiempo");
}

TEST_F(GrantsTest, RefusedWorkGoesByItselfWhenTheGrantComes) {
  const auto ana = organization_.NewDevice("ana", "organizer", "MX/20/067");
  ASSERT_OK_AND_ASSIGN(const RecordId id, ana->Create(At("MX/20/208"), Named("Eva", "Ruiz")));
  ASSERT_OK(ana->Update<v1::Person>(id, [](v1::Person& p) { p.set_notes("dos"); }));
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK_AND_ASSIGN(const std::vector<Rejection> refused, ana->Rejections());
  ASSERT_EQ(refused.size(), 2U);
  EXPECT_TRUE(refused[0].waits_for_grant);
  EXPECT_EQ(refused[1].depends_on, refused[0].sequence);
  ASSERT_OK(ana->Sync({}));
  EXPECT_EQ(ana->GetSyncStatus().rejected, 2U);

  absl::SleepFor(absl::Milliseconds(5));
  Grant("ana", "organizer", "MX/20/208");
  ASSERT_OK(ana->Sync({}));
  EXPECT_EQ(ana->GetSyncStatus().rejected, 0U);
  EXPECT_EQ(ana->GetSyncStatus().pending, 0U);
  EXPECT_EQ(ana->Get<v1::Person>(id)->notes(), "dos");
}

TEST_F(GrantsTest, WhatTheStateAndTheNationShareReachesTheVillageAndNothingElse) {
  const auto nadia = organization_.NewDevice("nadia", "coordinator", "MX");
  const auto ana = organization_.NewDevice("ana", "organizer", "MX/20/067");
  v1::Event circle;
  circle.set_kind(v1::CIRCLE);
  circle.set_title("Círculo");
  for (const char* scope : {"MX", "MX/20", "MX/20/067", "MX/20/208", "MX/21"})
    ASSERT_OK(nadia->Create(At(scope), circle));
  // People are of a class that is not shared from above.
  ASSERT_OK(nadia->Create(At("MX/20"), Named("Eva", "Ruiz")));
  ASSERT_OK(nadia->Sync({}));
  ASSERT_OK(ana->Sync({}));
  EXPECT_EQ(CountOf(*ana, "events"), 3);
  EXPECT_EQ(CountOf(*ana, "people"), 0);
}

TEST_F(GrantsTest, ALiveDeviceLosesTheScopeWhenItsGrantEnds) {
  const auto diego = organization_.NewDevice("diego", "coordinator", "MX/20");
  const auto ana = organization_.NewDevice("ana", "organizer", "MX/20/067");
  ASSERT_OK(diego->Create(At("MX/20/067"), Named("Eva", "Ruiz")));
  ASSERT_OK(diego->Sync({}));
  SyncOptions live;
  live.initial_spread = absl::ZeroDuration();
  live.backoff_min = absl::Milliseconds(10);
  live.backoff_max = absl::Milliseconds(50);
  ana->StartSync(live);
  const auto wait_for = [&](int64_t people) {
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    while (CountOf(*ana, "people") != people && absl::Now() < deadline)
      absl::SleepFor(absl::Milliseconds(20));
    return CountOf(*ana, "people") == people;
  };
  ASSERT_TRUE(wait_for(1));
  ASSERT_OK(organization_.administration().RevokeGrant(GrantOf("ana", "MX/20/067")));
  EXPECT_TRUE(wait_for(0));
  ana->StopSync();
}

}  // namespace
}  // namespace brigada
