// What a grant opens: to read (feeds), to administer, and which grants can be given at all.
#include "server/roles.h"

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::UnorderedElementsAre;

const absl::Time kNow = absl::FromUnixMillis(1'000'000);

v1::GrantRecord Grant(absl::string_view role, std::vector<std::string> scopes) {
  v1::GrantRecord grant;
  grant.set_role(std::string(role));
  grant.mutable_scopes()->Assign(scopes.begin(), scopes.end());
  return grant;
}

// "MX/20 below sensitive", one for each feed.
std::vector<std::string> Feeds(const std::vector<v1::GrantRecord>& grants) {
  std::vector<std::string> result;
  for (const v1::Feed& feed : FeedsOf(grants, kNow)) {
    result.push_back(absl::StrCat(feed.scope(), feed.kind() == v1::BELOW ? " below " : " here ",
                                  v1::DataClass_Name(feed.max_class())));
  }
  return result;
}

TEST(FeedsOfTest, AMunicipalityReadsItsSubtreeAndWhatIsSharedAbove) {
  EXPECT_THAT(Feeds({Grant("organizer", {"MX/20/067"})}),
              UnorderedElementsAre("MX/20/067 below SENSITIVE", "MX/20 here OPERATIONAL",
                                   "MX here OPERATIONAL"));
}

TEST(FeedsOfTest, ALowRoleReadsNoMoreAboveThanBelow) {
  EXPECT_THAT(Feeds({Grant("kiosk", {"MX/20/067"})}),
              UnorderedElementsAre("MX/20/067 below OPERATIONAL", "MX/20 here OPERATIONAL",
                                   "MX here OPERATIONAL"));
}

TEST(FeedsOfTest, TheNationIsItselfAndEveryState) {
  const std::vector<std::string> feeds = Feeds({Grant("administrator", {"MX"})});
  EXPECT_EQ(feeds.size(), 33u);
  EXPECT_THAT(
      feeds, IsSupersetOf({"MX here SENSITIVE", "MX/01 below SENSITIVE", "MX/32 below SENSITIVE"}));
}

TEST(FeedsOfTest, AFeedInsideAnotherOfItsClassIsLeftOut) {
  EXPECT_THAT(Feeds({Grant("coordinator", {"MX/20"}), Grant("organizer", {"MX/20/067"})}),
              UnorderedElementsAre("MX/20 below SENSITIVE", "MX here OPERATIONAL"));
}

TEST(FeedsOfTest, AHigherClassInsideALowerOneStays) {
  EXPECT_THAT(Feeds({Grant("auditor", {"MX/20"}), Grant("organizer", {"MX/20/067"})}),
              UnorderedElementsAre("MX/20 below OPERATIONAL", "MX/20/067 below SENSITIVE",
                                   "MX here OPERATIONAL"));
}

TEST(FeedsOfTest, ANeighbourWithTheSameBeginningIsNotInside) {
  EXPECT_THAT(Feeds({Grant("organizer", {"MX/20/067", "MX/20/0671"})}),
              IsSupersetOf({"MX/20/067 below SENSITIVE", "MX/20/0671 below SENSITIVE"}));
}

TEST(FeedsOfTest, ARevokedGrantOpensNothingThoughTheClockWasSetBack) {
  v1::GrantRecord revoked = Grant("administrator", {"MX/20"});
  revoked.set_revoked_ms(absl::ToUnixMillis(kNow + absl::Minutes(5)));
  EXPECT_THAT(Feeds({revoked}), IsEmpty());
  const std::string scope = "MX/20";
  EXPECT_FALSE(IsAdministratorOf({&revoked, 1}, {&scope, 1}, kNow));
}

