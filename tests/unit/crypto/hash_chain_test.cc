#include "replica/crypto/hash_chain.h"

#include <set>
#include <string>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace brigada {
namespace {

std::string Hex(const Sha256Digest& digest) { return absl::BytesToHexString(AsView(digest)); }

std::string Replica() {
  std::string bytes;
  for (char c = 0; c < 16; ++c) bytes.push_back(c);
  return bytes;
}

// Made by another program from the definition in hash_chain.h. A change here is a new format.
TEST(HashChainTest, ValuesAreTheGoldenOnes) {
  const ChainValue start = ChainStart(Replica(), "MX/20");
  EXPECT_EQ(Hex(start), "63ba1af533a72a727e3f0603cb96a0220109480f3e8f29fc50f1b0de4048ad5b");
  const Sha256Digest body = BodyHash(std::string(16, 's'), "body");
  EXPECT_EQ(Hex(body), "ea2e0c0acbad4142c1fc92b0c0626b69a2d581e529270416e8ccbbf027e9b955");
  const ChainValue first = NextChain(start, "header", body);
  EXPECT_EQ(Hex(first), "2277adbf1d24048e36278432d0295317ce61ae17f3c0b55e3a0edbf202d2d9a1");
  const ChainValue second = NextChain(first, "", BodyHash("", ""));
  EXPECT_EQ(Hex(second), "be37864c346d12cb81ef8d20fcb9be9d2bfe3e34f5deb6c750d65c7a981ca9e6");
}

TEST(HashChainTest, EveryInputChangesTheValue) {
  const ChainValue start = ChainStart(Replica(), "MX/20");
  const Sha256Digest body = BodyHash("salt", "body");
  const std::set<std::string> values = {
      Hex(start),
      Hex(ChainStart(Replica(), "MX/21")),
      Hex(ChainStart(std::string(16, 'r'), "MX/20")),
      Hex(NextChain(start, "header", body)),
      Hex(NextChain(start, "headeR", body)),
      Hex(NextChain(start, "header", BodyHash("salT", "body"))),
      Hex(NextChain(start, "header", BodyHash("salt", "bodY"))),
      Hex(NextChain(NextChain(start, "header", body), "header", body)),
  };
  EXPECT_EQ(values.size(), 8U);
}

TEST(HashChainTest, BytesDoNotMoveBetweenParts) {
  EXPECT_NE(BodyHash("ab", "c"), BodyHash("a", "bc"));
  EXPECT_NE(ChainStart("ab", "c"), ChainStart("a", "bc"));
}

TEST(HashChainTest, ChainGoesOnOverAnErasedBody) {
  const ChainValue start = ChainStart(Replica(), "MX/20");
  const Sha256Digest kept_hash = BodyHash("salt", "body that was erased since");
  EXPECT_EQ(NextChain(start, "header", kept_hash),
            NextChain(start, "header", BodyHash("salt", "body that was erased since")));
}

}  // namespace
}  // namespace brigada
