#include "server/grant_judge.h"

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "brigada/v1/person.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/merge/apply.h"
#include "replica/schema/diff.h"
#include "replica/schema/registry.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kNow = 1'000'000;

v1::GrantRecord OrganizerOf(absl::string_view scope) {
  v1::GrantRecord grant;
  grant.set_user("ana");
  grant.set_role("organizer");
  grant.add_scopes(std::string(scope));
  return grant;
}

// The reasons for which ana's change of a person in `scope`, written `elapsed_ms` after the server
// said `server_time_ms`, and unless 0 tried again at `retried_at_ms`, is refused.
std::vector<v1::RefusalReason> Reasons(const v1::GrantRecord& grant, absl::string_view scope,
                                       int64_t server_time_ms, int64_t elapsed_ms,
                                       int64_t retried_at_ms = 0) {
  absl::flat_hash_map<std::string, std::vector<v1::GrantRecord>> grants;
  grants["ana"].push_back(grant);
  const GrantJudge judge(std::move(grants), absl::FromUnixMillis(kNow));
  PushRequest push;
  push.user = "ana";
  v1::ChangeSetHeader header;
  header.mutable_position()->set_server_time_ms(server_time_ms);
  header.mutable_position()->set_elapsed_ms(elapsed_ms);
  if (retried_at_ms != 0) {
    header.mutable_retry_of()->set_sequence(1);
    header.set_retried_at_ms(retried_at_ms);
  }
  v1::Change change;
  change.set_scope(std::string(scope));
  const ChangeInQuestion question{.push = push,
                                  .header = header,
                                  .change = change,
                                  .index = 0,
                                  .type = Registry::BuiltIn().FindByName("Person"),
                                  .current = nullptr};
  std::vector<v1::Refusal> refusals;
  judge.Examine(question, &refusals);
  std::vector<v1::RefusalReason> reasons;
  reasons.reserve(refusals.size());
  for (const v1::Refusal& refusal : refusals) reasons.push_back(refusal.reason());
  return reasons;
}

TEST(GrantJudgeTest, CoversTheScopeAndItsSubtree) {
  const v1::GrantRecord grant = OrganizerOf("MX/20/067");
  EXPECT_THAT(Reasons(grant, "MX/20/067", 0, 0), IsEmpty());
  EXPECT_THAT(Reasons(grant, "MX/20/067/0001", 0, 0), IsEmpty());
  EXPECT_THAT(Reasons(grant, "MX/20", 0, 0), ElementsAre(v1::NOT_GRANTED));
  EXPECT_THAT(Reasons(grant, "MX/20/068", 0, 0), ElementsAre(v1::NOT_GRANTED));
}

TEST(GrantJudgeTest, JudgesAtTheTimeOfWriting) {
  v1::GrantRecord grant = OrganizerOf("MX/20/067");
  grant.set_revoked_ms(5000);
  EXPECT_THAT(Reasons(grant, "MX/20/067", 4000, 500), IsEmpty());
  EXPECT_THAT(Reasons(grant, "MX/20/067", 4000, 1500), ElementsAre(v1::LATE_AFTER_REVOCATION));
}

// As Reasons, of work in the scope of a revoked grant; the server's clock stands at kNow.
std::vector<v1::RefusalReason> ReasonsAfter(int64_t revoked_ms, const v1::ChangeSetHeader& header) {
  v1::GrantRecord grant = OrganizerOf("MX/20/067");
  grant.set_revoked_ms(revoked_ms);
  grant.set_revocation(7);
  const GrantJudge judge({{"ana", {grant}}}, absl::FromUnixMillis(kNow));
  PushRequest push;
  push.user = "ana";
  v1::Change change;
  change.set_scope("MX/20/067");
  std::vector<v1::Refusal> refusals;
  judge.Examine({.push = push,
                 .header = header,
                 .change = change,
                 .type = Registry::BuiltIn().FindByName("Person")},
                &refusals);
  std::vector<v1::RefusalReason> reasons;
  reasons.reserve(refusals.size());
  for (const v1::Refusal& refusal : refusals) reasons.push_back(refusal.reason());
  return reasons;
}

constexpr int64_t kFiveMinutes = 300'000;

