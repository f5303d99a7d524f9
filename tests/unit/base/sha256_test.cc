#include "replica/base/sha256.h"

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace brigada {
namespace {

TEST(Sha256Test, MatchesThePublishedVector) {
  // FIPS 180-2, appendix B.1.
  EXPECT_EQ(absl::BytesToHexString(AsView(Sha256("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256Test, PartsAreSeparatedByTheirLengths) {
  EXPECT_NE(Sha256Parts({"ab", "c"}), Sha256Parts({"a", "bc"}));
  EXPECT_NE(Sha256Parts({""}), Sha256Parts({}));
}

}  // namespace
}  // namespace brigada
