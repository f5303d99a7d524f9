// The life of a conflict: opened once, carried on, decided by a change that cites it.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/merge/history.h"

namespace brigada {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class ConflictTest : public ::testing::Test {
 protected:
  ConflictTest() {
    history_.Commit(Create(Title("old")), {'A', 1});
    history_.Commit(Edit(Title("b")), {'B', 30, 1});
    opened_ = history_.Commit(Edit(Title("c")), {'C', 20, 1}).conflicts.at(0);
  }

  History history_;
  ConflictEvent opened_;
};

TEST_F(ConflictTest, LaterWriteOfAParticipantCarriesItOn) {
  const ApplyResult result = history_.Commit(Edit(Title("c2")), {'C', 40, 1});
  ASSERT_THAT(result.conflicts, SizeIs(1));
  EXPECT_EQ(result.conflicts[0].id, opened_.id);
  EXPECT_EQ(result.conflicts[0].entry.winner().value(), Edit(Title("c2")).values());
  EXPECT_THAT(history_.record().conflicts, SizeIs(1));
}

TEST_F(ConflictTest, KnowingWriteOfAThirdLeavesItOpen) {
  const ApplyResult result = history_.Commit(Edit(Title("d")), {'D', 40, 3});
  ASSERT_THAT(result.conflicts, SizeIs(1));
  const v1::Conflict& entry = result.conflicts[0].entry;
  EXPECT_EQ(result.conflicts[0].id, opened_.id);
  EXPECT_EQ(entry.state(), v1::OPEN);
  EXPECT_EQ(entry.winner().user(), "user-D");
  EXPECT_EQ(entry.losers_size(), 2);
}

TEST_F(ConflictTest, CitingWriteResolvesIt) {
  const ApplyResult result = history_.Commit(Resolving(opened_.id, Edit(Title("d"))), {'D', 40, 3});
  ASSERT_THAT(result.conflicts, SizeIs(1));
  const v1::Conflict& entry = result.conflicts[0].entry;
  EXPECT_EQ(entry.state(), v1::RESOLVED);
  EXPECT_EQ(entry.resolved_by(), "user-D");
  EXPECT_EQ(entry.resolved_at_ms(), 40);
  EXPECT_EQ(entry.winner().user(), "user-D");
  EXPECT_THAT(history_.record().conflicts, IsEmpty());
  EXPECT_EQ(history_.message().title(), "d");
}

TEST_F(ConflictTest, CitingAloneClosesItAndLeavesTheValueThatStands) {
  const ApplyResult result = history_.Commit(Resolving(opened_.id), {'D', 40, 3});
  ASSERT_THAT(result.conflicts, SizeIs(1));
  EXPECT_EQ(result.conflicts[0].entry.state(), v1::RESOLVED);
  EXPECT_EQ(result.conflicts[0].entry.policy(), v1::LAST_WRITER);
  EXPECT_EQ(history_.message().title(), "b");
  EXPECT_TRUE(result.changed);
  EXPECT_EQ(history_.record().sequence, 4);
}

TEST_F(ConflictTest, CitingAloneDecidesNothingWhileAValueIsThereThatTheDeciderHadNotSeen) {
  history_.Commit(Edit(Title("e")), {'E', 50, 1});
  const ApplyResult result = history_.Commit(Resolving(opened_.id), {'D', 60, 3});
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(result.conflicts, IsEmpty());
  EXPECT_THAT(result.lost_fields, ::testing::ElementsAre(0));
  EXPECT_THAT(history_.record().conflicts, SizeIs(1));
  EXPECT_EQ(history_.Entry(opened_.id).state(), v1::OPEN);
  // Whoever has seen it may.
  history_.Commit(Resolving(opened_.id), {'D', 70, 4});
  EXPECT_THAT(history_.record().conflicts, IsEmpty());
}

TEST_F(ConflictTest, CitingAloneBySomebodyWhoNeverSawTheRecordDecidesNothing) {
  EXPECT_FALSE(history_.Commit(Resolving(opened_.id), {'D', 60, 0}).changed);
  EXPECT_THAT(history_.record().conflicts, SizeIs(1));
}

TEST_F(ConflictTest, CitingWhatIsDecidedAlreadyHasNoEffect) {
  history_.Commit(Resolving(opened_.id), {'D', 40, 3});
  const ApplyResult result = history_.Commit(Resolving(opened_.id), {'E', 41, 3});
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(result.conflicts, IsEmpty());
  EXPECT_THAT(result.lost_fields, ::testing::ElementsAre(0));
}

TEST_F(ConflictTest, ValueTheDeciderHadNotSeenOpensAnother) {
  history_.Commit(Edit(Title("e")), {'E', 50, 1});
  const ApplyResult result = history_.Commit(Resolving(opened_.id, Edit(Title("d"))), {'D', 40, 3});
  ASSERT_THAT(result.conflicts, SizeIs(2));
  EXPECT_THAT(history_.record().conflicts, SizeIs(1));
  EXPECT_NE(history_.record().conflicts[0].id, opened_.id);
  EXPECT_EQ(history_.message().title(), "e");
}

TEST_F(ConflictTest, SecondDecisionIsAnOrdinaryWrite) {
  history_.Commit(Resolving(opened_.id, Edit(Title("d"))), {'D', 40, 3});
  const ApplyResult result = history_.Commit(Resolving(opened_.id, Edit(Title("e"))), {'E', 41, 3});
  ASSERT_THAT(result.conflicts, SizeIs(1));
  EXPECT_NE(result.conflicts[0].id, opened_.id);
  EXPECT_EQ(result.conflicts[0].entry.state(), v1::OPEN);
}

TEST_F(ConflictTest, ItsIdFollowsFromTheHistory) {
  History again;
  again.Commit(Create(Title("old")), {'A', 1});
  again.Commit(Edit(Title("b")), {'B', 30, 1});
  EXPECT_EQ(again.Commit(Edit(Title("c")), {'C', 20, 1}).conflicts.at(0).id, opened_.id);
}

TEST_F(ConflictTest, ExtendingKeepsEveryValueOnceLatestFirst) {
  v1::Conflict stored = opened_.entry;
  stored.set_about_type(60001);
  stored.set_about_record("id");
  for (int i = 0; i < 20; ++i) {
    const auto event =
        history_.Commit(Edit(Title("d" + std::to_string(i))), {'D', 100 + i, history_.sequence()})
            .conflicts.at(0);
    ExtendConflict(event.entry, &stored);
    ExtendConflict(event.entry, &stored);
  }
  EXPECT_EQ(stored.winner().value(), Edit(Title("d19")).values());
  ASSERT_EQ(stored.losers_size(), 21);
  for (int i = 0; i < 19; ++i)
    EXPECT_EQ(stored.losers(i).value(), Edit(Title("d" + std::to_string(18 - i))).values());
  EXPECT_EQ(stored.about_type(), 60001);
  EXPECT_EQ(stored.about_record(), "id");
}

}  // namespace
}  // namespace brigada
