#include "client_lib/backoff.h"

#include "gtest/gtest.h"

namespace brigada {
namespace {

constexpr int kDraws = 1000;

BackoffOptions Options() {
  BackoffOptions options;
  options.initial_spread = absl::Seconds(30);
  options.min = absl::Seconds(1);
  options.max = absl::Minutes(10);
  return options;
}

TEST(BackoffTest, TheFirstTryFallsAnywhereInTheSpread) {
  SeededRandom random(1);
  Backoff backoff(Options(), &random);
  absl::Duration sum;
  for (int i = 0; i < kDraws; ++i) {
    const absl::Duration wait = backoff.First();
    ASSERT_GE(wait, absl::ZeroDuration());
    ASSERT_LT(wait, absl::Seconds(30));
    sum += wait;
  }
  EXPECT_GT(sum / kDraws, absl::Seconds(13));
  EXPECT_LT(sum / kDraws, absl::Seconds(17));
}

TEST(BackoffTest, FailuresWaitAtMostThreeTimesTheLastWaitUpToTheLongest) {
  SeededRandom random(2);
  Backoff backoff(Options(), &random);
  absl::Duration last = absl::Seconds(1);
  bool was_longest = false;
  for (int i = 0; i < kDraws; ++i) {
    const absl::Duration wait = backoff.Next({});
    ASSERT_GE(wait, absl::Seconds(1));
    ASSERT_LE(wait, std::min(absl::Minutes(10), last * 3));
    was_longest = was_longest || wait == absl::Minutes(10);
    last = wait;
  }
  EXPECT_TRUE(was_longest);
}

TEST(BackoffTest, AfterAGoodSessionTheFirstTryIsSpreadAndTheWaitsBeginAnew) {
  SeededRandom random(3);
  Backoff backoff(Options(), &random);
  for (int i = 0; i < 20; ++i) backoff.Next({});
  SessionEnd good;
  good.was_good = true;
  EXPECT_LT(backoff.Next(good), absl::Seconds(30));
  EXPECT_LE(backoff.Next({}), absl::Seconds(3));
}

TEST(BackoffTest, TheServersTimeIsObeyedToTheMillisecond) {
  SeededRandom random(4);
  Backoff backoff(Options(), &random);
  SessionEnd refused;
  refused.retry_after = absl::Milliseconds(12'345);
  EXPECT_EQ(backoff.Next(refused), absl::Milliseconds(12'345));
  refused.was_good = true;
  EXPECT_EQ(backoff.Next(refused), absl::Milliseconds(12'345));
}

TEST(BackoffTest, AServerThatAsksForTooLittleOrTooMuchIsNotBelieved) {
  SeededRandom random(5);
  Backoff backoff(Options(), &random);
  SessionEnd refused;
  refused.retry_after = absl::Milliseconds(1);
  EXPECT_EQ(backoff.Next(refused), absl::Seconds(1));
  refused.retry_after = absl::Hours(1000);
  EXPECT_EQ(backoff.Next(refused), absl::Hours(1));
}

TEST(BackoffTest, WithoutASpreadALostSessionIsStillNotTriedAtOnceByAll) {
  SeededRandom random(6);
  BackoffOptions options = Options();
  options.initial_spread = absl::ZeroDuration();
  Backoff backoff(options, &random);
  EXPECT_EQ(backoff.First(), absl::ZeroDuration());
  SessionEnd good;
  good.was_good = true;
  absl::Duration longest;
  for (int i = 0; i < kDraws; ++i) longest = std::max(longest, backoff.Next(good));
  EXPECT_GT(longest, absl::Milliseconds(900));
  EXPECT_LE(longest, absl::Seconds(1));
}

}  // namespace
}  // namespace brigada
