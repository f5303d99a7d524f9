// A change as its own writer sees it, deltas, and effective stamps.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/merge/history.h"

namespace brigada {
namespace {

using ::testing::SizeIs;

void Overlay(const v1::Change& change, uint64_t origin, Record* record) {
  EXPECT_OK(OverlayChange(&SampleType(), change, WriteBy({'Z', 1, 0, origin}, 0), nullptr, record));
}

TEST(OverlayTest, ShowsTheWritersOwnValueWhateverThePolicy) {
  History history;
  history.Commit(Create([](testing::Sample& s) {
                   s.set_title("t");
                   s.set_code("AA1");
                   s.set_peak(9);
                   s.set_state(testing::DRAFT);
                   s.set_tally(2);
                 }),
                 {'A', 900});
  Overlay(Edit([](testing::Sample& s) {
            s.set_title("mine");
            s.set_code("BB2");
            s.set_peak(1);
            s.set_state(testing::DONE);
            s.set_tally(3);
          }),
          1, &history.record());
  const testing::Sample view = history.message();
  EXPECT_EQ(view.title(), "mine");
  EXPECT_EQ(view.code(), "BB2");
  EXPECT_EQ(view.peak(), 1);
  EXPECT_EQ(view.state(), testing::DONE);
  EXPECT_EQ(view.tally(), 5);
  EXPECT_EQ(history.record().updated().sequence, 0);
  EXPECT_EQ(history.record().sequence, 1);
}

TEST(OverlayTest, EditOfAnAbsentOrDeletedRecordDoesNothing) {
  Record absent;
  Overlay(Edit(Title("t")), 1, &absent);
  EXPECT_FALSE(absent.exists());
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  history.Commit(Delete(), {'A', 2});
  Overlay(Edit(Title("t")), 1, &history.record());
  EXPECT_TRUE(history.record().deleted);
}

TEST(OverlayTest, PendingRecordIsCreatedEditedAndDeleted) {
  Record record;
  Overlay(Create(Title("t")), 1, &record);
  Overlay(Edit(Title("u")), 2, &record);
  EXPECT_EQ(record.Message(), Edit(Title("u")).values());
  EXPECT_EQ(record.created().origin_sequence, 1);
  EXPECT_EQ(record.updated().origin_sequence, 2);
  Overlay(Delete(), 3, &record);
  EXPECT_FALSE(record.is_live());
}

TEST(OverlayTest, LostFieldsAreLeftOutAndAWhollyLostChangeToo) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  v1::Verdict::Lost lost;
  const v1::Change change = Edit([](testing::Sample& s) {
    s.set_title("lost");
    s.set_peak(4);
  });
  const WriteRef write = WriteBy({'Z', 1, 0, 1}, 2);
  ASSERT_OK(OverlayChange(&SampleType(), change, write, &lost, &history.record()));
  EXPECT_EQ(history.message().peak(), 0);
  lost.add_fields(1);
  ASSERT_OK(OverlayChange(&SampleType(), change, write, &lost, &history.record()));
  EXPECT_EQ(history.message().title(), "t");
  EXPECT_EQ(history.message().peak(), 4);
  EXPECT_EQ(history.record().sequence, 2);
}

TEST(OverlayTest, CounterStopsAtItsBound) {
  Record record;
  Overlay(Create(Tally(INT64_MAX)), 1, &record);
  Overlay(Edit(Tally(1)), 2, &record);
  EXPECT_EQ(record.Message(), Create(Tally(INT64_MAX)).values());
}

TEST(DeltaTest, HasTheFieldsChangedAfterThePositionAlone) {
  History history;
  history.Commit(Create([](testing::Sample& s) {
                   s.set_title("t");
                   s.set_peak(1);
                 }),
                 {'A', 1});
  history.Commit(Edit(Peak(2)), {'B', 2, 1});
  const Record delta = RecordDelta(history.record(), 1);
  EXPECT_THAT(delta.fields, SizeIs(1));
  EXPECT_NE(delta.FindField(3), nullptr);
  EXPECT_EQ(delta.created(), history.record().created());
  EXPECT_EQ(delta.sequence, 2);
}

TEST(DeltaTest, OlderDeltaChangesNothing) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  const Record old = RecordDelta(history.record(), 0);
  history.Commit(Edit(Title("u")), {'B', 2, 1});
  Record base = history.record();
  MergeDelta(old, false, &base);
  EXPECT_EQ(EncodedBytes(base), EncodedBytes(history.record()));
  MergeDelta(old, true, &base);
  EXPECT_EQ(EncodedBytes(base), EncodedBytes(old));
}

TEST(DeltaTest, DeltaOfANewLifeLeavesNothingOfTheOld) {
  History history;
  history.Commit(Create(Title("old")), {'A', 1});
  Record base = history.record();
  history.Commit(Delete(), {'A', 2, 1});
  history.Commit(Create(Peak(3)), {'A', 3, 2});
  MergeDelta(RecordDelta(history.record(), 1), false, &base);
  EXPECT_EQ(EncodedBytes(base), EncodedBytes(history.record()));
}

TEST(DeltaTest, ErasedTombstoneWinsOverEverything) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  Record erased = history.record();
  history.Commit(Edit(Title("u")), {'A', 2, 1});
  ASSERT_OK(OverlayChange(&SampleType(), Delete(), WriteBy({'S', 3, 0, 1}, 1), nullptr, &erased));
  erased.erased = true;
  Record base = history.record();
  MergeDelta(erased, false, &base);
  EXPECT_TRUE(base.erased);
  MergeDelta(history.record(), true, &base);
  EXPECT_TRUE(base.erased);
  EXPECT_EQ(base.Message(), "");
}

TEST(EffectiveStampTest, IsLoweredToTheCeilingAndRaisedAboveWhatItReplaces) {
  const Hlc ceiling{1000};
  EXPECT_EQ(EffectiveStamp(Hlc{500}, ceiling, Hlc{}, Hlc{}), Hlc{500});
  EXPECT_EQ(EffectiveStamp(Hlc{5000}, ceiling, Hlc{}, Hlc{}), Hlc{1000});
  EXPECT_EQ(EffectiveStamp(Hlc{1}, ceiling, Hlc{300}, Hlc{200}), Hlc{301});
  EXPECT_EQ(EffectiveStamp(Hlc{1}, ceiling, Hlc{300}, Hlc{400}), Hlc{401});
}

TEST(EffectiveStampTest, HighestReplacedLooksAtSeenVersionsOfTheWrittenSlots) {
  History history;
  history.Commit(Create(Title("t")), {'A', 7});
  history.Commit(Edit(Peak(2)), {'B', 90, 1});
  history.Commit(Edit(Title("u")), {'B', 50, 1});
  WriteContext context;
  context.write = WriteBy({'C', 1, 0, 1}, 4);
  const auto highest = [&](const v1::Change& change, uint64_t seen) {
    context.seen = seen;
    const auto stamp = HighestReplaced(&SampleType(), change, context, history.record());
    EXPECT_OK(stamp);
    return stamp.ok() ? static_cast<int64_t>(stamp->value >> 16) : -1;
  };
  EXPECT_EQ(highest(Edit(Title("v")), 3), 50);
  EXPECT_EQ(highest(Edit(Title("v")), 2), 0);
  EXPECT_EQ(highest(Edit(Low(1)), 3), 0);
  EXPECT_EQ(highest(Delete(), 3), 90);
}

}  // namespace
}  // namespace brigada
