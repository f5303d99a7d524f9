// What a device may say of a past that the server has lost, and what the server keeps of it.
#include "replica/merge/origin.h"
#include "replica/store/keys.h"
#include "tests/unit/store/authority_fixture.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RedeliveryTest : public AuthorityFixture {
 protected:
  static v1::Redelivered Said(const Epoch& epoch, v1::Outcome outcome, uint64_t sequence = 1) {
    v1::Redelivered before;
    before.set_epoch(epoch.AsBytes());
    before.mutable_verdict()->set_outcome(outcome);
    before.mutable_verdict()->set_sequence(sequence);
    before.mutable_verdict()->set_commit_sequence(7);
    return before;
  }
  v1::Change EditOfNothing() { return Edit(PersonType(), beto_.NewId(), PersonNamed("Eva")); }
  PushResult PushAgain(const std::vector<v1::Change>& changes, const v1::Redelivered& before) {
    PushRequest push = beto_.PushOf(changes);
    push.redelivered = {before};
    return CommitPush(push);
  }
  v1::Verdict Again(const std::vector<v1::Change>& changes, const v1::Redelivered& before) {
    const PushResult result = PushAgain(changes, before);
    EXPECT_OK(result.status);
    return result.verdicts.empty() ? v1::Verdict() : result.verdicts[0];
  }
  // As of a replica that no longer has what comes before.
  PushResult PushFromHere(TestReplica* replica, const v1::Change& change) {
    const std::string before = replica->chain();
    PushRequest push = replica->PushOf({change});
    push.chain_before = before;
    return CommitPush(push);
  }
  // A change set of Beto's.
  bool IsQuarantined(uint64_t sequence) {
    const auto row =
        home_.Open()->Get(Table::kRejected, QuarantineKey(kOaxaca, beto_.id(), sequence));
    EXPECT_OK(row);
    return row.ok() && row->has_value();
  }
  size_t LargestRejectedRow() {
    size_t largest = 0;
    const auto kv = home_.Open();
    const auto it = kv->Iterate(Table::kRejected, WaitingPrefix(kOaxaca), "");
    for (it->SeekToFirst(); it->Valid(); it->Next())
      largest = std::max(largest, it->value().size());
    return largest;
  }
};

TEST_F(RedeliveryTest, WhatIsAcceptedUnderAnotherNumberLeavesTheQuarantine) {
  GoBack();
  judge_.refuses = [](const ChangeInQuestion&) { return true; };
  const std::vector<v1::Change> create = {
      Create(PersonType(), beto_.NewId(), kJuarez, PersonNamed("Eva"))};
  EXPECT_EQ(Again(create, Said(lost_, v1::APPLIED)).outcome(), v1::QUARANTINED);
  EXPECT_TRUE(IsQuarantined(1));
  beto_.retry_of = 1;
  EXPECT_EQ(Commit(&beto_, create).outcome(), v1::REJECTED);
  EXPECT_TRUE(IsQuarantined(1)) << "the first try is still all that there is";
  judge_.refuses = nullptr;
  EXPECT_EQ(Commit(&beto_, create).outcome(), v1::APPLIED);
  EXPECT_FALSE(IsQuarantined(1));
}

TEST_F(RedeliveryTest, ARetryDoesNotEmptyTheQuarantineOfAnotherReplica) {
  GoBack();
  judge_.refuses = [](const ChangeInQuestion&) { return true; };
  const auto create = [&] {
    return Create(PersonType(), beto_.NewId(), kJuarez, PersonNamed("E"));
  };
  EXPECT_EQ(Again({create()}, Said(lost_, v1::APPLIED)).outcome(), v1::QUARANTINED);
  judge_.refuses = nullptr;
  ana_.retry_of = 1;
  EXPECT_EQ(Commit(&ana_, {create()}).outcome(), v1::APPLIED);
  EXPECT_TRUE(IsQuarantined(1));
}

