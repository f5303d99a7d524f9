#include "replica/territory/name_folding.h"

#include "gtest/gtest.h"

namespace brigada {
namespace {

TEST(FoldNameTest, DropsCaseAccentsAndPunctuation) {
  EXPECT_EQ(FoldName("Dr. Belisario DOMÍNGUEZ", Enye::kKept), "dr belisario dominguez");
  EXPECT_EQ(FoldName("  Güémez,  Tamps. ", Enye::kKept), "guemez tamps");
}

TEST(FoldNameTest, KeepsEnyeOrReadsItAsN) {
  EXPECT_EQ(FoldName("PEÑAMILLER", Enye::kKept), "peñamiller");
  EXPECT_EQ(FoldName("PEÑAMILLER", Enye::kAsN), "penamiller");
}

TEST(FoldNameTest, ComposedAndDecomposedFormsAgree) {
  EXPECT_EQ(FoldName("Pen\xCC\x83"
                     "amiller",
                     Enye::kKept),
            "peñamiller");
  EXPECT_EQ(FoldName("Jua\xCC\x81rez", Enye::kKept), "juarez");
}

TEST(FoldNameTest, FindsTheTildeBehindAnotherMark) {
  // n, dot below (ordered first), tilde.
  EXPECT_EQ(FoldName("n\xCC\xA3\xCC\x83", Enye::kKept), "ñ");
}

TEST(FoldNameTest, BytesThatAreNotUtf8FoldToNothing) {
  EXPECT_EQ(FoldName("Ju\xE1rez", Enye::kKept), "");
  EXPECT_EQ(FoldName("\xC3", Enye::kKept), "");
  EXPECT_EQ(FoldName("", Enye::kKept), "");
  EXPECT_EQ(FoldName("\xCC\x83 ...", Enye::kKept), "");
}

}  // namespace
}  // namespace brigada