TEST(FeedsOfTest, OnlyGrantsInForceCount) {
  v1::GrantRecord past = Grant("organizer", {"MX/20/067"});
  past.set_until_ms(absl::ToUnixMillis(kNow));
  v1::GrantRecord coming = Grant("organizer", {"MX/20/068"});
  coming.set_from_ms(absl::ToUnixMillis(kNow) + 1);
  v1::GrantRecord revoked = Grant("organizer", {"MX/20/069"});
  revoked.set_revoked_ms(1);
  EXPECT_THAT(Feeds({past, coming, revoked, Grant("nobody", {"MX/20"})}), IsEmpty());
}

TEST(InForceTest, FromTheFirstMillisecondToBeforeTheLast) {
  v1::GrantRecord grant;
  grant.set_from_ms(1000);
  grant.set_until_ms(2000);
  EXPECT_FALSE(InForce(grant, absl::FromUnixMillis(999)));
  EXPECT_TRUE(InForce(grant, absl::FromUnixMillis(1000)));
  EXPECT_TRUE(InForce(grant, absl::FromUnixMillis(1999)));
  EXPECT_FALSE(InForce(grant, absl::FromUnixMillis(2000)));
}

bool Administers(const std::vector<v1::GrantRecord>& grants,
                 const std::vector<std::string>& scopes) {
  return IsAdministratorOf(grants, scopes, kNow);
}

TEST(IsAdministratorOfTest, EveryScopeMustLieInAnAdministratorsGrant) {
  const v1::GrantRecord oaxaca = Grant("administrator", {"MX/20"});
  EXPECT_TRUE(Administers({oaxaca}, {"MX/20", "MX/20/067"}));
  EXPECT_FALSE(Administers({oaxaca}, {"MX/20/067", "MX/21"}));
  EXPECT_FALSE(Administers({oaxaca}, {"MX"}));
  EXPECT_TRUE(Administers({oaxaca, Grant("administrator", {"MX/21"})}, {"MX/20", "MX/21"}));
}

TEST(IsAdministratorOfTest, OtherRolesAndNoScopeAreNobodys) {
  EXPECT_FALSE(Administers({Grant("coordinator", {"MX"})}, {"MX/20"}));
  EXPECT_FALSE(Administers({Grant("administrator", {"MX"})}, {}));
  EXPECT_FALSE(Administers({Grant("administrator", {"MX"})}, {"not a scope"}));
}

absl::Status Check(absl::string_view role, const std::vector<std::string>& scopes) {
  return CheckGrant(role, scopes);
}

TEST(CheckGrantTest, TakesPlacesOfTheCatalogueAndLevelsBelow) {
  EXPECT_OK(
      Check("organizer", {"MX", "MX/20", "MX/20/067", "MX/20/067/0001", "MX/20/067/NORTE/3"}));
}

TEST(CheckGrantTest, RefusesPlacesThatAreNotThere) {
  for (const absl::string_view scope : {"MX/33", "MX/20/999", "mx/20", "MX/", ""}) {
    EXPECT_THAT(Check("organizer", {std::string(scope)}),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << scope;
  }
}

TEST(CheckGrantTest, LevelsBelowAPlaceThatIsNotThereAreNotThereEither) {
  EXPECT_THAT(Check("organizer", {"MX/20/999/0001"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("MX/20/999")));
  EXPECT_THAT(Check("organizer", {"MX/77/001/A/B"}), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(CheckGrantTest, RefusesUnknownRolesAndEmptyLists) {
  EXPECT_THAT(Check("boss", {"MX"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("administrator")));
  EXPECT_THAT(Check("organizer", {}), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(MayWriteTest, WhatARoleDoesNotKnowItDoesNotWrite) {
  EXPECT_FALSE(MayWrite(Role::kOrganizer, nullptr));
  EXPECT_TRUE(MayWrite(Role::kCoordinator, nullptr));
  EXPECT_FALSE(MayWrite(Role::kAuditor, Registry::BuiltIn().FindByName("Person")));
  EXPECT_TRUE(MayWrite(Role::kKiosk, Registry::BuiltIn().FindByName("Attendance")));
  EXPECT_FALSE(MayWrite(Role::kKiosk, Registry::BuiltIn().FindByName("Visit")));
}

}  // namespace
}  // namespace brigada
