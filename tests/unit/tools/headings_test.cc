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

TEST(HeadingsTest, TheBytesOfADeviceAreThoseOfItsLastSession) {
  EXPECT_THAT(
      Headings({"bytes_received", "bytes_sent"}, /*for_people=*/true),
      ElementsAre("bytes recibidos en la última sesión", "bytes enviados en la última sesión"));
}

}  // namespace
}  // namespace brigada
