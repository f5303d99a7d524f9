// LAST_WRITER, FIRST_WRITER, MAX, MIN and the scope: registers with one slot.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/merge/history.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint32_t kTitle = 1;
constexpr uint32_t kCode = 2;
constexpr uint32_t kFolio = 27;

TEST(LastWriterTest, KnowingWriteReplacesWhateverItsStamp) {
  History history;
  history.Commit(Create(Title("old")), {'A', 900});
  const ApplyResult result = history.Commit(Edit(Title("new")), {'B', 5, 1});
  EXPECT_EQ(history.message().title(), "new");
  EXPECT_THAT(result.conflicts, IsEmpty());
  EXPECT_THAT(result.lost_fields, IsEmpty());
}

TEST(LastWriterTest, HighestStampStandsAmongConcurrentWrites) {
  History history;
  history.Commit(Create(Title("old")), {'A', 1});
  history.Commit(Edit(Title("late")), {'B', 30, 1});
  const ApplyResult result = history.Commit(Edit(Title("early")), {'C', 20, 1});
  EXPECT_EQ(history.message().title(), "late");
  EXPECT_THAT(result.lost_fields, ElementsAre(kTitle));
  ASSERT_THAT(result.conflicts, SizeIs(1));
  const v1::Conflict& entry = result.conflicts[0].entry;
  EXPECT_EQ(entry.state(), v1::OPEN);
  EXPECT_EQ(entry.about_field(), kTitle);
  EXPECT_EQ(entry.policy(), v1::LAST_WRITER);
  EXPECT_EQ(entry.winner().user(), "user-B");
  EXPECT_EQ(entry.winner().at_ms(), 30);
  ASSERT_EQ(entry.losers_size(), 1);
  EXPECT_EQ(entry.losers(0).user(), "user-C");
  EXPECT_EQ(entry.losers(0).sequence(), 3);
  EXPECT_THAT(history.record().conflicts, SizeIs(1));
}

TEST(LastWriterTest, EqualConcurrentValuesAreNoConflict) {
  History history;
  history.Commit(Create(Title("old")), {'A', 1});
  history.Commit(Edit(Title("same")), {'B', 30, 1});
  const ApplyResult result = history.Commit(Edit(Title("same")), {'C', 20, 1});
  EXPECT_THAT(result.conflicts, IsEmpty());
  EXPECT_THAT(history.record().conflicts, IsEmpty());
}

TEST(LastWriterTest, DifferentFieldsBothApply) {
  History history;
  history.Commit(Create(Title("old")), {'A', 1});
  history.Commit(Edit(Title("new")), {'B', 30, 1});
  const ApplyResult result =
      history.Commit(Edit([](testing::Sample& s) { s.set_ratio(2.5); }), {'C', 20, 1});
  EXPECT_EQ(history.message().title(), "new");
  EXPECT_EQ(history.message().ratio(), 2.5);
  EXPECT_THAT(result.conflicts, IsEmpty());
}

TEST(LastWriterTest, ConcurrentClearCompetesByStamp) {
  History history;
  history.Commit(Create(Title("old")), {'A', 1});
  history.Commit(Clear(kTitle), {'B', 30, 1});
  const ApplyResult result = history.Commit(Edit(Title("early")), {'C', 20, 1});
  EXPECT_EQ(history.message().title(), "");
  ASSERT_THAT(result.conflicts, SizeIs(1));
  EXPECT_EQ(result.conflicts[0].entry.winner().value(), "");
}

TEST(LastWriterTest, OwnPendingChainIsNotConcurrentWithItself) {
  History history;
  history.Commit(Create(Title("old")), {'A', 1});
  history.Commit(Edit(Title("one")), {'B', 20, 1});
  const ApplyResult result = history.Commit(Edit(Title("two")), {'B', 21, 1});
  EXPECT_EQ(history.message().title(), "two");
  EXPECT_THAT(result.conflicts, IsEmpty());
}

// What one transaction writes twice, a retry of it writes twice too.
TEST(LastWriterTest, TwoChangesOfOneRetryAreNotConcurrentWithEachOther) {
  History history;
  history.Commit(Create(Title("old")), {'A', 1});
  WriteContext context;
  context.write = WriteBy({'B', 20, 1, 5}, 2);
  context.seen = 1;
  context.own_before = 3;
  history.Apply(Edit(Title("one")), context);
  const ApplyResult result = history.Apply(Edit(Title("two")), context);
  EXPECT_EQ(history.message().title(), "two");
  EXPECT_THAT(result.conflicts, IsEmpty());
  EXPECT_TRUE(DecodeRecord(&SampleType(), EncodeRecord(history.record())).ok());
}

