#include "replica/crypto/secret_bytes.h"

#include <algorithm>
#include <array>
#include <new>
#include <string>

#include "gtest/gtest.h"

namespace brigada {
namespace {

bool IsWiped(const unsigned char* memory, size_t size) {
  return std::all_of(memory, memory + size, [](unsigned char byte) { return byte == 0; });
}

TEST(SecretBytesTest, NothingIsLeftInTheMemoryOfOneThatIsGone) {
  alignas(SecretBytes) std::array<unsigned char, sizeof(SecretBytes)> memory{};
  Sha256Digest digest = Sha256("secret");
  const Sha256Digest copy = digest;
  auto* const secret = new (memory.data()) SecretBytes(static_cast<Sha256Digest&&>(digest));
  EXPECT_EQ(secret->view(), AsView(copy));
  EXPECT_TRUE(IsWiped(digest.data(), digest.size())) << "it was taken";
  secret->~SecretBytes();
  EXPECT_TRUE(IsWiped(memory.data(), memory.size()));
}

TEST(SecretBytesTest, AWipedTextLeavesNothingWhereItStood) {
  std::string secret(100, 's');
  secret.resize(40);
  Wipe(&secret);
  EXPECT_TRUE(secret.empty());
  EXPECT_TRUE(IsWiped(reinterpret_cast<const unsigned char*>(secret.data()), secret.capacity()));
}

}  // namespace
}  // namespace brigada
