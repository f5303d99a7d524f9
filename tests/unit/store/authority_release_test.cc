// An administrator releases what is in quarantine: under whose grants, how often, and what becomes
// of what hangs on it.
#include <set>

#include "gmock/gmock.h"
#include "replica/store/keys.h"
#include "tests/unit/store/authority_fixture.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kAdministrator[] = "irma";

// A store that went back: what Ana sends again was accepted once, and nothing but an
// administrator's word lets it in now.
class AuthorityReleaseTest : public AuthorityFixture {
 protected:
  AuthorityReleaseTest() : id_(CreatePerson("Rosa")) {
    GoBack();
    seen_ = store_->Head(kOaxaca);
    GrantOnly({kAdministrator, "beto"});
  }

  void GrantOnly(std::set<std::string> users) {
    judge_.refuses = [users = std::move(users)](const ChangeInQuestion& question) {
      return !users.contains(question.push.user);
    };
  }
  v1::Change EditOf(absl::string_view name) { return Edit(PersonType(), id_, PersonNamed(name)); }
  // As the next change set of `replica`, whose verdict was lost.
  v1::Verdict SendAgain(TestReplica* replica, const std::vector<v1::Change>& changes,
                        v1::Outcome outcome = v1::APPLIED) {
    replica->position = seen_;
    PushRequest push = replica->PushOf(changes);
    v1::Redelivered& before = push.redelivered.emplace_back();
    before.set_epoch(lost_.AsBytes());
    before.mutable_verdict()->set_outcome(outcome);
    before.mutable_verdict()->set_sequence(replica->sequence());
    before.mutable_verdict()->set_commit_sequence(90 + replica->sequence());
    const PushResult result = CommitPush(push);
    EXPECT_OK(result.status);
    return result.verdicts.empty() ? v1::Verdict() : result.verdicts[0];
  }
  // Change set 2 of Ana's.
  void Quarantine() { ASSERT_EQ(SendAgain(&ana_, {EditOf("Eva")}).outcome(), v1::QUARANTINED); }
  // Tries change set 2 of Ana's again.
  v1::Verdict Retry(TestReplica* replica, absl::string_view name, bool is_edited) {
    replica->first_try_by = ana_.id();
    replica->retry_of = 2;
    replica->retry_stamp_ms = 1'767'225'600'000;
    replica->is_same_work = !is_edited;
    replica->position = seen_;
    const std::string chain_before = replica->chain();
    PushRequest push = replica->PushOf({EditOf(name)});
    if (replica != &ana_ && replica->sequence() == 3) push.chain_before = chain_before;
    const PushResult result = CommitPush(push);
    EXPECT_OK(result.status);
    return result.verdicts.empty() ? v1::Verdict() : result.verdicts[0];
  }
  absl::StatusOr<ReleaseReport> Release(uint64_t sequence, TestReplica* replica = nullptr,
                                        const std::string& user = kAdministrator) {
    ReleaseRequest request;
    request.partition = kOaxaca;
    request.replica = (replica == nullptr ? ana_ : *replica).id();
    request.sequence = sequence;
    request.user = user;
    request.may_release = [this](const std::vector<std::string>& scopes) {
      asked_ = scopes;
      return administers_;
    };
    return store_->Release(request, judge_, now_);
  }
  std::string StoredBytes() {
    std::string all;
    const auto kv = home_.Open();
    for (int table = 0; table < kTableCount; ++table) {
      const auto it = kv->Iterate(static_cast<Table>(table), "", "");
      for (it->SeekToFirst(); it->Valid(); it->Next())
        absl::StrAppend(&all, it->key(), "=", it->value(), ";");
    }
    return all;
  }
  size_t InQuarantine() { return store_->ListQuarantine("", 100)->sets.size(); }
  std::string Name() {
    v1::Person person;
    EXPECT_TRUE(person.ParseFromString(Get(PersonType(), id_)->message));
    return person.name().given_names();
  }
  std::vector<v1::Verdict> VerdictsOf(const TestReplica& replica) {
    FeedRequest request;
    request.replica = replica.id();
    request.partition = kOaxaca;
    request.target_bytes = kBatchTargetBytes;
    const auto page = store_->ReadFeed(request);
    EXPECT_OK(page);
    return {page->body.verdicts().begin(), page->body.verdicts().end()};
  }

