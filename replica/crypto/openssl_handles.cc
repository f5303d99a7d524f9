#include "replica/crypto/openssl_handles.h"

#include <openssl/err.h>

#include <cstring>
#include <limits>

#include "replica/base/status_macros.h"

namespace brigada::openssl {
namespace {

// Where the point's coordinates begin in the SubjectPublicKeyInfo of a P-256 key: algorithm and
// named curve, then 04 for "uncompressed". All of it is fixed, so every key has one spelling. The
// other spellings (a curve given number by number, a compressed or hybrid point) are valid for
// OpenSSL, and one of them has been used to forge.
constexpr unsigned char kPublicKeyPrefix[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                              0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                              0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
constexpr size_t kPublicKeyDerBytes = sizeof(kPublicKeyPrefix) + 64;

}  // namespace

ErrorQueueGuard::ErrorQueueGuard() { ERR_set_mark(); }
ErrorQueueGuard::~ErrorQueueGuard() { ERR_pop_to_mark(); }

BioPtr ReadFrom(absl::string_view bytes) {
  CHECK(bytes.size() <= size_t{std::numeric_limits<int>::max()});
  // OpenSSL refuses a null pointer even for no bytes at all.
  const char* data = bytes.empty() ? "" : bytes.data();
  BioPtr bio(BIO_new_mem_buf(data, static_cast<int>(bytes.size())));
  CHECK(bio != nullptr);
  return bio;
}

BioPtr NewMemory() {
  BioPtr bio(BIO_new(BIO_s_mem()));
  CHECK(bio != nullptr);
  return bio;
}

std::string Content(BIO* memory) {
  std::string content(BIO_ctrl_pending(memory), '\0');
  size_t read = 0;
  if (!content.empty()) {
    CHECK(BIO_read_ex(memory, content.data(), content.size(), &read) == 1);
    CHECK(read == content.size());
  }
  return content;
}

int NoPassword(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user_data*/) { return -1; }

absl::Status CheckP256(const EVP_PKEY* key) {
  if (key == nullptr || EVP_PKEY_is_a(key, "EC") != 1)
    return absl::InvalidArgumentError("not an elliptic-curve key; a P-256 key is needed");
  const std::string der = TryDer(key, i2d_PUBKEY);
  if (der.size() != kPublicKeyDerBytes ||
      std::memcmp(der.data(), kPublicKeyPrefix, sizeof(kPublicKeyPrefix)) != 0)
    return absl::InvalidArgumentError("not a P-256 key in its usual form");
  return absl::OkStatus();
}

absl::StatusOr<KeyPtr> ParsePublicKey(absl::string_view der) {
  if (der.size() != kPublicKeyDerBytes)
    return absl::InvalidArgumentError("not a P-256 public key in DER");
  const unsigned char* cursor = Bytes(der);
  KeyPtr key(d2i_PUBKEY(nullptr, &cursor, static_cast<int>(der.size())));
  if (key == nullptr) return absl::InvalidArgumentError("not a P-256 public key in DER");
  RETURN_IF_ERROR(CheckP256(key.get()));
  if (TryDer(key.get(), i2d_PUBKEY) != der)
    return absl::InvalidArgumentError("the public key is not in its canonical form");
  return key;
}

}  // namespace brigada::openssl
