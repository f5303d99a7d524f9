#include "replica/schema/scope.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;

Scope S(absl::string_view path) {
  auto scope = Scope::Parse(path);
  EXPECT_OK(scope);
  return scope.value_or(Scope());
}

TEST(ScopeTest, TakesWellFormedPaths) {
  EXPECT_EQ(S("MX").depth(), 1);
  EXPECT_EQ(S("MX/20").depth(), 2);
  EXPECT_EQ(S("MX/20/067/0001/A1/ZZ").depth(), 6);
  EXPECT_EQ(S("MX/20/067").path(), "MX/20/067");
}

TEST(ScopeTest, RefusesMalformedPaths) {
  const std::vector<std::string> bad = {"",
                                        "US",
                                        "mx",
                                        "MX/",
                                        "/MX",
                                        "MX//20",
                                        "MX/20/",
                                        "MX/2o",
                                        "MX/ 20",
                                        "MX/20/067\n",
                                        "MXX",
                                        "MX/Ñ",
                                        "MX/1/2/3/4/5/6",
                                        "MX/" + std::string(17, '1'),
                                        std::string(1 << 20, '/'),
                                        std::string("MX/2\0", 5)};
  for (const std::string& path : bad)
    EXPECT_THAT(Scope::Parse(path), StatusIs(absl::StatusCode::kInvalidArgument)) << path.size();
}

TEST(ScopeTest, PartitionIsTheFirstTwoLevels) {
  EXPECT_EQ(S("MX/20/067/0001").partition(), "MX/20");
  EXPECT_EQ(S("MX/20").partition(), "MX/20");
  EXPECT_EQ(S("MX").partition(), "MX");
}

TEST(ScopeTest, ContainsItselfAndWhatLiesBelow) {
  EXPECT_TRUE(S("MX").Contains(S("MX/20/067")));
  EXPECT_TRUE(S("MX/20").Contains(S("MX/20")));
  EXPECT_FALSE(S("MX/20/067").Contains(S("MX/20")));
  EXPECT_FALSE(S("MX/2").Contains(S("MX/20")));
  EXPECT_FALSE(Scope().Contains(S("MX")));
  EXPECT_FALSE(S("MX").Contains(Scope()));
}

TEST(ScopeTest, AncestorIsThePathCut) {
  EXPECT_EQ(S("MX/20/067").Ancestor(1), S("MX"));
  EXPECT_EQ(S("MX/20/067").Ancestor(2), S("MX/20"));
  EXPECT_EQ(S("MX/20/067").Ancestor(3), S("MX/20/067"));
}

TEST(ScopeTest, LevelsStartAtThePartition) {
  EXPECT_THAT(S("MX/20/067/0001").LevelsInPartition(),
              ElementsAre(S("MX/20"), S("MX/20/067"), S("MX/20/067/0001")));
  EXPECT_THAT(S("MX/20").LevelsInPartition(), ElementsAre(S("MX/20")));
  EXPECT_THAT(S("MX").LevelsInPartition(), ElementsAre(S("MX")));
  EXPECT_THAT(Scope().LevelsInPartition(), ElementsAre());
}

TEST(ScopeTest, EmptyScopeNamesNothing) {
  EXPECT_TRUE(Scope().empty());
  EXPECT_EQ(Scope().depth(), 0);
  EXPECT_EQ(Scope().partition(), "");
}

TEST(ScopeTest, PartitionsAreTheNationAndStatesOfTwoDigits) {
  for (const char* path : {"MX", "MX/20", "MX/01", "MX/99"}) EXPECT_TRUE(Scope::IsPartition(path));
  for (const char* path :
       {"", "M", "XM", "MX/", "MX/2", "MX/200", "MX/2A", "MX/AB", "MX/20/", "MX/20/067", "MX-20"})
    EXPECT_FALSE(Scope::IsPartition(path)) << path;
}

}  // namespace
}  // namespace brigada