  const RecordId id_;
  uint64_t seen_ = 0;
  bool administers_ = true;
  std::vector<std::string> asked_;
};

TEST_F(AuthorityReleaseTest, ItIsAppliedUnderTheGrantsOfWhoReleasesAndStaysItsWritersWork) {
  Quarantine();
  const uint64_t head = store_->Head(kOaxaca);

  ASSERT_OK_AND_ASSIGN(const ReleaseReport report, Release(2));

  EXPECT_EQ(report.verdict.outcome(), v1::APPLIED);
  EXPECT_FALSE(report.was_released);
  EXPECT_EQ(report.verdict.released_by(), kAdministrator);
  EXPECT_EQ(report.verdict.released_ms(), absl::ToUnixMillis(now_));
  EXPECT_EQ(report.verdict.commit_sequence(), head + 1);
  EXPECT_THAT(report.partitions, ElementsAre(kOaxaca));
  EXPECT_THAT(asked_, ElementsAre(kJuarez));
  EXPECT_EQ(Name(), "Eva");
  EXPECT_EQ(Get(PersonType(), id_)->updated.user, "ana");
  EXPECT_EQ(Get(PersonType(), id_)->updated.replica, ana_.id());
  EXPECT_EQ(InQuarantine(), 0U);
}

TEST_F(AuthorityReleaseTest, WhoReleasesHasToHoldAGrantThatCoversIt) {
  Quarantine();
  const uint64_t head = store_->Head(kOaxaca);
  GrantOnly({"ana"});

  ASSERT_OK_AND_ASSIGN(const ReleaseReport report, Release(2));

  EXPECT_EQ(report.verdict.outcome(), v1::QUARANTINED);
  ASSERT_THAT(report.verdict.refusals(), SizeIs(1));
  EXPECT_EQ(report.verdict.refusals(0).reason(), v1::NOT_GRANTED);
  EXPECT_EQ(store_->Head(kOaxaca), head);
  EXPECT_EQ(Name(), "Rosa");
  EXPECT_EQ(InQuarantine(), 1U);
}

// It is a write of now, whenever it was written; and what was tried again before is no matter.
TEST_F(AuthorityReleaseTest, TheGrantsThatCountAreThoseOfNow) {
  ana_.server_time_ms = 5;
  Quarantine();
  std::vector<v1::ChangeSetHeader> asked;
  judge_.refuses = [&](const ChangeInQuestion& question) {
    asked.push_back(question.header);
    EXPECT_EQ(question.former_scope, "");
    return false;
  };
  ASSERT_OK(Release(2));
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_EQ(asked[0].position().server_time_ms(), absl::ToUnixMillis(now_));
  EXPECT_EQ(asked[0].position().elapsed_ms(), 0);
  EXPECT_EQ(asked[0].position().revocation(), UINT64_MAX);
  EXPECT_FALSE(asked[0].has_retry_of());
}

TEST_F(AuthorityReleaseTest, BothVerdictsKeepTheirPlacesInTheFeed) {
  Quarantine();
  ASSERT_EQ(
      Commit(&beto_, {Create(PersonType(), beto_.NewId(), kJuarez, PersonNamed("Ada"))}).outcome(),
      v1::APPLIED);
  ASSERT_OK_AND_ASSIGN(const ReleaseReport report, Release(2));
  Reopen();

  const std::vector<v1::Verdict> told = VerdictsOf(ana_);

  ASSERT_THAT(told, SizeIs(3));
  EXPECT_EQ(told[1].sequence(), 2U);
  EXPECT_EQ(told[1].outcome(), v1::QUARANTINED);
  EXPECT_EQ(told[2].sequence(), 2U);
  EXPECT_EQ(told[2].outcome(), v1::APPLIED);
  EXPECT_EQ(told[2].commit_sequence(), report.verdict.commit_sequence());
  EXPECT_GT(told[2].commit_sequence(), told[1].commit_sequence() + 1);
}

