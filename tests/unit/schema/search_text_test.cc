#include "replica/schema/search_text.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(NormalizeNfcTest, ComposesWhatCanBeComposed) {
  EXPECT_EQ(NormalizeNfc("Jose\xcc\x81"), "José");
  EXPECT_EQ(NormalizeNfc("José"), "José");
  EXPECT_EQ(NormalizeNfc("n\xcc\x83"), "ñ");
  EXPECT_EQ(NormalizeNfc(""), "");
}

TEST(NormalizeNfcTest, LeavesInvalidUtf8AsItIs) { EXPECT_EQ(NormalizeNfc("a\xff"), "a\xff"); }

TEST(FoldTextTest, DropsAccentsAndCaseAndKeepsEnye) {
  EXPECT_EQ(FoldText("María Ñeco"), "maria ñeco");
  EXPECT_EQ(FoldText("GÜERO ÁÉÍÓÚ"), "guero aeiou");
  EXPECT_EQ(FoldText("MARIA"), "maria");
}

TEST(FoldTextTest, DoesNotDependOnTheForm) {
  EXPECT_EQ(FoldText("N\xcc\x83"
                     "eco Jose\xcc\x81"),
            FoldText("Ñeco José"));
}

TEST(FoldTextTest, DropsTheMarksOfIndigenousSpellings) { EXPECT_EQ(FoldText("Ṉu̱u̱ Ëë"), "nuu ee"); }

TEST(FoldTextTest, FindsTheTildeBehindAnotherMark) {
  // n, dot below (ordered first), tilde.
  EXPECT_EQ(FoldText("n\xcc\xa3\xcc\x83"), "ñ");
}

TEST(FoldTextTest, MarksAloneFoldToNothing) { EXPECT_EQ(FoldText("\xcc\x81"), ""); }

TEST(FoldTextTest, IsItsOwnFixedPoint) {
  for (const char* text : {"María Ñeco", "ÀÇ ẞ İ", "Ṉu̱u̱"})
    EXPECT_EQ(FoldText(FoldText(text)), FoldText(text)) << text;
}

TEST(FoldTextTest, TakesInvalidUtf8) {
  EXPECT_EQ(FoldText("A\xff"), "a\xff");
  EXPECT_EQ(FoldText(""), "");
}

TEST(SearchTokensTest, AreDistinctSortedWords) {
  EXPECT_THAT(SearchTokens("de la Cruz, María de"), ElementsAre("cruz", "de", "la", "maria"));
}

TEST(SearchTokensTest, EnyeIsAlsoFoundAsN) {
  EXPECT_THAT(SearchTokens("Muñoz"), ElementsAre("munoz", "muñoz"));
  EXPECT_THAT(SearchTokens("munoz"), ElementsAre("munoz"));
}

TEST(SearchTokensTest, ApostrophesJoinTheirSides) {
  EXPECT_THAT(SearchTokens("O'Brien D\u2019Angelo Ba\uA78Ca \u2018x\u2019"),
              ElementsAre("baa", "dangelo", "obrien", "x"));
}

TEST(SearchTokensTest, OtherSignsPartWords) {
  EXPECT_THAT(SearchTokens("Pérez-Gómez/2024 (b)_c"),
              ElementsAre("2024", "b", "c", "gomez", "perez"));
}

TEST(SearchTokensTest, OfNoWordsAreNone) {
  EXPECT_THAT(SearchTokens(""), IsEmpty());
  EXPECT_THAT(SearchTokens(" -- '' "), IsEmpty());
}

TEST(SearchTokensTest, LongWordsAreCutAtACharacter) {
  std::string word;
  for (int i = 0; i < 100; ++i) word += "é1ŋ";
  const auto tokens = SearchTokens(word);
  ASSERT_THAT(tokens, ::testing::SizeIs(1));
  EXPECT_LE(tokens[0].size(), kMaxTokenBytes);
  EXPECT_GT(tokens[0].size(), kMaxTokenBytes - 4);
  EXPECT_EQ(SearchTokens(tokens[0]), tokens);
}

}  // namespace
}  // namespace brigada