TEST_F(RedeliveryTest, MalformedWordOfALostVerdictRefusesThePush) {
  GoBack();
  const PushRequest good = beto_.PushOf({EditOfNothing()});
  v1::Redelivered long_epoch = Said(lost_, v1::APPLIED);
  long_epoch.set_epoch(std::string(1'000'000, 'e'));
  v1::Redelivered many_reasons = Said(lost_, v1::REJECTED);
  for (size_t i = 0; i <= kMaxRefusals; ++i) many_reasons.mutable_verdict()->add_refusals();
  const std::vector<std::vector<v1::Redelivered>> malformed = {
      {long_epoch},
      {v1::Redelivered()},
      {Said(lost_, v1::APPLIED, 2)},
      {Said(lost_, v1::OUTCOME_UNSPECIFIED)},
      {many_reasons},
      {Said(lost_, v1::APPLIED), Said(lost_, v1::APPLIED, 2)}};
  for (const std::vector<v1::Redelivered>& redelivered : malformed) {
    PushRequest push = good;
    push.redelivered = redelivered;
    EXPECT_THAT(CommitPush(push).status, StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_EQ(CommitPush(good).verdicts.size(), 1U);
}

TEST_F(RedeliveryTest, OfALostVerdictOnlyWhatCountsIsKept) {
  GoBack();
  v1::Redelivered before = Said(lost_, v1::APPLIED);
  for (int i = 0; i < 50; ++i) {
    before.mutable_verdict()->add_refusals()->set_detail(std::string(10'000, 'd'));
    before.mutable_verdict()->add_lost()->set_change(1);
  }

  EXPECT_EQ(Again({EditOfNothing()}, before).outcome(), v1::QUARANTINED);

  EXPECT_LT(LargestRejectedRow(), 100U);
}

TEST_F(RedeliveryTest, RefusedStaysRefusedForReasonsThatAreShort) {
  GoBack();
  v1::Redelivered before = Said(lost_, v1::REJECTED);
  *before.mutable_verdict()->add_refusals() = [] {
    v1::Refusal refusal;
    refusal.set_reason(v1::NOT_GRANTED);
    refusal.set_detail("no grant");
    return refusal;
  }();
  before.mutable_verdict()->add_refusals()->set_detail(std::string(100'000, 'd'));

  const v1::Verdict verdict =
      Again({Create(PersonType(), beto_.NewId(), kJuarez, PersonNamed("Eva"))}, before);

  EXPECT_EQ(verdict.outcome(), v1::REJECTED);
  ASSERT_EQ(verdict.refusals_size(), 2);
  EXPECT_EQ(verdict.refusals(0).reason(), v1::NOT_GRANTED);
  EXPECT_EQ(verdict.refusals(0).detail(), "no grant");
  EXPECT_EQ(verdict.refusals(1).detail(), "");
}

TEST_F(RedeliveryTest, AVerdictOfNoLostEpochIsNoVerdict) {
  GoBack();
  judge_.refuses = [](const ChangeInQuestion& question) { return question.push.user == "beto"; };
  const v1::Change create = Create(PersonType(), beto_.NewId(), kJuarez, PersonNamed("Eva"));
  EXPECT_EQ(Again({create}, Said(lost_, v1::APPLIED, 1)).outcome(), v1::QUARANTINED);
  EXPECT_EQ(Again({create}, Said(store_->epoch(), v1::APPLIED, 2)).outcome(), v1::REJECTED);
  EXPECT_EQ(Again({create}, Said(NewRandomId<Epoch>(random_), v1::APPLIED, 3)).outcome(),
            v1::REJECTED);
  judge_.refuses = nullptr;
  EXPECT_EQ(Again({create}, Said(NewRandomId<Epoch>(random_), v1::REJECTED, 4)).outcome(),
            v1::APPLIED);
}

TEST_F(RedeliveryTest, OnlyWhatMayComeBackIsWaitedFor) {
  EXPECT_EQ(Commit(&beto_, {EditOfNothing()}).outcome(), v1::REJECTED);
  GoBack();
  // A device may still show a record that is lost, and edit it in the new epoch.
  EXPECT_EQ(Commit(&beto_, {EditOfNothing()}).outcome(), v1::QUARANTINED);
  EXPECT_THAT(store_->WaitingUsers(), ElementsAre("beto"));
  // By now nobody keeps any more what was judged before.
  now_ += absl::Hours(24 * 400);
  EXPECT_EQ(Commit(&beto_, {EditOfNothing()}).outcome(), v1::REJECTED);
  EXPECT_EQ(Again({EditOfNothing()}, Said(lost_, v1::APPLIED, beto_.sequence() + 1)).outcome(),
            v1::QUARANTINED);
  beto_.epoch = lost_;
  EXPECT_EQ(CommitAt(2, &beto_, {EditOfNothing()}).outcome(), v1::QUARANTINED);
}

// The create was refused and is tried again: its number is later, its writing earlier.
TEST_F(RedeliveryTest, AnEditThatWaitsIsNotReplacedByTheCreateThatIsTriedAgain) {
  GoBack();
  const RecordId id = beto_.NewId();
  const std::vector<v1::Change> create = {Create(PersonType(), id, kJuarez, PersonNamed("Eva"))};
  beto_.retry_stamp_ms = beto_.stamp_ms + 1;
  judge_.refuses = [](const ChangeInQuestion&) { return true; };
  ASSERT_EQ(Commit(&beto_, create).outcome(), v1::REJECTED);
  judge_.refuses = nullptr;
  ASSERT_EQ(Commit(&beto_, {Edit(PersonType(), id, PersonNamed("Luz"))}).outcome(),
            v1::QUARANTINED);

  beto_.retry_of = 1;
  EXPECT_EQ(Commit(&beto_, create).outcome(), v1::APPLIED);

  v1::Person person;
  const auto record = Get(PersonType(), id);
  ASSERT_TRUE(record.has_value() && person.ParseFromString(record->message));
  EXPECT_EQ(person.name().given_names(), "Luz");
}

TEST_F(RedeliveryTest, WhoWaitsIsKnownUntilTheRecordsAreThere) {
  GoBack();
  beto_.epoch = lost_;
  const RecordId first = ana_.NewId();
  const RecordId second = ana_.NewId();
  ASSERT_EQ(CommitAt(1, &beto_,
                     {Edit(PersonType(), first, PersonNamed("Eva")),
                      Edit(PersonType(), second, PersonNamed("Luz"))})
                .outcome(),
            v1::QUARANTINED);
  Reopen();
  EXPECT_THAT(store_->WaitingUsers(), ElementsAre("beto"));
  Commit(&ana_, {Create(PersonType(), first, kJuarez, PersonNamed("Ana"))});
  EXPECT_THAT(store_->WaitingUsers(), ElementsAre("beto"));
  Commit(&ana_, {Create(PersonType(), second, kJuarez, PersonNamed("Ana"))});
  EXPECT_THAT(store_->WaitingUsers(), IsEmpty());
  EXPECT_EQ((*store_->FindVerdict(beto_.id(), kOaxaca, 1))->verdict().outcome(), v1::MERGED);
}

TEST_F(RedeliveryTest, WhatWaitsOfOneReplicaIsBounded) {
  GoBack();
  ana_.epoch = beto_.epoch = lost_;
  std::vector<v1::Change> edits;
  for (size_t i = 0; i < 64; ++i) edits.push_back(EditOfNothing());
  for (size_t i = 0; i < kMaxWaitingPerReplica / edits.size(); ++i)
    ASSERT_EQ(CommitAt(1, &beto_, edits).outcome(), v1::QUARANTINED);

  const v1::Verdict beyond = CommitAt(1, &beto_, {EditOfNothing()});

  EXPECT_EQ(beyond.outcome(), v1::REJECTED);
  ASSERT_EQ(beyond.refusals_size(), 1);
  EXPECT_EQ(beyond.refusals(0).reason(), v1::UNKNOWN_RECORD);
  EXPECT_NE(beyond.refusals(0).detail(), "");
  EXPECT_EQ(CommitAt(1, &ana_, {EditOfNothing()}).outcome(), v1::QUARANTINED);
  Reopen();
  beto_.epoch = lost_;
  EXPECT_EQ(CommitAt(1, &beto_, {EditOfNothing()}).outcome(), v1::REJECTED);
}

TEST_F(RedeliveryTest, WorkIsLeftOutOnlyWhereItMayBeLost) {
  CreatePerson("Rosa");
  const auto create = [&] {
    return Create(PersonType(), beto_.NewId(), kJuarez, PersonNamed("Eva"));
  };
  // A replica that this store does not know may have been divided from another.
  beto_.MakeSet({create()});
  EXPECT_EQ(PushFromHere(&beto_, create()).verdicts.size(), 1U);
  // Nothing has been lost of what it sent.
  beto_.MakeSet({create()});
  EXPECT_THAT(PushFromHere(&beto_, create()).status, StatusIs(absl::StatusCode::kInvalidArgument));
  GoBack();
  EXPECT_EQ(PushFromHere(&beto_, create()).verdicts.size(), 1U);
  // What comes again may have been let go in part.
  PushRequest again = beto_.PushOf({create()});
  again.redelivered = {Said(lost_, v1::APPLIED, beto_.sequence())};
  ASSERT_EQ(CommitPush(again).verdicts.size(), 1U);
  beto_.MakeSet({create()});
  EXPECT_EQ(PushFromHere(&beto_, create()).verdicts.size(), 1U);
  beto_.MakeSet({create()});
  EXPECT_THAT(PushFromHere(&beto_, create()).status, StatusIs(absl::StatusCode::kInvalidArgument));
}

// What its device has sealed since is nowhere else.
TEST_F(RedeliveryTest, WhatWasAcceptedOnceIsKeptAlsoInAFullQuarantine) {
  GoBack();
  constexpr size_t kEach = (size_t{1} << 20) - 1024;
  for (size_t i = 0; i < kMaxQuarantinedBytesPerReplica >> 20; ++i) {
    v1::ChangeSet set;
    set.set_sealed_body(std::string(kEach, 's'));
    ASSERT_EQ(CommitPush(beto_.Push({beto_.Seal(set)})).verdicts.at(0).outcome(), v1::QUARANTINED);
  }
  v1::ChangeSet set;
  set.set_sealed_body(std::string(kEach, 's'));
  PushRequest push = beto_.Push({beto_.Seal(set)});
  push.redelivered = {Said(lost_, v1::APPLIED, beto_.sequence())};
  EXPECT_EQ(CommitPush(push).verdicts.at(0).outcome(), v1::QUARANTINED);
  EXPECT_TRUE(IsQuarantined(beto_.sequence()));
}

TEST_F(RedeliveryTest, NumbersOfChangeSetsEndBelowTheMarksOfOtherPartitions) {
  const v1::Change create = Create(PersonType(), ana_.NewId(), kJuarez, PersonNamed("Eva"));
  ana_.SkipTo(kMaxChangeSetSequence - 1);
  EXPECT_OK(PushFromHere(&ana_, create).status);
  EXPECT_THAT(PushFromHere(&ana_, create).status, StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(RedeliveryTest, DamagedWordOfAWaitingSetHoldsUpNobodyElse) {
  GoBack();
  beto_.epoch = lost_;
  const RecordId id = ana_.NewId();
  ASSERT_EQ(CommitAt(1, &beto_, {Edit(PersonType(), id, PersonNamed("Eva"))}).outcome(),
            v1::QUARANTINED);
  store_.reset();
  KvBatch damage;
  damage.Put(Table::kRejected, WaitingKey(kOaxaca, PersonType().type_id(), id, beto_.id(), 1),
             "\xff\xff");
  ASSERT_OK(home_.Open()->Write(damage, Durability::kSync));
  Reopen();
  EXPECT_EQ(Commit(&ana_, {Create(PersonType(), id, kJuarez, PersonNamed("Ana"))}).outcome(),
            v1::APPLIED);
}

}  // namespace
}  // namespace brigada
