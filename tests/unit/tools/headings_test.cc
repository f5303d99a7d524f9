#include "tools/brigada/headings.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;

TEST(HeadingsTest, PeopleReadThemInTheirLanguageAndProgramsByName) {
  EXPECT_THAT(Headings({"replica", "last_sync", "outcome"}, /*for_people=*/true),
              ElementsAre("réplica", "última sincronización", "outcome"));
  EXPECT_THAT(Headings({"replica", "last_sync", "outcome"}, /*for_people=*/false),
              ElementsAre("replica", "last_sync", "outcome"));
}

}  // namespace
}  // namespace brigada
