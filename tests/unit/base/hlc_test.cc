#include "replica/base/hlc.h"

#include "gtest/gtest.h"

namespace brigada {
namespace {

TEST(HlcTest, TicksGrowWhileTheClockStandsStill) {
  HybridClock clock;
  const absl::Time now = absl::FromUnixMillis(1000);
  const Hlc first = clock.Tick(now);
  EXPECT_EQ(first.ToTime(), now);
  EXPECT_GT(clock.Tick(now), first);
}

TEST(HlcTest, LogicalPartCarriesIntoMilliseconds) {
  HybridClock clock;
  clock.Observe(Hlc{(uint64_t{1000} << 16) | 0xffff});
  const Hlc next = clock.Tick(absl::FromUnixMillis(5));
  EXPECT_EQ(next.value, uint64_t{1001} << 16);
}

TEST(HlcTest, ObservedPointIsPassed) {
  HybridClock clock;
  clock.Observe(Hlc::FromTime(absl::FromUnixMillis(9000)));
  EXPECT_GT(clock.Tick(absl::FromUnixMillis(10)), Hlc::FromTime(absl::FromUnixMillis(9000)));
}

TEST(HlcTest, PointOfAWrongClockIsLeftAndAnotherOneIsNot) {
  const absl::Time now = absl::FromUnixMillis(1'000'000);
  HybridClock clock;
  clock.Observe(Hlc::FromTime(now + absl::Seconds(59)));
  clock.LeaveFuture(now, absl::Minutes(1));
  EXPECT_EQ(clock.last(), Hlc::FromTime(now + absl::Seconds(59)));
  clock.Observe(Hlc::FromTime(now + absl::Hours(1)));
  clock.LeaveFuture(now, absl::Minutes(1));
  EXPECT_EQ(clock.Tick(now), Hlc::FromTime(now).Next());
}

TEST(HlcTest, ClocksOutsideTheRangeAreTakenAsItsEnds) {
  EXPECT_EQ(Hlc::FromTime(absl::FromUnixMillis(-5)).value, 0u);
  EXPECT_EQ(Hlc::FromTime(absl::InfiniteFuture()).value >> 16, (uint64_t{1} << 48) - 1);
}

}  // namespace
}  // namespace brigada