TEST(GrantJudgeTest, WhatWasWrittenByWhoWasToldIsLateThoughTheClockWasSetBack) {
  v1::ChangeSetHeader header;
  header.mutable_position()->set_server_time_ms(kNow - 1000);
  header.mutable_position()->set_revocation(6);
  EXPECT_THAT(ReasonsAfter(kNow + kFiveMinutes, header), IsEmpty());
  header.mutable_position()->set_revocation(7);
  EXPECT_THAT(ReasonsAfter(kNow + kFiveMinutes, header), ElementsAre(v1::LATE_AFTER_REVOCATION));
}

TEST(GrantJudgeTest, WorkOfWhoWasNotToldIsNotCutAtAClockThatWasSetBack) {
  v1::ChangeSetHeader header;
  header.mutable_position()->set_server_time_ms(kNow);
  header.mutable_position()->set_elapsed_ms(kFiveMinutes - 1);
  EXPECT_THAT(ReasonsAfter(kNow + kFiveMinutes, header), IsEmpty());
  header.mutable_position()->set_elapsed_ms(2 * kFiveMinutes);
  EXPECT_THAT(ReasonsAfter(kNow + kFiveMinutes, header), ElementsAre(v1::LATE_AFTER_REVOCATION));
}

TEST(GrantJudgeTest, ARetryAfterARevocationIsLateThoughTheClockWasSetBack) {
  v1::ChangeSetHeader header;
  header.mutable_position()->set_server_time_ms(kNow + 2 * kFiveMinutes);
  header.mutable_retry_of()->set_sequence(1);
  header.set_retried_at_ms(kNow);
  header.set_retried_revocation(7);
  EXPECT_THAT(ReasonsAfter(kNow + kFiveMinutes, header), ElementsAre(v1::LATE_AFTER_REVOCATION));
  header.set_retried_revocation(6);
  EXPECT_THAT(ReasonsAfter(kNow + kFiveMinutes, header), IsEmpty());
}

TEST(GrantJudgeTest, WithoutAPositionInTimeARevokedGrantCoversNothingThoughTheClockWasSetBack) {
  EXPECT_THAT(ReasonsAfter(kNow + kFiveMinutes, {}), ElementsAre(v1::LATE_AFTER_REVOCATION));
}

TEST(GrantJudgeTest, WorkOfTheMillisecondOfARevocationIsAccepted) {
  v1::GrantRecord grant = OrganizerOf("MX/20/067");
  grant.set_revoked_ms(5000);
  EXPECT_THAT(Reasons(grant, "MX/20/067", 4000, 1000), IsEmpty());
  EXPECT_THAT(Reasons(grant, "MX/20/067", 4000, 1001), ElementsAre(v1::LATE_AFTER_REVOCATION));
}

TEST(GrantJudgeTest, ARetryIsAlsoJudgedAtItsOwnTime) {
  v1::GrantRecord grant = OrganizerOf("MX/20/067");
  grant.set_from_ms(5000);
  EXPECT_THAT(Reasons(grant, "MX/20/067", 4000, 0), ElementsAre(v1::NOT_GRANTED));
  EXPECT_THAT(Reasons(grant, "MX/20/067", 4000, 0, 4999), ElementsAre(v1::NOT_GRANTED));
  EXPECT_THAT(Reasons(grant, "MX/20/067", 4000, 0, 5000), IsEmpty());
  grant.set_from_ms(kNow + 1);
  EXPECT_THAT(Reasons(grant, "MX/20/067", 4000, 0, kNow + 2), ElementsAre(v1::NOT_GRANTED));
}

TEST(GrantJudgeTest, ALateEditFollowsARecordThatMovedAway) {
  absl::flat_hash_map<std::string, std::vector<v1::GrantRecord>> grants;
  grants["ana"].push_back(OrganizerOf("MX/20/067"));
  const GrantJudge judge(std::move(grants), absl::FromUnixMillis(kNow));
  PushRequest push;
  push.user = "ana";
  const RecordType* const type = Registry::BuiltIn().FindByName("Person");
  v1::Change creation;
  creation.set_kind(v1::Change::CREATE);
  creation.set_scope("MX/20/551");
  Record record;
  ASSERT_TRUE(OverlayChange(type, creation, WriteRef(), nullptr, &record).ok());
  const v1::ChangeSetHeader header;
  const v1::Change edit;
  std::vector<v1::Refusal> refusals;
  judge.Examine({push, header, edit, 0, type, &record, "MX/20/067"}, &refusals);
  EXPECT_THAT(refusals, IsEmpty());
  judge.Examine({push, header, edit, 0, type, &record, "MX/20/039"}, &refusals);
  EXPECT_EQ(refusals.size(), 1U);
}

