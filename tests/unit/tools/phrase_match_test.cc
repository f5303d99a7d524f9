#include "tools/brigada/phrase_match.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;

TEST(PhraseMatchTest, StarsTakeWhatStandsBetweenTheWords) {
  EXPECT_THAT(MatchPhrase("open x: no table t. bye", "no table *."), Optional(ElementsAre("t")));
  EXPECT_THAT(MatchPhrase("a: longer than 120", "*: longer than *"),
              Optional(ElementsAre("a", "120")));
  EXPECT_THAT(MatchPhrase("the link is gone", "link"), Optional(ElementsAre()));
}

TEST(PhraseMatchTest, WordsThatAreMissingOrOutOfOrderDoNotMatch) {
  EXPECT_FALSE(MatchPhrase("no such table", "no such column").has_value());
  EXPECT_FALSE(MatchPhrase("b then a", "a*b").has_value());
}

TEST(PhraseMatchTest, PartsFillTheirPlaces) {
  EXPECT_EQ(FillPhrase("$1 y $0, $5 $ fin", {"a", "b"}), "b y a,  $ fin");
}

}  // namespace
}  // namespace brigada
