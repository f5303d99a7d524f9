// Who may see what of the quarantine.
#include "server/quarantine.h"

#include <string>
#include <vector>

#include "brigada/v1/change.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/base/status_macros.h"
#include "server/directory.h"
#include "server/roles.h"
#include "tests/unit/server/memory_store.h"
#include "tests/unit/store/authority_fixture.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class QuarantineTest : public ::testing::Test {
 protected:
  // Nothing that ana writes is granted any more; it was accepted in an epoch that is lost.
  QuarantineTest() {
    const Epoch lost = store_->epoch();
    const brigada::Run run = store_->run();
    EXPECT_OK(store_->BeginEpoch(lost, run, now_));
    past_ = *Epoch::FromBytes(store_->CurrentEpoch().parent());
    judge_.refuses = [](const ChangeInQuestion&) { return true; };
    for (const char* scope : {kJuarez, kTlacolula}) Push({scope});
  }
  // A change set that makes a person in each place.
  void Push(const std::vector<std::string>& scopes) {
    std::vector<v1::Change> changes;
    changes.reserve(scopes.size());
    for (const std::string& scope : scopes)
      changes.push_back(Create(PersonType(), ana_.NewId(), scope, PersonNamed("Rosa Peña")));
    PushRequest push = ana_.PushOf(changes);
    v1::Redelivered& said = push.redelivered.emplace_back();
    said.set_epoch(past_.AsBytes());
    said.mutable_verdict()->set_sequence(ana_.sequence());
    said.mutable_verdict()->set_commit_sequence(ana_.sequence());
    said.mutable_verdict()->set_outcome(v1::APPLIED);
    const auto results = store_->CommitPushes({push}, judge_, now_);
    ASSERT_OK(results);
    EXPECT_EQ((*results)[0].verdicts.at(0).outcome(), v1::QUARANTINED);
  }
  static std::vector<v1::GrantRecord> GrantOf(absl::string_view role, absl::string_view scope) {
    v1::GrantRecord grant;
    grant.set_role(std::string(role));
    grant.add_scopes(std::string(scope));
    return {grant};
  }
  v1::ListQuarantineResponse List(const std::vector<v1::GrantRecord>& grants) {
    auto list = ListQuarantine(*store_, grants, {}, now_);
    EXPECT_OK(list);
    return list.ok() ? *list : v1::ListQuarantineResponse();
  }
  absl::StatusOr<v1::ShowQuarantinedResponse> Show(const std::vector<v1::GrantRecord>& grants,
                                                   uint64_t sequence) {
    v1::ShowQuarantinedRequest request;
    request.set_partition(kOaxaca);
    request.set_replica(ana_.id().AsBytes());
    request.set_sequence(sequence);
    return ShowQuarantined(*store_, grants, request, now_);
  }

  v1::ReleaseQuarantinedRequest RequestFor(uint64_t sequence) {
    v1::ReleaseQuarantinedRequest request;
    request.set_partition(kOaxaca);
    request.set_replica(ana_.id().AsBytes());
    request.set_sequence(sequence);
    return request;
  }
  void GiveTo(const std::string& user, absl::string_view role, absl::string_view scope) {
    v1::GrantRecord grant = GrantOf(role, scope)[0];
    grant.set_user(user);
    ASSERT_OK(AddGrant(*store_, grant, random_));
  }
  absl::StatusOr<QuarantineRelease> Release(const std::string& user, uint64_t sequence) {
    ASSIGN_OR_RETURN(const auto grants, GrantsOf(*store_, user));
    return ReleaseQuarantined(*store_, user, grants, RequestFor(sequence), now_);
  }

  SeededRandom random_{1};
  absl::Time now_ = absl::FromUnixSeconds(1'767'225'700);
  std::unique_ptr<AuthorityStore> store_ = NewMemoryAuthorityStore(random_);
  TestJudge judge_;
  TestReplica ana_{&random_, kOaxaca};
  Epoch past_;
};

TEST_F(QuarantineTest, AdministratorsSeeWhatConcernsNoOtherPlaceThanTheirs) {
  EXPECT_THAT(List(GrantOf("administrator", "MX")).sets(), SizeIs(2));
  EXPECT_THAT(List(GrantOf("administrator", kOaxaca)).sets(), SizeIs(2));
  const auto one = List(GrantOf("administrator", kJuarez));
  ASSERT_THAT(one.sets(), SizeIs(1));
  EXPECT_EQ(one.sets(0).sequence(), 1U);
  EXPECT_EQ(one.sets(0).user(), "ana");
  EXPECT_EQ(one.sets(0).refusals(0).reason(), v1::NOT_GRANTED);
  EXPECT_THAT(List(GrantOf("administrator", "MX/07")).sets(), IsEmpty());
  EXPECT_THAT(List(GrantOf("coordinator", kOaxaca)).sets(), IsEmpty());
}

