// A change that cites a conflict and takes one of its values: it decides, whatever the policy
// guards; any other value is judged as without the citation.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/merge/history.h"

namespace brigada {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

// Nothing waits any more, and the ledger says who decided.
void ExpectDecided(const History& history, const RecordId& conflict) {
  EXPECT_THAT(history.record().conflicts, IsEmpty());
  EXPECT_EQ(history.Entry(conflict).state(), v1::RESOLVED);
  EXPECT_EQ(history.Entry(conflict).resolved_by(), "user-D");
}

// DONE stands, DROPPED lost; from DONE no move leads anywhere.
class StateDecisionTest : public ::testing::Test {
 protected:
  StateDecisionTest() {
    history_.Commit(Create(State(testing::DRAFT)), {'A', 1});
    history_.Commit(Edit(State(testing::DONE)), {'B', 20, 1});
    opened_ = history_.Commit(Edit(State(testing::DROPPED)), {'C', 30, 1}).conflicts.at(0).id;
  }
  ApplyResult Decide(testing::SampleState state, const By& by) {
    return history_.Commit(Resolving(opened_, Edit(State(state))), by);
  }

  History history_;
  RecordId opened_;
};

TEST_F(StateDecisionTest, LoserCanBeChosenThoughNoMoveLeadsThere) {
  const ApplyResult result = Decide(testing::DROPPED, {'D', 40, 3});
  EXPECT_THAT(result.refusals, IsEmpty());
  EXPECT_THAT(result.lost_fields, IsEmpty());
  EXPECT_EQ(history_.message().state(), testing::DROPPED);
  ExpectDecided(history_, opened_);
  EXPECT_EQ(history_.Entry(opened_).winner().user(), "user-D");
  ASSERT_EQ(history_.Entry(opened_).losers_size(), 1);
  EXPECT_EQ(history_.Entry(opened_).losers(0).user(), "user-B");
}

TEST_F(StateDecisionTest, StandingStateCanBeConfirmed) {
  EXPECT_THAT(Decide(testing::DONE, {'D', 40, 3}).refusals, IsEmpty());
  EXPECT_EQ(history_.message().state(), testing::DONE);
  ExpectDecided(history_, opened_);
}

TEST_F(StateDecisionTest, StateThatNobodyWroteIsRefusedAndItStaysOpen) {
  const ApplyResult result = Decide(testing::DRAFT, {'D', 40, 3});
  ASSERT_THAT(result.refusals, SizeIs(1));
  EXPECT_EQ(result.refusals[0].reason(), v1::ILLEGAL_TRANSITION);
  EXPECT_THAT(history_.record().conflicts, SizeIs(1));
}

TEST_F(StateDecisionTest, WithoutCitingItTheLoserIsRefused) {
  const ApplyResult result = history_.Commit(Edit(State(testing::DROPPED)), {'D', 40, 3});
  ASSERT_THAT(result.refusals, SizeIs(1));
  EXPECT_EQ(result.refusals[0].reason(), v1::ILLEGAL_TRANSITION);
}

TEST_F(StateDecisionTest, WhatWasDecidedOnceIsNotTurnedRoundKnowingly) {
  Decide(testing::DONE, {'D', 40, 3});
  const ApplyResult result = Decide(testing::DROPPED, {'E', 50, 4});
  ASSERT_THAT(result.refusals, SizeIs(1));
  EXPECT_EQ(result.refusals[0].reason(), v1::ILLEGAL_TRANSITION);
}

TEST_F(StateDecisionTest, SecondDecisionThatHadNotSeenTheFirstIsAConflictAndNoRefusal) {
  Decide(testing::DROPPED, {'D', 40, 3});
  const ApplyResult result = Decide(testing::DONE, {'E', 50, 3});
  EXPECT_THAT(result.refusals, IsEmpty());
  ASSERT_THAT(history_.record().conflicts, SizeIs(1));
  EXPECT_NE(history_.record().conflicts[0].id, opened_);
  EXPECT_EQ(history_.message().state(), testing::DONE);
}

TEST_F(StateDecisionTest, StateTheDeciderHadNotSeenOpensAnother) {
  history_.Commit(Resolving(opened_, Edit(State(testing::DROPPED))), {'E', 40, 3});
  const RecordId second =
      history_.Commit(Edit(State(testing::DRAFT)), {'B', 45, 4}).conflicts.empty()
          ? opened_
          : history_.record().conflicts.at(0).id;
  EXPECT_EQ(second, opened_) << "a knowing, legal move is no conflict";
  Decide(testing::DONE, {'D', 50, 3});
  ASSERT_THAT(history_.record().conflicts, SizeIs(1));
  EXPECT_NE(history_.record().conflicts[0].id, opened_);
}

// AB1 stands, CD2 lost.
class FirstWriterDecisionTest : public ::testing::Test {
 protected:
  FirstWriterDecisionTest() {
    history_.Commit(Create(Title("t")), {'A', 1});
    history_.Commit(Edit(Code("AB1")), {'B', 20, 1});
    opened_ = history_.Commit(Edit(Code("CD2")), {'C', 30, 1}).conflicts.at(0).id;
  }
  ApplyResult Decide(const std::string& code, const By& by) {
    return history_.Commit(Resolving(opened_, Edit(Code(code))), by);
  }

