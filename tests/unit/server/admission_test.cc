#include "server/admission.h"

#include <vector>

#include "gtest/gtest.h"

namespace brigada {
namespace {

constexpr absl::Duration kStart = absl::Hours(5);

AdmissionLimits Limits(size_t max_sessions, size_t max_new_per_second) {
  AdmissionLimits limits;
  limits.max_sessions = max_sessions;
  limits.max_new_per_second = max_new_per_second;
  return limits;
}

TEST(AdmissionTest, NoSecondSeesMoreThanItsShare) {
  Admission admission(Limits(1000, 10));
  int admitted = 0;
  for (int ms = 0; ms < 3000; ms += 10)
    admitted += admission.Ask(0, kStart + absl::Milliseconds(ms)).has_value() ? 0 : 1;
  EXPECT_EQ(admitted, 30);
}

TEST(AdmissionTest, WhoIsTurnedAwayTogetherComesBackOneAfterTheOther) {
  Admission admission(Limits(1000, 10));
  std::vector<absl::Duration> places;
  for (int i = 0; i < 50; ++i) {
    const auto place = admission.Ask(0, kStart);
    if (place.has_value()) places.push_back(*place);
  }
  ASSERT_EQ(places.size(), 40u);
  EXPECT_EQ(places.front(), absl::Seconds(1));
  // Eight of ten places a second: newcomers have the rest.
  for (size_t i = 1; i < places.size(); ++i)
    EXPECT_EQ(places[i] - places[i - 1], absl::Milliseconds(125));
}

TEST(AdmissionTest, AFullServerAdmitsNobodyAndGivesLaterPlaces) {
  Admission admission(Limits(2, 10));
  EXPECT_FALSE(admission.Ask(1, kStart).has_value());
  const auto place = admission.Ask(2, kStart);
  ASSERT_TRUE(place.has_value());
  EXPECT_GE(*place, absl::Seconds(30));
}

TEST(AdmissionTest, NobodyIsSentAwayForHours) {
  Admission admission(Limits(1000, 1));
  absl::Duration longest;
  for (int i = 0; i < 10'000; ++i)
    longest = std::max(longest, admission.Ask(0, kStart).value_or(absl::ZeroDuration()));
  EXPECT_LE(longest, absl::Minutes(10));
  EXPECT_GT(longest, absl::Minutes(9));
}

TEST(AdmissionTest, PlacesOfAQuietHourAgoAreForgotten) {
  Admission admission(Limits(1000, 1));
  for (int i = 0; i < 20; ++i) admission.Ask(0, kStart);
  const absl::Duration later = kStart + absl::Hours(1);
  EXPECT_FALSE(admission.Ask(0, later).has_value());
  EXPECT_EQ(admission.Ask(0, later), absl::Seconds(1));
}

}  // namespace
}  // namespace brigada
