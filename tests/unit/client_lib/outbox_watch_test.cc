#include "client_lib/outbox_watch.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

using ::testing::StartsWith;

TEST(OutboxWatchTest, WorkThatDoesNotMoveIsAStall) {
  OutboxWatch watch(absl::Seconds(60));
  EXPECT_OK(watch.Look(3, 7, absl::Seconds(100)));
  EXPECT_OK(watch.Look(3, 7, absl::Seconds(159)));
  EXPECT_THAT(watch.Look(3, 7, absl::Seconds(160)),
              StatusIs(absl::StatusCode::kUnavailable, StartsWith("STALLED: 3 change sets")));
}

TEST(OutboxWatchTest, WhateverMovesStartsTheClockAnew) {
  OutboxWatch watch(absl::Seconds(60));
  EXPECT_OK(watch.Look(3, 7, absl::Seconds(100)));
  EXPECT_OK(watch.Look(2, 8, absl::Seconds(159)));
  EXPECT_OK(watch.Look(2, 8, absl::Seconds(218)));
  EXPECT_FALSE(watch.Look(2, 8, absl::Seconds(219)).ok());
}

TEST(OutboxWatchTest, AnEmptyOutboxNeverStalls) {
  OutboxWatch watch(absl::Seconds(60));
  for (int s = 0; s < 10'000; s += 10) EXPECT_OK(watch.Look(0, 7, absl::Seconds(s)));
  // The clock starts with the work, not before.
  EXPECT_OK(watch.Look(1, 7, absl::Seconds(10'020)));
}

}  // namespace
}  // namespace brigada