TEST_F(QuarantineTest, TheListHasNoContent) {
  const std::string bytes = List(GrantOf("administrator", "MX")).SerializeAsString();
  EXPECT_EQ(bytes.find("Rosa"), std::string::npos);
}

TEST_F(QuarantineTest, ContentIsForThoseWhoAdministerEveryPlaceOfIt) {
  ASSERT_OK_AND_ASSIGN(const auto shown, Show(GrantOf("administrator", kJuarez), 1));
  EXPECT_NE(shown.body().find("Rosa"), std::string::npos);
  for (const auto& grants : {GrantOf("administrator", kTlacolula), GrantOf("coordinator", "MX")})
    EXPECT_EQ(Show(grants, 1).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Show(GrantOf("administrator", "MX"), 3).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(QuarantineTest, WhatConcernsTwoPlacesIsForThoseWhoAdministerBoth) {
  Push({kJuarez, kTlacolula});
  EXPECT_OK(Show(GrantOf("administrator", kOaxaca), 3));
  for (const char* scope : {kJuarez, kTlacolula}) {
    EXPECT_EQ(Show(GrantOf("administrator", scope), 3).status().code(),
              absl::StatusCode::kNotFound);
    EXPECT_THAT(List(GrantOf("administrator", scope)).sets(), SizeIs(1));
  }
}

TEST_F(QuarantineTest, WhoAdministersEveryPlaceOfItReleasesItUnderTheGrantsOfNow) {
  Push({kJuarez, kTlacolula});
  GiveTo("irma", "administrator", kJuarez);
  EXPECT_EQ(Release("irma", 3).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Release("ana", 1).status().code(), absl::StatusCode::kNotFound);
  GiveTo("carla", "coordinator", kOaxaca);
  EXPECT_EQ(Release("carla", 1).status().code(), absl::StatusCode::kNotFound);

  ASSERT_OK_AND_ASSIGN(const QuarantineRelease one, Release("irma", 1));
  EXPECT_EQ(one.response.outcome(), v1::APPLIED);
  EXPECT_EQ(one.response.released_by(), "irma");
  EXPECT_THAT(one.partitions, ElementsAre(kOaxaca));
  EXPECT_THAT(List(GrantOf("administrator", kOaxaca)).sets(), SizeIs(2));

  GiveTo("irma", "administrator", kTlacolula);
  ASSERT_OK_AND_ASSIGN(const QuarantineRelease both, Release("irma", 3));
  EXPECT_EQ(both.response.outcome(), v1::APPLIED);
}

// Whoever administers it and may not write it: nothing of the writer's grants counts.
TEST_F(QuarantineTest, WhatTheReleaserMayNotWriteStays) {
  GiveTo("ana", "organizer", kOaxaca);
  ASSERT_OK_AND_ASSIGN(
      const QuarantineRelease released,
      ReleaseQuarantined(*store_, "irma", GrantOf("administrator", kOaxaca), RequestFor(1), now_));
  EXPECT_EQ(released.response.outcome(), v1::QUARANTINED);
  EXPECT_EQ(released.response.refusals(0).reason(), v1::NOT_GRANTED);
  EXPECT_THAT(released.partitions, IsEmpty());
}

TEST_F(QuarantineTest, PagesAreBoundedAndGoOn) {
  v1::ListQuarantineRequest request;
  request.set_max(1);
  const auto grants = GrantOf("administrator", "MX");
  ASSERT_OK_AND_ASSIGN(const auto first, ListQuarantine(*store_, grants, request, now_));
  EXPECT_THAT(first.sets(), SizeIs(1));
  request.set_after(first.next());
  ASSERT_OK_AND_ASSIGN(const auto second, ListQuarantine(*store_, grants, request, now_));
  ASSERT_THAT(second.sets(), SizeIs(1));
  EXPECT_EQ(second.sets(0).sequence(), 2U);
  EXPECT_THAT(second.next(), IsEmpty());
}

}  // namespace
}  // namespace brigada