  History history_;
  RecordId opened_;
};

TEST_F(FirstWriterDecisionTest, LoserCanBeChosenThoughItIsSetAlready) {
  const ApplyResult result = Decide("CD2", {'D', 40, 3});
  EXPECT_THAT(result.refusals, IsEmpty());
  EXPECT_THAT(result.lost_fields, IsEmpty());
  EXPECT_EQ(history_.message().code(), "CD2");
  ExpectDecided(history_, opened_);
}

TEST_F(FirstWriterDecisionTest, StandingValueCanBeConfirmed) {
  EXPECT_THAT(Decide("AB1", {'D', 40, 3}).refusals, IsEmpty());
  EXPECT_EQ(history_.message().code(), "AB1");
  ExpectDecided(history_, opened_);
}

TEST_F(FirstWriterDecisionTest, ValueThatNobodyWroteIsRefusedAndItStaysOpen) {
  const ApplyResult result = Decide("EF3", {'D', 40, 3});
  ASSERT_THAT(result.refusals, SizeIs(1));
  EXPECT_EQ(result.refusals[0].reason(), v1::ALREADY_SET);
  EXPECT_THAT(history_.record().conflicts, SizeIs(1));
  EXPECT_EQ(history_.message().code(), "AB1");
}

TEST_F(FirstWriterDecisionTest, ConflictOfAnotherFieldLetsNothingIn) {
  history_.Commit(Edit(Title("u")), {'B', 41, 1});
  const RecordId of_title = history_.Commit(Edit(Title("v")), {'C', 42, 1}).conflicts.at(0).id;
  const ApplyResult result = history_.Commit(Resolving(of_title, Edit(Code("CD2"))), {'D', 50, 5});
  ASSERT_THAT(result.refusals, SizeIs(1));
  EXPECT_EQ(result.refusals[0].reason(), v1::ALREADY_SET);
}

TEST_F(FirstWriterDecisionTest, WhatWasDecidedOnceIsNotTurnedRoundKnowingly) {
  Decide("CD2", {'D', 40, 3});
  const ApplyResult result = Decide("AB1", {'E', 50, 4});
  ASSERT_THAT(result.refusals, SizeIs(1));
  EXPECT_EQ(result.refusals[0].reason(), v1::ALREADY_SET);
}

TEST_F(FirstWriterDecisionTest, SecondDecisionThatHadNotSeenTheFirstIsAConflict) {
  Decide("CD2", {'D', 40, 3});
  const ApplyResult result = Decide("AB1", {'E', 50, 3});
  EXPECT_THAT(result.refusals, IsEmpty());
  EXPECT_EQ(history_.message().code(), "CD2");
  ASSERT_THAT(history_.record().conflicts, SizeIs(1));
  EXPECT_NE(history_.record().conflicts[0].id, opened_);
}

TEST(AppendOnlyDecisionTest, OneOfTheTwoCreatesIsChosenAndNothingElse) {
  History history(&AppendType());
  v1::Change create = Create(Title("said"));
  create.set_type_id(AppendType().type_id());
  history.Commit(create, {'A', 1});
  create.set_values(Edit(Title("other")).values());
  const RecordId id = history.Commit(create, {'B', 9}).conflicts.at(0).id;

  const ApplyResult third = history.Commit(Resolving(id, Edit(Title("third"))), {'D', 10, 2});
  ASSERT_THAT(third.refusals, SizeIs(1));
  EXPECT_EQ(third.refusals[0].reason(), v1::ALREADY_SET);

  EXPECT_THAT(history.Commit(Resolving(id, Edit(Title("other"))), {'D', 11, 2}).refusals,
              IsEmpty());
  EXPECT_EQ(history.message().title(), "other");
  ExpectDecided(history, id);
}

TEST(DecisionTest, KeyOfAMap) {
  History history;
  history.Commit(Create(Note("k", "old")), {'A', 1});
  history.Commit(Edit(Note("k", "b")), {'B', 20, 1});
  const RecordId id = history.Commit(Edit(Note("k", "c")), {'C', 30, 1}).conflicts.at(0).id;
  EXPECT_THAT(history.Commit(Resolving(id, Edit(Note("k", "b"))), {'D', 40, 3}).refusals,
              IsEmpty());
  EXPECT_EQ(history.message().notes().at("k"), "b");
  ExpectDecided(history, id);
}

TEST(DecisionTest, PlaceOfARecord) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  history.Commit(Move("MX/20/100"), {'B', 20, 1});
  const RecordId id = history.Commit(Move("MX/20/200"), {'C', 30, 1}).conflicts.at(0).id;
  EXPECT_THAT(history.Commit(Resolving(id, Move("MX/20/100")), {'D', 40, 3}).refusals, IsEmpty());
  EXPECT_EQ(history.record().scope(), "MX/20/100");
  ExpectDecided(history, id);
}

}  // namespace
}  // namespace brigada
