#include "replica/crypto/signing_key.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "absl/strings/escaping.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/crypto/damage.h"

namespace brigada {
namespace {

using ::absl::StatusCode;

SigningKey NewKey() {
  absl::StatusOr<SigningKey> key = SigningKey::Generate();
  EXPECT_OK(key);
  return std::move(key).value();
}

std::string SignOrDie(const SigningKey& key, absl::string_view message) {
  const absl::StatusOr<std::string> signature = key.Sign(message);
  EXPECT_OK(signature);
  return signature.value_or("");
}

struct KeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using OtherKey = std::unique_ptr<EVP_PKEY, KeyFree>;

std::string PublicDer(EVP_PKEY* key) {
  std::string der(static_cast<size_t>(i2d_PUBKEY(key, nullptr)), '\0');
  auto* cursor = reinterpret_cast<unsigned char*>(der.data());
  i2d_PUBKEY(key, &cursor);
  return der;
}

std::string PrivatePem(EVP_PKEY* key, const EVP_CIPHER* cipher, std::string password) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, password.data(),
                                static_cast<int>(password.size()), nullptr, nullptr);
  std::string pem(BIO_ctrl_pending(bio), '\0');
  BIO_read(bio, pem.data(), static_cast<int>(pem.size()));
  BIO_free(bio);
  return pem;
}

TEST(SigningKeyTest, SignatureVerifiesWithThePublicKey) {
  const SigningKey key = NewKey();
  EXPECT_OK(SigningKey::VerifySignature(key.PublicKeyDer(), "chain", SignOrDie(key, "chain")));
}

TEST(SigningKeyTest, EmptyMessageCanBeSigned) {
  const SigningKey key = NewKey();
  EXPECT_OK(SigningKey::VerifySignature(key.PublicKeyDer(), "", SignOrDie(key, {})));
}

TEST(SigningKeyTest, AnotherMessageOrKeyIsUnauthenticated) {
  const SigningKey key = NewKey();
  const std::string signature = SignOrDie(key, "chain");
  EXPECT_THAT(SigningKey::VerifySignature(key.PublicKeyDer(), "chaim", signature),
              StatusIs(StatusCode::kUnauthenticated));
  EXPECT_THAT(SigningKey::VerifySignature(NewKey().PublicKeyDer(), "chain", signature),
              StatusIs(StatusCode::kUnauthenticated));
}

TEST(SigningKeyTest, DamagedSignatureIsUnauthenticated) {
  const SigningKey key = NewKey();
  const std::string signature = SignOrDie(key, "chain");
  std::vector<std::string> damaged = Truncations(signature);
  for (const std::string& flipped : BitFlips(signature)) damaged.push_back(flipped);
  damaged.push_back(signature + '\0');
  for (const std::string& bytes : damaged) {
    ASSERT_THAT(SigningKey::VerifySignature(key.PublicKeyDer(), "chain", bytes),
                StatusIs(StatusCode::kUnauthenticated))
        << absl::BytesToHexString(bytes);
  }
}