TEST(LastWriterTest, ProvisionalChangeThatWasSeenIsNotConcurrent) {
  History history;
  history.Commit(Create(Title("old")), {'A', 1});
  history.Commit(Edit(Title("hub")), {'B', 90, 1, 7});
  WriteContext context;
  context.write = WriteBy({'C', 20, 1, 1}, 3);
  context.seen = 1;
  context.provisional.insert(Replica('B').AsBytes() + std::string("\0\0\0\0\0\0\0\7", 8));
  const ApplyResult result = history.Apply(Edit(Title("saw it")), context);
  EXPECT_EQ(history.message().title(), "saw it");
  EXPECT_THAT(result.conflicts, IsEmpty());
}

TEST(LastWriterTest, VersionsBeyondTheBoundGoEarliestFirstIntoTheConflict) {
  History history;
  history.Commit(Create(Title("old")), {'A', 1});
  ApplyResult result;
  for (int i = 0; i < 17; ++i) {
    const auto replica = static_cast<char>('B' + i);
    result = history.Commit(Edit(Title(std::string(1, replica))), {replica, 10 + i, 1});
  }
  const Slot& slot = history.record().FindField(kTitle)->slots[0];
  EXPECT_THAT(slot.versions, SizeIs(16));
  EXPECT_EQ(history.message().title(), "R");
  ASSERT_THAT(result.conflicts, SizeIs(1));
  const auto& losers = result.conflicts[0].entry.losers();
  EXPECT_EQ(losers.size(), 16);
  EXPECT_EQ(losers[15].user(), "user-B");
}

TEST(LastWriterTest, WhatWasJustWrittenIsKeptBeyondTheBound) {
  History history;
  history.Commit(Create(Title("old")), {'A', 1});
  for (int i = 0; i < 17; ++i) {
    const auto replica = static_cast<char>('B' + i);
    history.Commit(Edit(Title(std::string(1, replica))), {replica, 100 - i, 1});
  }
  const Slot& slot = history.record().FindField(kTitle)->slots[0];
  ASSERT_THAT(slot.versions, SizeIs(16));
  EXPECT_EQ(history.message().title(), "B");
  EXPECT_EQ(history.record().writes[slot.versions.back().write].replica, Replica('R'));
}

TEST(FirstWriterTest, KnowingChangeIsRefused) {
  History history;
  history.Commit(Create(Code("AA1")), {'A', 1});
  const std::string before = EncodedBytes(history.record());
  const ApplyResult result = history.Commit(Edit([](testing::Sample& s) {
                                              s.set_code("BB2");
                                              s.set_title("x");
                                            }),
                                            {'B', 9, 1});
  ASSERT_THAT(result.refusals, SizeIs(1));
  EXPECT_EQ(result.refusals[0].reason(), v1::ALREADY_SET);
  EXPECT_EQ(result.refusals[0].field(), kCode);
  EXPECT_EQ(EncodedBytes(history.record()), before);
}

TEST(FirstWriterTest, FirstCommittedStandsAndTheOtherIsKeptInAConflict) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  history.Commit(Edit(Code("AA1")), {'B', 10, 1});
  const ApplyResult result = history.Commit(Edit(Code("BB2")), {'C', 99, 1});
  EXPECT_EQ(history.message().code(), "AA1");
  EXPECT_THAT(result.lost_fields, ElementsAre(kCode));
  ASSERT_THAT(result.conflicts, SizeIs(1));
  EXPECT_EQ(result.conflicts[0].entry.losers(0).user(), "user-C");
}

TEST(FirstWriterTest, EqualValueSucceedsWithoutEffect) {
  History history;
  history.Commit(Create(Code("AA1")), {'A', 1});
  const ApplyResult result = history.Commit(Edit(Code("AA1")), {'B', 9, 1});
  EXPECT_THAT(result.refusals, IsEmpty());
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(result.lost_fields, ElementsAre(kCode));
}

TEST(FirstWriterTest, ClearingWhatWasNeverSetLeavesItUnset) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  history.Commit(Clear(kCode), {'B', 5, 1});
  const ApplyResult result = history.Commit(Edit(Code("AA1")), {'C', 9, 2});
  EXPECT_THAT(result.refusals, IsEmpty());
  EXPECT_EQ(history.message().code(), "AA1");
}

TEST(FolioTest, TwoFoliosOfOneFactAreSettledAndTheFirstStands) {
  History history;
  history.Commit(Create(Folio("OAX-AAAA-000001")), {'A', 10});
  const ApplyResult result = history.Commit(Create(Folio("OAX-BBBB-000007")), {'B', 99});
  EXPECT_THAT(result.refusals, IsEmpty());
  EXPECT_EQ(history.message().folio(), "OAX-AAAA-000001");
  EXPECT_THAT(result.lost_fields, ElementsAre(kFolio));
  ASSERT_THAT(result.conflicts, SizeIs(1));
  EXPECT_EQ(result.conflicts[0].entry.state(), v1::SETTLED);
  EXPECT_EQ(result.conflicts[0].entry.losers(0).user(), "user-B");
  EXPECT_THAT(history.record().conflicts, IsEmpty());
}