TEST(GrantJudgeTest, NobodyWritesLaterThanNow) {
  v1::GrantRecord grant = OrganizerOf("MX/20/067");
  grant.set_from_ms(kNow + 1);
  EXPECT_THAT(Reasons(grant, "MX/20/067", kNow, 5000), ElementsAre(v1::NOT_GRANTED));
}

TEST(GrantJudgeTest, WithoutAPositionInTimeTheGrantMustHoldNow) {
  v1::GrantRecord grant = OrganizerOf("MX/20/067");
  grant.set_revoked_ms(5000);
  EXPECT_THAT(Reasons(grant, "MX/20/067", 0, 0), ElementsAre(v1::LATE_AFTER_REVOCATION));
}

// A person that somebody created at `created_ms` in `scope`.
Record StoredPerson(absl::string_view scope, int64_t created_ms) {
  const RecordType& type = *Registry::BuiltIn().FindByName("Person");
  v1::Person person;
  person.mutable_name()->set_given_names("Rosa");
  WriteRef write;
  write.stamp = Hlc::FromTime(absl::FromUnixMillis(created_ms));
  write.sequence = 1;
  Record record;
  const absl::Status laid =
      OverlayChange(&type, *CreateChange(type, RecordId(), *Scope::Parse(scope), person), write,
                    nullptr, &record);
  EXPECT_TRUE(laid.ok());
  return record;
}

v1::Refusal RefusalOfEdit(const v1::GrantRecord& grant, const Record& current, int64_t at_ms) {
  absl::flat_hash_map<std::string, std::vector<v1::GrantRecord>> grants;
  grants["ana"].push_back(grant);
  const GrantJudge judge(std::move(grants), absl::FromUnixMillis(kNow));
  PushRequest push;
  push.user = "ana";
  v1::ChangeSetHeader header;
  header.mutable_position()->set_server_time_ms(at_ms);
  const v1::Change change;
  std::vector<v1::Refusal> refusals;
  judge.Examine({.push = push,
                 .header = header,
                 .change = change,
                 .index = 0,
                 .type = Registry::BuiltIn().FindByName("Person"),
                 .current = &current},
                &refusals);
  return refusals.empty() ? v1::Refusal() : refusals[0];
}

TEST(GrantJudgeTest, RecordThatMayNotBeReadIsAnsweredAsOneThatIsNotThere) {
  const v1::Refusal refusal =
      RefusalOfEdit(OrganizerOf("MX/20/067"), StoredPerson("MX/20/551", 1000), 2000);
  EXPECT_EQ(refusal.reason(), v1::UNKNOWN_RECORD);
  EXPECT_EQ(refusal.detail(), "");
}

TEST(GrantJudgeTest, RecordThatMayBeReadButNotWrittenIsNotGranted) {
  v1::GrantRecord reader = OrganizerOf("MX/20/067");
  reader.set_role("academy");
  Record event = StoredPerson("MX/20/067", 1000);
  event.data_class = v1::OPERATIONAL;
  EXPECT_EQ(RefusalOfEdit(reader, event, 2000).reason(), v1::NOT_GRANTED);
}

TEST(GrantJudgeTest, RevokedWriterLearnsOfTheRevocationOnlyOfRecordsFromBefore) {
  v1::GrantRecord grant = OrganizerOf("MX/20/067");
  grant.set_revoked_ms(5000);
  EXPECT_EQ(RefusalOfEdit(grant, StoredPerson("MX/20/067", 1000), 9000).reason(),
            v1::LATE_AFTER_REVOCATION);
  EXPECT_EQ(RefusalOfEdit(grant, StoredPerson("MX/20/067", 8000), 9000).reason(),
            v1::UNKNOWN_RECORD);
}

}  // namespace
}  // namespace brigada