TEST(SigningKeyTest, DamagedPublicKeyNeverVerifies) {
  const SigningKey key = NewKey();
  const std::string signature = SignOrDie(key, "chain");
  const std::string public_key = key.PublicKeyDer();
  for (const std::string& bytes : Truncations(public_key)) {
    ASSERT_THAT(SigningKey::VerifySignature(bytes, "chain", signature),
                StatusIs(StatusCode::kInvalidArgument));
  }
  // A flipped bit takes the point off the curve; nothing flipped is another spelling of the same
  // key.
  for (const std::string& bytes : BitFlips(public_key)) {
    ASSERT_THAT(SigningKey::VerifySignature(bytes, "chain", signature),
                StatusIs(StatusCode::kInvalidArgument))
        << absl::BytesToHexString(bytes);
  }
  EXPECT_THAT(SigningKey::VerifySignature(public_key + "x", "chain", signature),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST(SigningKeyTest, PublicKeyOfAnotherKindIsRefused) {
  const OtherKey p384(EVP_EC_gen("P-384"));
  const OtherKey koblitz(EVP_EC_gen("secp256k1"));
  const OtherKey edwards(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  for (EVP_PKEY* key : {p384.get(), koblitz.get(), edwards.get()}) {
    EXPECT_THAT(SigningKey::VerifySignature(PublicDer(key), "chain", "signature"),
                StatusIs(StatusCode::kInvalidArgument));
    EXPECT_THAT(SigningKey::FromPem(PrivatePem(key, nullptr, "")),
                StatusIs(StatusCode::kInvalidArgument));
  }
}

TEST(SigningKeyTest, SpelledOutCurveIsRefused) {
  const OtherKey key(EVP_EC_gen("P-256"));
  ASSERT_EQ(EVP_PKEY_set_utf8_string_param(key.get(), "encoding", "explicit"), 1);
  EXPECT_THAT(SigningKey::VerifySignature(PublicDer(key.get()), "chain", "signature"),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(SigningKey::FromPem(PrivatePem(key.get(), nullptr, "")),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST(SigningKeyTest, CompressedAndHybridPointsAreRefused) {
  for (const char* form : {"compressed", "hybrid"}) {
    const OtherKey key(EVP_EC_gen("P-256"));
    ASSERT_EQ(EVP_PKEY_set_utf8_string_param(key.get(), "point-format", form), 1);
    EXPECT_THAT(SigningKey::VerifySignature(PublicDer(key.get()), "chain", "signature"),
                StatusIs(StatusCode::kInvalidArgument))
        << form;
  }
}

TEST(SigningKeyTest, PointAtInfinityIsRefused) {
  const std::string valid = NewKey().PublicKeyDer();
  // The header of a key with its lengths made right for the one byte 00.
  const std::string der =
      absl::HexStringToBytes("3019") + valid.substr(2, 21) + absl::HexStringToBytes("03020000");
  EXPECT_THAT(SigningKey::VerifySignature(der, "chain", "signature"),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST(SigningKeyTest, PemRoundTripKeepsTheKey) {
  const SigningKey key = NewKey();
  const std::string pem = key.ToPem();
  EXPECT_EQ(pem.find("-----BEGIN PRIVATE KEY-----"), 0U);
  ASSERT_OK_AND_ASSIGN(const SigningKey read, SigningKey::FromPem(pem));
  EXPECT_EQ(read.PublicKeyDer(), key.PublicKeyDer());
  EXPECT_OK(SigningKey::VerifySignature(key.PublicKeyDer(), "chain", SignOrDie(read, "chain")));
}

TEST(SigningKeyTest, EncryptedPemIsRefusedWithoutAskingForAPassword) {
  const OtherKey key(EVP_EC_gen("P-256"));
  EXPECT_THAT(SigningKey::FromPem(PrivatePem(key.get(), EVP_aes_256_cbc(), "secret")),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST(SigningKeyTest, DamagedPemIsRefusedOrStillAKeyThatSigns) {
  const std::string pem = NewKey().ToPem();
  std::vector<std::string> damaged = Truncations(pem);
  for (const std::string& flipped : BitFlips(pem, 3)) damaged.push_back(flipped);
  size_t refused = 0;
  for (const std::string& bytes : damaged) {
    const absl::StatusOr<SigningKey> key = SigningKey::FromPem(bytes);
    if (!key.ok()) {
      ASSERT_THAT(key, StatusIs(StatusCode::kInvalidArgument));
      ++refused;
      continue;
    }
    ASSERT_OK(SigningKey::VerifySignature(key->PublicKeyDer(), "m", SignOrDie(*key, "m")));
  }
  EXPECT_GT(refused, damaged.size() / 2);
}

TEST(SigningKeyTest, GarbageAndOversizedPemIsRefused) {
  for (const std::string& text :
       {std::string(), std::string("-----BEGIN PRIVATE KEY-----\n"), std::string(1 << 20, 'A')}) {
    EXPECT_THAT(SigningKey::FromPem(text), StatusIs(StatusCode::kInvalidArgument));
  }
}

TEST(SigningKeyTest, FailuresLeaveTheErrorQueueOfTheThreadAsItWas) {
  ERR_clear_error();
  EXPECT_FALSE(SigningKey::FromPem("nonsense").ok());
  EXPECT_FALSE(SigningKey::VerifySignature(NewKey().PublicKeyDer(), "chain", "x").ok());
  EXPECT_FALSE(SigningKey::VerifySignature(std::string(91, 'x'), "chain", "x").ok());
  EXPECT_EQ(ERR_peek_error(), 0U);
}

}  // namespace
}  // namespace brigada
