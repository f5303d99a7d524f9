#include "tools/brigada/nearest.h"

#include "gtest/gtest.h"

namespace brigada {
namespace {

TEST(NearestTest, CountsInsertionsRemovalsChangesAndSwaps) {
  EXPECT_EQ(EditDistance("phones", "phones"), 0u);
  EXPECT_EQ(EditDistance("phnoes", "phones"), 1u);
  EXPECT_EQ(EditDistance("fones", "phones"), 2u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
}

TEST(NearestTest, SuggestsWhatIsCloseAndNothingElse) {
  const std::vector<std::string> names = {"people", "visits", "events"};

  EXPECT_EQ(NearestName("peopel", names), "people");
  EXPECT_EQ(NearestName("VISIT", names), "visits");
  EXPECT_EQ(NearestName("zzzzzz", names), "");
  EXPECT_EQ(NearestName("M", {"female", "male", "x"}), "");
  EXPECT_EQ(NearestName("7", {"female", "male", "x"}), "");
  EXPECT_EQ(NearestName("X", {"female", "male", "x"}), "x");
  EXPECT_EQ(NearestName("--user", {"--dir", "--role", "--out"}), "");
  EXPECT_EQ(NearestName("--rol", {"--dir", "--role", "--out"}), "--role");
  EXPECT_EQ(NearestName(std::string(100'000, 'x'), names), "");
}

TEST(NearestTest, TheFirstWordOfSeveralNamesNamesThemAll) {
  EXPECT_EQ(DidYouMean("revoke", {"devices", "revoke-device", "revoke-grant"}),
            " ¿Quiso decir revoke-device o revoke-grant?");
  EXPECT_EQ(DidYouMean("revoke", {"devices", "revoke-device"}), " ¿Quiso decir revoke-device?");
  EXPECT_EQ(DidYouMean("zzzz", {"devices", "revoke-device"}), "");
}

}  // namespace
}  // namespace brigada
