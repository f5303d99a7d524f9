// Deletion, tombstones, new lives, and what meets them.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/schema/parked_edit.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/merge/history.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(DeletionTest, KnowingDeleteOpensNoConflict) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  const ApplyResult result = history.Commit(Delete(), {'B', 2, 1});
  EXPECT_TRUE(history.record().deleted);
  EXPECT_THAT(result.conflicts, IsEmpty());
  EXPECT_EQ(history.record().created().sequence, 1);
}

TEST(DeletionTest, DeleteWinsAndParksTheConcurrentEditsOfEachWriter) {
  History history;
  history.Commit(Create([](testing::Sample& s) {
                   s.set_title("t");
                   s.set_ratio(1);
                 }),
                 {'A', 1});
  history.Commit(Edit(Title("b")), {'B', 90, 1});
  history.Commit(Edit(Tag("c")), {'C', 91, 1});
  const ApplyResult result = history.Commit(Delete(), {'D', 5, 1});
  EXPECT_TRUE(history.record().deleted);
  ASSERT_THAT(result.conflicts, SizeIs(1));
  const v1::Conflict& entry = result.conflicts[0].entry;
  EXPECT_EQ(entry.about_field(), 0);
  EXPECT_TRUE(entry.winner().deletion());
  EXPECT_EQ(entry.winner().user(), "user-D");
  ASSERT_EQ(entry.losers_size(), 2);
  EXPECT_EQ(entry.losers(0).value(), Edit(Tag("c")).values());
  EXPECT_EQ(entry.losers(1).value(), Edit(Title("b")).values());
}

TEST(DeletionTest, LateEditIsParkedInTheSameConflict) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  history.Commit(Delete(), {'D', 5, 1});
  const ApplyResult first = history.Commit(Edit(Title("b")), {'B', 90, 1});
  EXPECT_TRUE(first.lost_whole);
  EXPECT_TRUE(first.changed);
  ASSERT_THAT(first.conflicts, SizeIs(1));
  EXPECT_EQ(first.conflicts[0].entry.losers(0).value(), Edit(Title("b")).values());
  const ApplyResult second = history.Commit(Edit(Title("c")), {'C', 90, 1});
  ASSERT_THAT(second.conflicts, SizeIs(1));
  EXPECT_EQ(second.conflicts[0].id, first.conflicts[0].id);
  EXPECT_TRUE(history.record().deleted);
}

TEST(DeletionTest, WhatAParkedEditTookAwayIsKept) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  history.Commit(Delete(), {'D', 5, 1});
  v1::Change edit = Remove(Tag("old"));
  edit.add_cleared(testing::Sample::kTitleFieldNumber);
  const ApplyResult result = history.Commit(edit, {'B', 90, 1});
  EXPECT_TRUE(result.lost_whole);
  ASSERT_THAT(result.conflicts, SizeIs(1));
  ASSERT_OK_AND_ASSIGN(const ParkedEdit parked,
                       ReadParkedValue(result.conflicts[0].entry.losers(0).value()));
  EXPECT_EQ(parked.removed, edit.removed());
  EXPECT_THAT(parked.cleared, ElementsAre(testing::Sample::kTitleFieldNumber));
}

TEST(DeletionTest, EveryParkedEditOfOneTransactionIsKept) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  history.Commit(Delete(), {'D', 5, 1});
  WriteContext context;
  context.write = WriteBy({'B', 90, 1, 1}, 3);
  context.seen = 1;
  v1::Conflict stored = history.Apply(Edit(Title("b")), context).conflicts.at(0).entry;
  ExtendConflict(history.Apply(Edit(Tag("c")), context).conflicts.at(0).entry, &stored);
  EXPECT_THAT(stored.losers(), SizeIs(2));
}

TEST(DeletionTest, EditOfWhatItsWriterSawDeletedIsRefused) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  history.Commit(Delete(), {'D', 5, 1});
  const ApplyResult result = history.Commit(Edit(Title("b")), {'B', 90, 2});
  ASSERT_THAT(result.refusals, SizeIs(1));
  EXPECT_EQ(result.refusals[0].reason(), v1::DELETED_RECORD);
}

TEST(DeletionTest, EditAndDeleteOfAnUnknownRecordAreRefused) {
  History history;
  for (const v1::Change& change : {Edit(Title("t")), Delete()}) {
    const ApplyResult result = history.Commit(change, {'A', 1});
    ASSERT_THAT(result.refusals, SizeIs(1));
    EXPECT_EQ(result.refusals[0].reason(), v1::UNKNOWN_RECORD);
    EXPECT_FALSE(history.record().exists());
  }
}

TEST(DeletionTest, SecondDeleteChangesNothing) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  history.Commit(Delete(), {'B', 2, 1});
  const ApplyResult result = history.Commit(Delete(), {'C', 3, 1});
  EXPECT_THAT(result.refusals, IsEmpty());
  EXPECT_FALSE(result.changed);
  EXPECT_TRUE(result.lost_whole);
  EXPECT_EQ(history.record().sequence, 2);
}

TEST(DeletionTest, WhollyLostChangeNamesNoFields) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  history.Commit(Delete(), {'B', 2, 1});
  const ApplyResult result = history.Commit(Resolving(SampleId(), Delete()), {'C', 3, 1});
  EXPECT_TRUE(result.lost_whole);
  EXPECT_THAT(result.lost_fields, IsEmpty());
}