TEST(FolioTest, TheSameFactMadeAgainByAReplicaIsNotRefusedForItsFolio) {
  History history;
  history.Commit(Create(Folio("OAX-AAAA-000001")), {'A', 10});
  const ApplyResult result = history.Commit(Create(Folio("OAX-AAAA-000002")), {'A', 20});
  EXPECT_THAT(result.refusals, IsEmpty());
  EXPECT_EQ(history.message().folio(), "OAX-AAAA-000001");
  ASSERT_THAT(result.conflicts, SizeIs(1));
  EXPECT_EQ(result.conflicts[0].entry.state(), v1::SETTLED);
}

TEST(FolioTest, KnowingChangeIsRefused) {
  History history;
  history.Commit(Create(Folio("OAX-AAAA-000001")), {'A', 10});
  const ApplyResult result = history.Commit(Edit(Folio("OAX-AAAA-000009")), {'B', 20, 1});
  ASSERT_THAT(result.refusals, SizeIs(1));
  EXPECT_EQ(result.refusals[0].reason(), v1::ALREADY_SET);
}

TEST(MaxTest, GreatestConcurrentValueStandsAndIsSettled) {
  History history;
  history.Commit(Create(Peak(1)), {'A', 1});
  history.Commit(Edit(Peak(300)), {'B', 10, 1});
  const ApplyResult result = history.Commit(Edit(Peak(-5)), {'C', 99, 1});
  EXPECT_EQ(history.message().peak(), 300);
  ASSERT_THAT(result.conflicts, SizeIs(1));
  EXPECT_EQ(result.conflicts[0].entry.state(), v1::SETTLED);
  EXPECT_THAT(history.record().conflicts, IsEmpty());
}

TEST(MaxTest, KnowingLowerValueReplaces) {
  History history;
  history.Commit(Create(Peak(300)), {'A', 1});
  history.Commit(Edit(Peak(2)), {'B', 10, 1});
  EXPECT_EQ(history.message().peak(), 2);
}

TEST(MaxTest, OnceOnItStaysOnUntilClearedKnowingly) {
  History history;
  const Fill on = [](testing::Sample& s) { s.set_flag(true); };
  history.Commit(Create(Title("t")), {'A', 1});
  history.Commit(Edit(on), {'B', 10, 1});
  history.Commit(Clear(14), {'C', 99, 1});
  EXPECT_TRUE(history.message().flag());
  history.Commit(Clear(14), {'C', 100, 3});
  EXPECT_FALSE(history.message().flag());
}

TEST(MaxTest, EnumsCompareByRank) {
  History history;
  const auto rank = [](testing::SampleRank r) {
    return [r](testing::Sample& s) { s.set_rank(r); };
  };
  history.Commit(Create(rank(testing::LOW)), {'A', 1});
  history.Commit(Edit(rank(testing::HIGH)), {'B', 10, 1});
  history.Commit(Edit(rank(testing::MIDDLE)), {'C', 99, 1});
  EXPECT_EQ(history.message().rank(), testing::HIGH);
}

TEST(MinTest, LeastConcurrentValueStands) {
  History history;
  history.Commit(Create(Low(9)), {'A', 1});
  history.Commit(Edit(Low(-3)), {'B', 10, 1});
  history.Commit(Edit(Low(4)), {'C', 99, 1});
  EXPECT_EQ(history.message().low(), -3);
}

TEST(ScopeTest, MoveKeepsTheLevelsThatRemain) {
  History history;
  history.Commit(Create(Title("t"), "MX/20/067"), {'A', 1});
  history.Commit(Move("MX/20/068"), {'B', 2, 1});
  EXPECT_EQ(history.record().scope(), "MX/20/068");
  EXPECT_THAT(history.record().entered, ElementsAre(1, 2));
}

TEST(ScopeTest, ConcurrentMovesOpenAConflictAndOneStands) {
  History history;
  history.Commit(Create(Title("t"), "MX/20/067"), {'A', 1});
  history.Commit(Move("MX/20/068"), {'B', 9, 1});
  const ApplyResult result = history.Commit(Move("MX/20/069"), {'C', 5, 1});
  EXPECT_EQ(history.record().scope(), "MX/20/068");
  EXPECT_THAT(history.record().entered, ElementsAre(1, 2));
  EXPECT_THAT(result.lost_fields, ElementsAre(kScopeFieldNumber));
  ASSERT_THAT(result.conflicts, SizeIs(1));
  EXPECT_EQ(result.conflicts[0].field, kScopeFieldNumber);
}

TEST(ScopeTest, IsNotWrittenAsAField) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  v1::Change change = Edit(Title("x"));
  change.mutable_values()->append("\xfa\xff\xff\xff\x0f\x02MX");
  WriteContext context;
  context.write = WriteBy({'B', 2, 1, 1}, 2);
  EXPECT_EQ(ApplyChange(&SampleType(), change, context, 0, &history.record()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace brigada