TEST_F(AuthorityReleaseTest, AgainItIsAnsweredWithWhatWasSaidThen) {
  Quarantine();
  ASSERT_OK_AND_ASSIGN(const ReleaseReport first, Release(2));
  now_ += absl::Hours(1);
  Reopen();
  const uint64_t head = store_->Head(kOaxaca);

  ASSERT_OK_AND_ASSIGN(const ReleaseReport again, Release(2));

  EXPECT_TRUE(again.was_released);
  EXPECT_EQ(again.verdict.SerializeAsString(), first.verdict.SerializeAsString());
  EXPECT_THAT(again.partitions, IsEmpty());
  EXPECT_EQ(store_->Head(kOaxaca), head);
  // Who released it is answered whatever may be administered now; others need all of the state.
  administers_ = false;
  EXPECT_OK(Release(2));
  EXPECT_THAT(Release(2, nullptr, "jose"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(AuthorityReleaseTest, WhatIsNotInQuarantineAndWhatIsOfOtherPlacesAreAnsweredAlike) {
  Quarantine();
  const absl::Status unknown = Release(1).status();
  EXPECT_THAT(unknown, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(Release(7).status(), unknown);
  administers_ = false;
  EXPECT_EQ(Release(2).status(), unknown);
  EXPECT_EQ(InQuarantine(), 1U);
}

TEST_F(AuthorityReleaseTest, WhatBreaksAnotherRuleStaysAsItWas) {
  v1::Person too_long = PersonNamed(std::string(500, 'x'));
  ASSERT_EQ(SendAgain(&ana_, {Edit(PersonType(), id_, too_long)}).outcome(), v1::QUARANTINED);
  const std::string before = StoredBytes();

  ASSERT_OK_AND_ASSIGN(const ReleaseReport report, Release(2));

  EXPECT_EQ(report.verdict.outcome(), v1::QUARANTINED);
  ASSERT_GE(report.verdict.refusals_size(), 1);
  EXPECT_EQ(report.verdict.refusals(0).reason(), v1::INVALID_VALUE);
  EXPECT_EQ(StoredBytes(), before);
}

TEST_F(AuthorityReleaseTest, WhatIsSealedOrErasedStays) {
  v1::ChangeSet sealed;
  sealed.set_sealed_body(std::string(100, 's'));
  ASSERT_EQ(CommitPush(ana_.Push({ana_.Seal(sealed)})).verdicts.at(0).outcome(), v1::QUARANTINED);
  ASSERT_EQ(SendAgain(&ana_, {EditOf("Eva")}).outcome(), v1::QUARANTINED);

  ASSERT_OK_AND_ASSIGN(ReleaseReport report, Release(2));
  EXPECT_EQ(report.verdict.outcome(), v1::QUARANTINED);
  EXPECT_EQ(report.verdict.refusals(0).detail(), "the body is sealed");

  ASSERT_OK(store_->Erase({PersonType().type_id(), id_, "", "irma"}, now_));
  for (const uint64_t sequence : {2, 3}) {
    ASSERT_OK_AND_ASSIGN(report, Release(sequence));
    EXPECT_EQ(report.verdict.outcome(), v1::QUARANTINED);
    EXPECT_EQ(report.verdict.refusals(0).reason(), v1::ERASED_RECORD);
  }
  EXPECT_FALSE(Get(PersonType(), id_).has_value());
}

TEST_F(AuthorityReleaseTest, AConcurrentValueIsMetAsWhenItWasWritten) {
  Quarantine();
  ASSERT_EQ(CommitAt(seen_, &beto_, {EditOf("Luz")}).outcome(), v1::APPLIED);
  ASSERT_OK_AND_ASSIGN(const ReleaseReport report, Release(2));
  EXPECT_EQ(report.verdict.outcome(), v1::MERGED);
  EXPECT_EQ(report.verdict.conflicts_size(), 1);
}

// What its replica wrote later knew of it, whenever it comes.
TEST_F(AuthorityReleaseTest, ALaterWriteOfTheSameReplicaIsNotOverwritten) {
  Quarantine();
  GrantOnly({"ana", kAdministrator});
  ASSERT_EQ(CommitAt(seen_, &ana_, {EditOf("later")}).outcome(), v1::APPLIED);
  ASSERT_OK_AND_ASSIGN(const ReleaseReport report, Release(2));
  EXPECT_EQ(Name(), "later");
  EXPECT_EQ(report.verdict.conflicts_size(), 0);
}

TEST_F(AuthorityReleaseTest, ARetryOfWhatWasReleasedIsRefusedEditedOrNot) {
  Quarantine();
  ASSERT_OK(Release(2));
  Reopen();
  GrantOnly({"ana"});
  for (const bool is_edited : {false, true}) {
    const v1::Verdict verdict = Retry(&ana_, is_edited ? "Eva María" : "Eva", is_edited);
    EXPECT_EQ(verdict.outcome(), v1::REJECTED);
    ASSERT_THAT(verdict.refusals(), SizeIs(1));
    EXPECT_EQ(verdict.refusals(0).reason(), v1::RELEASED);
  }
  EXPECT_EQ(Name(), "Eva");
}

TEST_F(AuthorityReleaseTest, ARetryByACopyIsAnsweredAsDone) {
  Quarantine();
  ASSERT_OK(Release(2));
  GrantOnly({"ana", "beto"});
  ASSERT_EQ(Commit(&beto_, {EditOf("Luz")}).outcome(), v1::APPLIED);
  TestReplica copy(&random_, kOaxaca);
  copy.epoch = store_->epoch();
  copy.SkipTo(2);
  const v1::Verdict verdict = Retry(&copy, "Eva", /*is_edited=*/false);
  EXPECT_EQ(verdict.outcome(), v1::MERGED);
  ASSERT_THAT(verdict.lost(), SizeIs(1));
  EXPECT_EQ(Name(), "Luz");
}

TEST_F(AuthorityReleaseTest, WhatItsDeviceHadAcceptedAgainIsNotReleased) {
  Quarantine();
  GrantOnly({"ana", kAdministrator});
  ASSERT_EQ(Retry(&ana_, "Eva", /*is_edited=*/false).outcome(), v1::APPLIED);
  EXPECT_THAT(Release(2), StatusIs(absl::StatusCode::kFailedPrecondition));
  administers_ = false;
  EXPECT_THAT(Release(2), StatusIs(absl::StatusCode::kNotFound));
}

// The first retry failed like the first try, the second was accepted.
TEST_F(AuthorityReleaseTest, AnEarlierRetryOfAnAcceptedOneIsNotReleased) {
  Quarantine();
  ana_.first_try_by = ana_.id();
  ana_.retry_of = 2;
  ana_.retry_stamp_ms = ana_.stamp_ms;
  for (const bool is_same_work : {true, false}) {
    ana_.is_same_work = is_same_work;
    ASSERT_EQ(SendAgain(&ana_, {EditOf("Eva")}).outcome(), v1::QUARANTINED);
  }
  GrantOnly({"ana", kAdministrator});
  ASSERT_EQ(Retry(&ana_, "Eva María", /*is_edited=*/true).outcome(), v1::APPLIED);
  EXPECT_THAT(Release(3), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Release(4), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(Name(), "Eva María");
}

TEST_F(AuthorityReleaseTest, OfSeveralTriesInQuarantineOneIsReleased) {
  Quarantine();
  ana_.first_try_by = ana_.id();
  ana_.retry_of = 2;
  ana_.retry_stamp_ms = ana_.stamp_ms;
  ana_.is_same_work = true;
  ASSERT_EQ(SendAgain(&ana_, {EditOf("Eva")}).outcome(), v1::QUARANTINED);
  ana_.is_same_work = false;
  ASSERT_EQ(SendAgain(&ana_, {EditOf("Eva María")}).outcome(), v1::QUARANTINED);

  ASSERT_OK_AND_ASSIGN(const ReleaseReport report, Release(2));

  EXPECT_EQ(report.verdict.outcome(), v1::APPLIED);
  EXPECT_EQ(report.dependents, 1U) << "the edited one; what said the same is done with";
  EXPECT_EQ(InQuarantine(), 1U);
  EXPECT_THAT(Release(3), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK_AND_ASSIGN(const ReleaseReport edited, Release(4));
  EXPECT_EQ(edited.verdict.outcome(), v1::QUARANTINED);
  EXPECT_EQ(edited.verdict.refusals(0).reason(), v1::RELEASED);
  EXPECT_EQ(Name(), "Eva");
}

TEST_F(AuthorityReleaseTest, ARetryInQuarantineIsReleasedInsteadOfItsFirstTry) {
  Quarantine();
  ana_.first_try_by = ana_.id();
  ana_.retry_of = 2;
  ana_.retry_stamp_ms = ana_.stamp_ms;
  ASSERT_EQ(SendAgain(&ana_, {EditOf("Eva María")}).outcome(), v1::QUARANTINED);
  ASSERT_OK_AND_ASSIGN(const ReleaseReport report, Release(3));
  EXPECT_EQ(report.verdict.outcome(), v1::APPLIED);
  EXPECT_EQ(InQuarantine(), 0U);
  EXPECT_THAT(Release(2), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(Retry(&ana_, "Eva", /*is_edited=*/false).refusals(0).reason(), v1::RELEASED);
  EXPECT_EQ(Name(), "Eva María");
}

TEST_F(AuthorityReleaseTest, WhatWaitedForARecordThatItCreatesIsAppliedAlong) {
  const RecordId luis = ana_.NewId();
  const v1::Change create = Create(PersonType(), luis, kJuarez, PersonNamed("Luis"));
  ASSERT_EQ(SendAgain(&ana_, {create}).outcome(), v1::QUARANTINED);
  ASSERT_EQ(SendAgain(&beto_, {Edit(PersonType(), luis, PersonNamed("Luis R."))}).outcome(),
            v1::QUARANTINED);
  ASSERT_THAT(store_->WaitingUsers(), ElementsAre("beto"));

  ASSERT_OK_AND_ASSIGN(const ReleaseReport report, Release(2));

  EXPECT_EQ(report.applied_along, 1U);
  EXPECT_EQ(report.dependents, 0U);
  EXPECT_EQ(InQuarantine(), 0U);
  EXPECT_THAT(store_->WaitingUsers(), IsEmpty());
  EXPECT_TRUE(Get(PersonType(), luis).has_value());
}

// Whoever answers for one answers for no other.
TEST_F(AuthorityReleaseTest, WhatIsAppliedAlongIsJudgedUnderItsOwnWritersGrants) {
  const RecordId luis = ana_.NewId();
  ASSERT_EQ(SendAgain(&ana_, {Create(PersonType(), luis, kJuarez, PersonNamed("Luis"))}).outcome(),
            v1::QUARANTINED);
  ASSERT_EQ(SendAgain(&beto_, {Edit(PersonType(), luis, PersonNamed("Luis R."))}).outcome(),
            v1::QUARANTINED);
  GrantOnly({kAdministrator});
  ASSERT_OK_AND_ASSIGN(const ReleaseReport report, Release(2));
  EXPECT_EQ(report.applied_along, 0U);
  EXPECT_EQ(InQuarantine(), 1U);
}

TEST_F(AuthorityReleaseTest, LaterOnesOfTheSameRecordsAreCounted) {
  Quarantine();
  ASSERT_EQ(SendAgain(&ana_, {EditOf("Eva María")}).outcome(), v1::QUARANTINED);
  const RecordId other = beto_.NewId();
  GrantOnly({"beto", kAdministrator});
  ASSERT_EQ(SendAgain(&ana_, {Create(PersonType(), other, kJuarez, PersonNamed("Ada"))}).outcome(),
            v1::QUARANTINED);
  ASSERT_OK_AND_ASSIGN(const ReleaseReport report, Release(2));
  EXPECT_EQ(report.dependents, 1U);
  EXPECT_EQ(InQuarantine(), 2U);
}

TEST_F(AuthorityReleaseTest, ItFollowsARecordThatHasGoneToAnotherState) {
  Quarantine();
  ASSERT_EQ(Commit(&beto_, {Move(PersonType(), id_, "MX/07/101")}).outcome(), v1::APPLIED);
  ASSERT_OK_AND_ASSIGN(const ReleaseReport report, Release(2));
  EXPECT_THAT(asked_, ElementsAre("MX/07/101"));
  EXPECT_THAT(report.partitions, ElementsAre("MX/07", kOaxaca));
  EXPECT_EQ(Name(), "Eva");
  EXPECT_EQ(Get(PersonType(), id_)->scope, "MX/07/101");
  // The entries there tell what became of it.
  ASSERT_THAT(report.verdict.lost(), SizeIs(1));
  EXPECT_THAT(report.verdict.lost(0).fields(), IsEmpty());
}

// Its device says who released it on a line that is lost: that lets nothing in.
TEST_F(AuthorityReleaseTest, AReleaseThatIsLostIsGivenAgain) {
  ana_.position = seen_;
  PushRequest push = ana_.PushOf({EditOf("Eva")});
  v1::Redelivered& before = push.redelivered.emplace_back();
  before.set_epoch(lost_.AsBytes());
  before.mutable_verdict()->set_outcome(v1::APPLIED);
  before.mutable_verdict()->set_sequence(2);
  before.mutable_verdict()->set_commit_sequence(99);
  before.mutable_verdict()->set_released_by(kAdministrator);
  before.mutable_verdict()->set_released_ms(1);
  ASSERT_EQ(CommitPush(push).verdicts.at(0).outcome(), v1::QUARANTINED);

  ASSERT_OK_AND_ASSIGN(const ReleaseReport report, Release(2));

  EXPECT_FALSE(report.was_released);
  EXPECT_EQ(report.verdict.outcome(), v1::APPLIED);
  EXPECT_EQ(Name(), "Eva");
}

TEST_F(AuthorityReleaseTest, ItIsOnDiskWhenItIsAnswered) {
  Quarantine();
  home_.failure = absl::ResourceExhaustedError("full");
  EXPECT_THAT(Release(2), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(InQuarantine(), 1U);
  home_.failure = absl::OkStatus();
  ASSERT_OK_AND_ASSIGN(const ReleaseReport report, Release(2));
  EXPECT_FALSE(report.was_released);
}

// The device may have tried it again or dropped it, so it need not have what it says.
TEST_F(AuthorityReleaseTest, TheFeedTellsItsWriterWhatWasReleased) {
  Quarantine();
  FeedRequest request;
  request.replica = ana_.id();
  request.partition = kOaxaca;
  request.feeds = {FeedOf(kOaxaca, v1::BELOW)};
  request.complete = request.scanned = store_->Head(kOaxaca);
  request.own_head = ana_.sequence();
  request.target_bytes = kBatchTargetBytes;
  ASSERT_OK(Release(2));
  const auto page = store_->ReadFeed(request);
  ASSERT_OK(page);
  ASSERT_THAT(page->body.entries(), SizeIs(1));
  EXPECT_THAT(page->body.entries(0).state().SerializeAsString(), ::testing::HasSubstr("Eva"));
}

}  // namespace
}  // namespace brigada