TEST(DeletionTest, CreateThatSawTheTombstoneStartsANewLife) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  history.Commit(Delete(), {'B', 2, 1});
  history.Commit(Create(Code("AA1"), "MX/20"), {'C', 3, 2});
  EXPECT_TRUE(history.record().is_live());
  EXPECT_EQ(history.record().created().sequence, 3);
  EXPECT_EQ(history.message().title(), "");
  EXPECT_EQ(history.message().code(), "AA1");
  EXPECT_THAT(history.record().entered, ::testing::ElementsAre(3));
}

TEST(DeletionTest, ConcurrentCreateIsParked) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  history.Commit(Delete(), {'A', 2});
  const ApplyResult result = history.Commit(Create(Title("same fact")), {'B', 3});
  EXPECT_TRUE(result.lost_whole);
  EXPECT_TRUE(history.record().deleted);
  EXPECT_THAT(result.conflicts, SizeIs(1));
}

TEST(DeletionTest, EditOfTheEarlierLifeIsParkedAndTheNewLifeUntouched) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  history.Commit(Delete(), {'B', 2, 1});
  history.Commit(Create(Title("new")), {'C', 3, 2});
  const ApplyResult result = history.Commit(Edit(Title("late")), {'D', 99, 1});
  EXPECT_TRUE(result.lost_whole);
  EXPECT_EQ(history.message().title(), "new");
  ASSERT_THAT(result.conflicts, SizeIs(1));
  EXPECT_TRUE(result.conflicts[0].entry.winner().deletion());
  EXPECT_EQ(result.conflicts[0].entry.winner().user(), "user-B");
  // And a late deletion of the earlier life does not end the new one.
  EXPECT_TRUE(history.Commit(Delete(), {'D', 100, 1}).lost_whole);
  EXPECT_TRUE(history.record().is_live());
}

TEST(DeletionTest, OwnPendingChainOfDeleteAndCreateGoesThrough) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  history.Commit(Delete(), {'B', 2, 1});
  history.Commit(Create(Title("new")), {'B', 3, 1});
  const ApplyResult result = history.Commit(Edit(Title("newer")), {'B', 4, 1});
  EXPECT_FALSE(result.lost_whole);
  EXPECT_EQ(history.message().title(), "newer");
}

TEST(DeletionTest, SameFactRegisteredTwiceIsOneRecordAndLaterEditsOfBothApply) {
  History history;
  history.Commit(Create([](testing::Sample& s) {
                   s.set_title("t");
                   s.add_tags("qr");
                 }),
                 {'A', 1});
  const ApplyResult second = history.Commit(Create([](testing::Sample& s) {
                                              s.set_title("t");
                                              s.add_tags("list");
                                            }),
                                            {'B', 2});
  EXPECT_THAT(second.conflicts, IsEmpty());
  EXPECT_THAT(history.message().tags(), ::testing::UnorderedElementsAre("qr", "list"));
  EXPECT_EQ(history.record().created().replica, Replica('A'));
  history.Commit(Edit(Peak(4)), {'B', 3});
  EXPECT_EQ(history.message().peak(), 4);
}

TEST(DeletionTest, ParkedConflictIsDecidedByADeleteOrACreateThatCitesIt) {
  for (const bool restore : {true, false}) {
    History history;
    history.Commit(Create(Title("t")), {'A', 1});
    history.Commit(Delete(), {'D', 5, 1});
    const RecordId id = history.Commit(Edit(Title("b")), {'B', 9, 1}).conflicts[0].id;
    const ApplyResult result =
        history.Commit(Resolving(id, restore ? Create(Title("b")) : Delete()), {'C', 10, 3});
    ASSERT_THAT(result.conflicts, SizeIs(1));
    EXPECT_EQ(result.conflicts[0].id, id);
    EXPECT_EQ(result.conflicts[0].entry.state(), v1::RESOLVED);
    EXPECT_THAT(history.record().conflicts, IsEmpty());
    EXPECT_EQ(history.record().is_live(), restore);
  }
}

TEST(DeletionTest, WhatIsParkedUnseenKeepsTheConflictOpen) {
  for (const int how : {0, 1, 2}) {
    History history;
    history.Commit(Create(Title("t")), {'A', 1});
    history.Commit(Delete(), {'D', 5, 1});
    const RecordId id = history.Commit(Edit(Title("b")), {'B', 9, 1}).conflicts[0].id;
    history.Commit(Edit(Title("e")), {'E', 9, 1});
    const v1::Change change = how == 0 ? v1::Change() : how == 1 ? Delete() : Create(Title("b"));
    const ApplyResult result = history.Commit(Resolving(id, change), {'C', 10, 3});
    EXPECT_THAT(history.record().conflicts, SizeIs(1)) << how;
    EXPECT_EQ(history.Entry(id).state(), v1::OPEN) << how;
    EXPECT_EQ(history.record().is_live(), how == 2);
    EXPECT_TRUE(result.lost_whole || result.lost_fields == std::vector<uint32_t>{0}) << how;
  }
}

TEST(DeletionTest, EveryChangeOfAnErasedRecordIsRefused) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  history.Commit(Delete(), {'A', 2, 1});
  history.record().erased = true;
  for (const v1::Change& change : {Create(Title("x")), Edit(Title("x")), Delete()}) {
    const ApplyResult result = history.Commit(change, {'B', 9, 2});
    ASSERT_THAT(result.refusals, SizeIs(1));
    EXPECT_EQ(result.refusals[0].reason(), v1::DELETED_RECORD);
  }
}

}  // namespace
}  // namespace brigada
