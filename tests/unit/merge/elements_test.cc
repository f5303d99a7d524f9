// SET, MAP, COUNTER and STATE.
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/merge/perspective.h"
#include "replica/merge/state.h"
#include "tests/unit/merge/history.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TEST(SetTest, ConcurrentAdditionsUnite) {
  History history;
  history.Commit(Create(Tag("a")), {'A', 1});
  history.Commit(Edit(Tag("b")), {'B', 2, 1});
  const ApplyResult result = history.Commit(Edit(Tag("c")), {'C', 2, 1});
  EXPECT_THAT(history.message().tags(), UnorderedElementsAre("a", "b", "c"));
  EXPECT_THAT(result.conflicts, IsEmpty());
}

TEST(SetTest, ConcurrentAddBeatsRemove) {
  for (const bool removal_first : {true, false}) {
    History history;
    history.Commit(Create(Tag("a")), {'A', 1});
    const auto add = [&] { history.Commit(Edit(Tag("a")), {'B', 2, 1}); };
    const auto remove = [&] { history.Commit(Remove(Tag("a")), {'C', 99, 1}); };
    if (removal_first) remove();
    add();
    if (!removal_first) remove();
    EXPECT_THAT(history.message().tags(), ElementsAre("a"));
  }
}

TEST(SetTest, RemovalOfWhatWasSeenRemoves) {
  History history;
  history.Commit(Create([](testing::Sample& s) {
                   s.add_tags("a");
                   s.add_tags("b");
                 }),
                 {'A', 1});
  const ApplyResult result = history.Commit(Remove(Tag("a")), {'B', 2, 1});
  EXPECT_THAT(history.message().tags(), ElementsAre("b"));
  EXPECT_TRUE(result.changed);
  EXPECT_THAT(result.lost_fields, IsEmpty());
}

TEST(SetTest, RemovalOfWhatIsAbsentIsLostWithoutChange) {
  History history;
  history.Commit(Create(Tag("a")), {'A', 1});
  const ApplyResult result = history.Commit(Remove(Tag("z")), {'B', 2, 1});
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(result.lost_fields, ElementsAre(6));
}

TEST(SetTest, ClearingRemovesOnlyWhatWasSeen) {
  History history;
  history.Commit(Create(Tag("a")), {'A', 1});
  history.Commit(Edit(Tag("b")), {'B', 2, 1});
  history.Commit(Clear(6), {'C', 3, 1});
  EXPECT_THAT(history.message().tags(), ElementsAre("b"));
}

TEST(MapTest, KeysMergeOneByOne) {
  History history;
  history.Commit(Create(Note("k", "0")), {'A', 1});
  history.Commit(Edit(Note("k", "b")), {'B', 9, 1});
  const ApplyResult result = history.Commit(Edit([](testing::Sample& s) {
                                              (*s.mutable_notes())["k"] = "c";
                                              (*s.mutable_notes())["l"] = "c";
                                            }),
                                            {'C', 5, 1});
  EXPECT_EQ(history.message().notes().at("k"), "b");
  EXPECT_EQ(history.message().notes().at("l"), "c");
  ASSERT_THAT(result.conflicts, SizeIs(1));
  EXPECT_EQ(result.conflicts[0].entry.policy(), v1::MAP);
  EXPECT_THAT(result.lost_fields, IsEmpty());
}

TEST(MapTest, ConcurrentPutBeatsRemove) {
  for (const bool removal_first : {true, false}) {
    History history;
    history.Commit(Create(Note("k", "0")), {'A', 1});
    if (removal_first) history.Commit(Remove(Note("k", "")), {'C', 99, 1});
    history.Commit(Edit(Note("k", "b")), {'B', 2, 1});
    if (!removal_first) history.Commit(Remove(Note("k", "")), {'C', 99, 1});
    EXPECT_EQ(history.message().notes().at("k"), "b");
  }
}

TEST(MapTest, KnowingRemoveRemovesAllVersions) {
  History history;
  history.Commit(Create(Note("k", "0")), {'A', 1});
  history.Commit(Edit(Note("k", "b")), {'B', 2, 1});
  history.Commit(Edit(Note("k", "c")), {'C', 3, 1});
  history.Commit(Remove(Note("k", "")), {'D', 4, 3});
  EXPECT_THAT(history.message().notes(), IsEmpty());
}

