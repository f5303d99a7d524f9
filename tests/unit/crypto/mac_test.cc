#include "replica/crypto/mac.h"

#include "absl/strings/escaping.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/crypto/damage.h"

namespace brigada {
namespace {

using ::absl::StatusCode;

MacKey CountingKey() {
  std::string bytes;
  for (char c = 1; c <= 32; ++c) bytes.push_back(c);
  return MacKey::FromBytes(bytes).value();
}

// Made by another program from the definition in mac.h: cursors outlive a server's version.
TEST(MacTest, ValueIsTheGoldenOne) {
  EXPECT_EQ(absl::BytesToHexString(ComputeMac(CountingKey(), {"cursor", "", "MX/20"})),
            "9013c7cdeb31ebd8fc977df01a0eba8a");
}

TEST(MacTest, OwnMacVerifies) {
  const MacKey key = CountingKey();
  EXPECT_OK(VerifyMac(key, {"cursor", "MX/20"}, ComputeMac(key, {"cursor", "MX/20"})));
}

TEST(MacTest, EveryDamageIsNoticed) {
  const MacKey key = CountingKey();
  const std::string mac = ComputeMac(key, {"cursor", "MX/20"});
  std::vector<std::string> damaged = Truncations(mac);
  for (const std::string& flipped : BitFlips(mac)) damaged.push_back(flipped);
  damaged.push_back(mac + '\0');
  for (const std::string& bytes : damaged) {
    ASSERT_THAT(VerifyMac(key, {"cursor", "MX/20"}, bytes), StatusIs(StatusCode::kUnauthenticated));
  }
}

TEST(MacTest, OtherPartsOrKeyDoNotVerify) {
  const MacKey key = CountingKey();
  const std::string mac = ComputeMac(key, {"ab", "c"});
  EXPECT_THAT(VerifyMac(key, {"a", "bc"}, mac), StatusIs(StatusCode::kUnauthenticated));
  EXPECT_THAT(VerifyMac(key, {"ab", "c", ""}, mac), StatusIs(StatusCode::kUnauthenticated));
  EXPECT_THAT(VerifyMac(key, {"abc"}, mac), StatusIs(StatusCode::kUnauthenticated));
  EXPECT_THAT(VerifyMac(key, {}, mac), StatusIs(StatusCode::kUnauthenticated));
  EXPECT_THAT(VerifyMac(MacKey::Generate(SystemRandom()), {"ab", "c"}, mac),
              StatusIs(StatusCode::kUnauthenticated));
}

TEST(MacTest, KeyBytesRoundTrip) {
  const MacKey key = MacKey::Generate(SystemRandom());
  ASSERT_OK_AND_ASSIGN(const MacKey copy, MacKey::FromBytes(key.bytes()));
  EXPECT_EQ(copy.bytes(), key.bytes());
}

TEST(MacTest, KeyOfWrongSizeOrNeverWrittenIsRefused) {
  for (const size_t size : {size_t{0}, size_t{31}, size_t{33}}) {
    EXPECT_THAT(MacKey::FromBytes(std::string(size, 'k')), StatusIs(StatusCode::kInvalidArgument));
  }
  EXPECT_THAT(MacKey::FromBytes(std::string(32, '\0')), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace brigada
