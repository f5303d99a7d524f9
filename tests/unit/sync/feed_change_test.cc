#include "replica/sync/feed_change.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace brigada {
namespace {

using ::testing::SizeIs;

v1::Feed FeedOf(const std::string& scope, v1::FeedKind kind, v1::DataClass max_class) {
  v1::Feed feed;
  feed.set_scope(scope);
  feed.set_kind(kind);
  feed.set_max_class(max_class);
  return feed;
}

v1::Feed Below(const std::string& scope, v1::DataClass max_class = v1::SENSITIVE) {
  return FeedOf(scope, v1::BELOW, max_class);
}

v1::Cursor CursorOf(const std::vector<v1::Feed>& feeds, uint64_t complete, uint64_t scanned) {
  v1::Cursor cursor;
  cursor.set_partition("MX/20");
  cursor.mutable_feeds()->Assign(feeds.begin(), feeds.end());
  cursor.set_complete(complete);
  cursor.set_scanned(scanned);
  cursor.set_mac("mac");
  return cursor;
}

TEST(FeedChangeTest, NarrowedSubscriptionsKeepTheirPlace) {
  const v1::Cursor cursor =
      CursorForFeeds(CursorOf({Below("MX/20")}, 7, 9), {Below("MX/20/067", v1::PERSONAL)});
  EXPECT_EQ(cursor.complete(), 7U);
  EXPECT_EQ(cursor.scanned(), 9U);
  EXPECT_FALSE(cursor.has_held());
  EXPECT_EQ(cursor.mac(), "");
  ASSERT_THAT(cursor.feeds(), SizeIs(1));
  EXPECT_EQ(cursor.feeds(0).scope(), "MX/20/067");
}

TEST(FeedChangeTest, AddedSubscriptionsStartAtZeroAndTheOthersAreHeld) {
  const v1::Cursor cursor = CursorForFeeds(CursorOf({Below("MX/20/067")}, 7, 9),
                                           {Below("MX/20/039"), Below("MX/20/067")});
  EXPECT_EQ(cursor.scanned(), 0U);
  EXPECT_EQ(cursor.complete(), 0U);
  ASSERT_THAT(cursor.held().feeds(), SizeIs(1));
  EXPECT_EQ(cursor.held().feeds(0).scope(), "MX/20/067");
  EXPECT_EQ(cursor.held().complete(), 7U);
  EXPECT_EQ(cursor.held().scanned(), 9U);
}

TEST(FeedChangeTest, AWiderScopeHoldsTheNarrowOne) {
  const v1::Cursor cursor = CursorForFeeds(CursorOf({Below("MX/20/067")}, 7, 9), {Below("MX/20")});
  ASSERT_THAT(cursor.held().feeds(), SizeIs(1));
  EXPECT_EQ(cursor.held().feeds(0).scope(), "MX/20/067");
}

TEST(FeedChangeTest, ARaisedClassHoldsTheLowerOne) {
  const v1::Cursor cursor =
      CursorForFeeds(CursorOf({Below("MX/20", v1::PERSONAL)}, 7, 9), {Below("MX/20")});
  EXPECT_EQ(cursor.scanned(), 0U);
  ASSERT_THAT(cursor.held().feeds(), SizeIs(1));
  EXPECT_EQ(cursor.held().feeds(0).max_class(), v1::PERSONAL);
}

TEST(FeedChangeTest, OneForAnotherHoldsWhatBothShare) {
  const v1::Feed state = FeedOf("MX/20", v1::HERE, v1::OPERATIONAL);
  const v1::Cursor cursor =
      CursorForFeeds(CursorOf({Below("MX/20/067"), state}, 7, 9), {Below("MX/20/039"), state});
  ASSERT_THAT(cursor.held().feeds(), SizeIs(1));
  EXPECT_EQ(cursor.held().feeds(0).kind(), v1::HERE);
  EXPECT_FALSE(
      CursorForFeeds(CursorOf({Below("MX/20/067")}, 7, 9), {Below("MX/20/039")}).has_held());
}

TEST(FeedChangeTest, AnInterruptedFillHoldsOnlyWhatWasHeldBefore) {
  v1::Cursor filling = CursorOf({Below("MX/20/039"), Below("MX/20/067")}, 0, 3);
  *filling.mutable_held()->add_feeds() = Below("MX/20/067");
  filling.mutable_held()->set_complete(7);
  filling.mutable_held()->set_scanned(9);
  const v1::Cursor wider = CursorForFeeds(filling, {Below("MX/20")});
  EXPECT_EQ(wider.scanned(), 0U);
  ASSERT_THAT(wider.held().feeds(), SizeIs(1));
  EXPECT_EQ(wider.held().feeds(0).scope(), "MX/20/067");
  const v1::Cursor narrower = CursorForFeeds(filling, {Below("MX/20/039")});
  EXPECT_EQ(narrower.scanned(), 3U);
  EXPECT_FALSE(narrower.has_held());
}

TEST(FeedChangeTest, NothingToReadKeepsThePlaceForVerdicts) {
  const v1::Cursor cursor = CursorForFeeds(CursorOf({Below("MX/20")}, 7, 9), {});
  EXPECT_EQ(cursor.scanned(), 9U);
  EXPECT_FALSE(cursor.has_held());
}

TEST(FeedChangeTest, TheOrderOfFeedsDoesNotMatter) {
  const v1::Cursor cursor = CursorOf({Below("MX/20/067"), Below("MX/20/039")}, 1, 1);
  EXPECT_TRUE(IsForFeeds(cursor, {Below("MX/20/039"), Below("MX/20/067")}));
  EXPECT_FALSE(IsForFeeds(cursor, {Below("MX/20/039")}));
}

}  // namespace
}  // namespace brigada