TEST(CounterTest, AmountsAddUpWhateverWasSeen) {
  History history;
  history.Commit(Create(Tally(5)), {'A', 1});
  history.Commit(Edit(Tally(3)), {'B', 9, 1});
  const ApplyResult result = history.Commit(Edit(Tally(-10)), {'C', 5, 1});
  EXPECT_EQ(history.message().tally(), -2);
  EXPECT_THAT(result.conflicts, IsEmpty());
}

TEST(CounterTest, OverflowIsRefused) {
  History history;
  history.Commit(Create(Tally(std::numeric_limits<int64_t>::max())), {'A', 1});
  const ApplyResult wide = history.Commit(Edit(Tally(1)), {'B', 2, 1});
  ASSERT_THAT(wide.refusals, SizeIs(1));
  EXPECT_EQ(wide.refusals[0].reason(), v1::COUNTER_OVERFLOW);
  const auto small = [](int32_t amount) {
    return [amount](testing::Sample& s) { s.set_small_tally(amount); };
  };
  history.Commit(Edit(small(INT32_MAX)), {'B', 3, 1});
  EXPECT_THAT(history.Commit(Edit(small(1)), {'C', 3, 1}).refusals, SizeIs(1));
  EXPECT_EQ(history.message().small_tally(), INT32_MAX);
}

