// Several retries of one refused work: a directory was copied, or a store goes on under a new id.
#include "gmock/gmock.h"
#include "replica/store/keys.h"
#include "tests/unit/store/authority_fixture.h"

namespace brigada {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class AuthorityRetryTest : public AuthorityFixture {
 protected:
  AuthorityRetryTest() : id_(CreatePerson("Rosa")) {
    seen_ = store_->Head(kOaxaca);
    // A copy of Ana's device, divided after her second change set.
    copy_.epoch = ana_.epoch;
    copy_.SkipTo(2);
    judge_.refuses = [](const ChangeInQuestion&) { return true; };
    EXPECT_EQ(CommitSeen(&ana_, edit_).outcome(), v1::REJECTED);
    judge_.refuses = nullptr;
  }
  // Tries Ana's second change set again, unedited unless told so.
  v1::Verdict Retry(TestReplica* replica, absl::string_view name = "Eva", bool is_edited = false) {
    replica->first_try_by = ana_.id();
    replica->retry_of = 2;
    replica->retry_stamp_ms = 1'767'225'600'000;
    replica->is_same_work = !is_edited;
    return CommitSeen(replica, {Edit(PersonType(), id_, PersonNamed(name))});
  }
  // Its writer has seen the person as it was first.
  v1::Verdict CommitSeen(TestReplica* replica, const std::vector<v1::Change>& changes) {
    const std::string chain_before = replica->chain();
    replica->position = seen_;
    PushRequest push = replica->PushOf(changes);
    if (replica->sequence() == 3 && replica == &copy_) push.chain_before = chain_before;
    const PushResult result = CommitPush(push);
    EXPECT_OK(result.status);
    return result.verdicts.empty() ? v1::Verdict() : result.verdicts[0];
  }
  std::string Name() {
    v1::Person person;
    EXPECT_TRUE(person.ParseFromString(Get(PersonType(), id_)->message));
    return person.name().given_names();
  }

  const RecordId id_;
  const std::vector<v1::Change> edit_ = {Edit(PersonType(), id_, PersonNamed("Eva"))};
  uint64_t seen_ = 0;
  TestReplica copy_{&random_, kOaxaca};
};

TEST_F(AuthorityRetryTest, WhatTwoCopiesTryAgainIsAppliedOnce) {
  EXPECT_EQ(Retry(&ana_).outcome(), v1::APPLIED);
  EXPECT_EQ(Commit(&beto_, {Edit(PersonType(), id_, PersonNamed("Luz"))}).outcome(), v1::APPLIED);

  const v1::Verdict second = Retry(&copy_);

  // It leaves the outbox of the copy, which folds nothing of it.
  EXPECT_EQ(second.outcome(), v1::MERGED);
  ASSERT_THAT(second.lost(), SizeIs(1));
  EXPECT_THAT(second.lost(0).fields(), IsEmpty());
  EXPECT_EQ(Name(), "Luz");
  EXPECT_THAT(Get(PersonType(), id_)->conflicts, IsEmpty());
}

TEST_F(AuthorityRetryTest, ACopyThatIsFirstEndsTheWorkOfTheOther) {
  EXPECT_EQ(Retry(&copy_).outcome(), v1::APPLIED);
  Reopen();
  const v1::Verdict second = Retry(&ana_);
  EXPECT_EQ(second.outcome(), v1::MERGED);
  ASSERT_THAT(second.lost(), SizeIs(1));
  EXPECT_THAT(second.lost(0).fields(), IsEmpty());
}

TEST_F(AuthorityRetryTest, ARetryThatIsRefusedAgainEndsNothing) {
  judge_.refuses = [](const ChangeInQuestion&) { return true; };
  EXPECT_EQ(Retry(&ana_).outcome(), v1::REJECTED);
  EXPECT_EQ(Retry(&ana_).outcome(), v1::REJECTED);
  judge_.refuses = nullptr;
  EXPECT_EQ(Retry(&copy_).outcome(), v1::APPLIED);
  EXPECT_EQ(Name(), "Eva");
}

TEST_F(AuthorityRetryTest, WhatWasEditedIsOtherWork) {
  EXPECT_EQ(Retry(&ana_, "Eva María", /*is_edited=*/true).outcome(), v1::APPLIED);
  const v1::Verdict second = Retry(&copy_);
  EXPECT_EQ(second.conflicts_size(), 1) << "both are judged";
}

TEST_F(AuthorityRetryTest, NobodyEndsTheWorkOfAnotherUser) {
  copy_.user = "luis";
  EXPECT_EQ(Retry(&copy_, "Otra").outcome(), v1::APPLIED);
  EXPECT_EQ(Retry(&ana_).conflicts_size(), 1) << "both are judged";
}

// Under its new id the store's work goes on with higher numbers than the first try has.
TEST_F(AuthorityRetryTest, ARetryUnderANewIdReplacesNoLaterWorkOfItsStore) {
  EXPECT_EQ(CommitSeen(&copy_, {Edit(PersonType(), id_, PersonNamed("later"))}).outcome(),
            v1::APPLIED);
  const v1::Verdict retry = Retry(&copy_);
  EXPECT_EQ(retry.conflicts_size(), 1);
  EXPECT_EQ(Name(), "later");
}

TEST_F(AuthorityRetryTest, ARetryUnderANewIdEmptiesTheQuarantineOfTheOldOne) {
  v1::ChangeSet sealed;
  sealed.set_sealed_body(std::string(100, 's'));
  ASSERT_EQ(CommitPush(ana_.Push({ana_.Seal(sealed)})).verdicts.at(0).outcome(), v1::QUARANTINED);
  ASSERT_THAT(store_->ListQuarantine("", 10)->sets, SizeIs(1));
  copy_.first_try_by = ana_.id();
  CommitSeen(&copy_, edit_);
  copy_.retry_of = 3;
  copy_.retry_stamp_ms = 1'767'225'600'000;
  copy_.is_same_work = true;

  copy_.user = "luis";
  CommitSeen(&copy_, edit_);
  EXPECT_THAT(store_->ListQuarantine("", 10)->sets, SizeIs(1)) << "another user's";
  copy_.user = "ana";
  CommitSeen(&copy_, edit_);
  EXPECT_THAT(store_->ListQuarantine("", 10)->sets, IsEmpty());
}

}  // namespace
}  // namespace brigada