TEST(CounterTest, CannotBeCleared) {
  History history;
  history.Commit(Create(Tally(5)), {'A', 1});
  WriteContext context;
  context.write = WriteBy({'B', 2, 1, 1}, 2);
  EXPECT_EQ(ApplyChange(&SampleType(), Clear(5), context, 0, &history.record()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(StateTest, NewRecordStartsInAnInitialState) {
  History history;
  const ApplyResult result = history.Commit(Create(State(testing::DONE)), {'A', 1});
  ASSERT_THAT(result.refusals, SizeIs(1));
  EXPECT_EQ(result.refusals[0].reason(), v1::ILLEGAL_TRANSITION);
  EXPECT_FALSE(history.record().exists());
  EXPECT_THAT(history.Commit(Create(Title("t")), {'A', 1}).refusals, IsEmpty());
}

TEST(StateTest, IllegalKnowingMoveIsRefused) {
  History history;
  history.Commit(Create(State(testing::DRAFT)), {'A', 1});
  history.Commit(Edit(State(testing::DONE)), {'A', 2, 1});
  const ApplyResult result = history.Commit(Edit(State(testing::DROPPED)), {'B', 3, 2});
  EXPECT_THAT(result.refusals, SizeIs(1));
  EXPECT_EQ(history.message().state(), testing::DONE);
}

TEST(StateTest, PrecedenceDecidesBetweenConcurrentMovesInEitherOrder) {
  for (const bool done_first : {true, false}) {
    History history;
    history.Commit(Create(State(testing::DRAFT)), {'A', 1});
    if (done_first) history.Commit(Edit(State(testing::DONE)), {'B', 2, 1});
    ApplyResult result = history.Commit(Edit(State(testing::DROPPED)), {'C', 9, 1});
    if (!done_first) result = history.Commit(Edit(State(testing::DONE)), {'B', 2, 1});
    EXPECT_EQ(history.message().state(), testing::DONE);
    ASSERT_THAT(result.conflicts, SizeIs(1));
    EXPECT_EQ(result.conflicts[0].entry.winner().user(), "user-B");
    EXPECT_EQ(result.conflicts[0].entry.losers(0).user(), "user-C");
    EXPECT_EQ(result.lost_fields.empty(), !done_first);
  }
}

TEST(StateTest, LegalMoveFromAnUnseenStateAppliesAndKeepsThatState) {
  History history;
  history.Commit(Create(State(testing::SAMPLE_STATE_UNSPECIFIED)), {'A', 1});
  history.Commit(Edit(State(testing::DROPPED)), {'B', 2, 1});
  const ApplyResult result = history.Commit(Edit(State(testing::DRAFT)), {'C', 3, 1});
  EXPECT_EQ(history.message().state(), testing::DRAFT);
  ASSERT_THAT(result.conflicts, SizeIs(1));
  EXPECT_EQ(result.conflicts[0].entry.losers(0).user(), "user-B");
}

TEST(StateTest, SameStateIsANoOp) {
  History history;
  history.Commit(Create(State(testing::DRAFT)), {'A', 1});
  const ApplyResult result = history.Commit(Edit(State(testing::DRAFT)), {'B', 2, 1});
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(result.refusals, IsEmpty());
}

TEST(StateTest, ChainOfAReplicaIsJudgedFromTheStateItBelievedIn) {
  History history;
  history.Commit(Create(State(testing::DRAFT)), {'A', 1});
  history.Commit(Edit(State(testing::DONE)), {'B', 2, 1});
  history.Commit(Edit(State(testing::DROPPED)), {'C', 3, 1});  // loses
  const ApplyResult result = history.Commit(Edit(State(testing::DRAFT)), {'C', 4, 1});
  EXPECT_THAT(result.refusals, IsEmpty());
  EXPECT_EQ(history.message().state(), testing::DONE);
}

TEST(StateTest, AReplicaThatLearntItsLossIsJudgedFromTheStoredState) {
  History history;
  history.Commit(Create(State(testing::DRAFT)), {'A', 1});
  history.Commit(Edit(State(testing::DONE)), {'B', 2, 1});
  history.Commit(Edit(State(testing::DROPPED)), {'C', 3, 1});  // loses
  const ApplyResult result = history.Commit(Edit(State(testing::DRAFT)), {'C', 4, 3});
  EXPECT_THAT(result.refusals, SizeIs(1));
}

// A state is remembered when it is replaced: after one that lost to it, though committed before.
TEST(StateTest, WhatLostIsBelievedInThoughWhatItMetWasReplacedSince) {
  FieldType field = *SampleType().FindField(testing::Sample::kStateFieldNumber);
  field.state_rules.Clear();
  for (const auto& [from, to] : {std::pair{1, 2}, {1, 3}, {2, 1}, {3, 4}}) {
    field.state_rules.add_transitions()->set_from(from);
    field.state_rules.mutable_transitions()->rbegin()->set_to(to);
  }
  for (const int state : {2, 3, 4, 1}) field.state_rules.add_precedence(state);
  const auto write = [](char replica, uint64_t origin, uint64_t commit) {
    WriteRef ref;
    ref.replica = *ReplicaId::FromBytes(std::string(ReplicaId::kSize, replica));
    ref.origin_sequence = origin;
    ref.sequence = commit;
    return ref;
  };
  Record record;
  record.writes = {write('A', 1, 1), write('D', 1, 4)};
  FieldState& stored = record.fields.emplace_back();
  stored.number = field.number;
  stored.slots.push_back(Slot{"", {Version{1, std::string("\x40\x01")}}});
  RememberState(field.number, 1, write('A', 1, 1), /*lost=*/false, &record);
  RememberState(field.number, 3, write('C', 1, 3), /*lost=*/true, &record);
  RememberState(field.number, 2, write('B', 1, 2), /*lost=*/false, &record);
  WriteContext context;
  context.write = write('C', 2, 5);
  context.seen = 2;
  SlotWrite move;
  move.number = field.number;
  move.field = &field;
  move.policy = v1::STATE;
  move.fragment = "\x40\x04";
  const StateDecision decision = DecideState(move, Perspective(context), record, /*creates=*/false);
  EXPECT_EQ(decision.verdict, StateVerdict::kMoves);
  EXPECT_TRUE(decision.is_concurrent);
}

TEST(AppendOnlyTest, EditIsRefusedAndTheFirstCreateStands) {
  History history(&AppendType());
  v1::Change create = Create(Title("said"));
  create.set_type_id(AppendType().type_id());
  history.Commit(create, {'A', 1});
  const ApplyResult edit = history.Commit(Edit(Title("unsaid")), {'A', 2, 1});
  ASSERT_THAT(edit.refusals, SizeIs(1));
  EXPECT_EQ(edit.refusals[0].reason(), v1::ALREADY_SET);
  create.set_values(Edit(Title("other")).values());
  const ApplyResult again = history.Commit(create, {'B', 9});
  EXPECT_THAT(again.conflicts, SizeIs(1));
  EXPECT_EQ(history.message().title(), "said");
}

}  // namespace
}  // namespace brigada
