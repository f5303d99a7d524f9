#include "replica/crypto/seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "replica/base/check.h"
#include "replica/base/sha256.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/openssl_handles.h"
#include "replica/crypto/secret_bytes.h"

namespace brigada {
namespace {

using openssl::Bytes;
using CipherPtr = std::unique_ptr<EVP_CIPHER_CTX, openssl::Deleter<EVP_CIPHER_CTX_free>>;

constexpr size_t kTagBytes = 16;
static_assert(kSealOverhead == kSealPublicKeyBytes + kTagBytes);
// GCM takes lengths as int.
constexpr size_t kMaxContentBytes = size_t{1} << 30;
// One content per key.
constexpr std::array<unsigned char, 12> kNonce{};

absl::Status NotOpened() { return absl::InvalidArgumentError("not sealed to this key"); }

openssl::KeyPtr PrivateKey(absl::string_view bytes) {
  openssl::KeyPtr key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, Bytes(bytes), bytes.size()));
  CHECK(key != nullptr);
  return key;
}

std::string PublicBytes(const EVP_PKEY& key) {
  std::string bytes(kSealPublicKeyBytes, '\0');
  size_t size = bytes.size();
  CHECK(EVP_PKEY_get_raw_public_key(&key, reinterpret_cast<unsigned char*>(bytes.data()), &size) ==
        1);
  CHECK(size == bytes.size());
  return bytes;
}

// kInvalidArgument: `public_key` is none, or one that gives every partner the same secret.
absl::Status Agree(EVP_PKEY& own, absl::string_view public_key, SecretBytes* secret) {
  if (public_key.size() != kSealPublicKeyBytes) return NotOpened();
  const openssl::KeyPtr peer(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, Bytes(public_key), public_key.size()));
  const openssl::KeyContextPtr context(EVP_PKEY_CTX_new(&own, nullptr));
  size_t size = SecretBytes::kSize;
  if (peer == nullptr || context == nullptr || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer(context.get(), peer.get()) != 1 ||
      EVP_PKEY_derive(context.get(), secret->data(), &size) != 1 || size != SecretBytes::kSize)
    return NotOpened();
  return absl::OkStatus();
}

SecretBytes ContentKey(absl::string_view ephemeral, absl::string_view recipient,
                       const SecretBytes& shared) {
  return SecretBytes(Sha256Parts({"brigada seal", ephemeral, recipient, shared.view()}));
}

std::string Encrypt(const SecretBytes& key, absl::string_view content, absl::string_view about) {
  const CipherPtr context(EVP_CIPHER_CTX_new());
  std::string out(content.size() + kTagBytes, '\0');
  auto* const bytes = reinterpret_cast<unsigned char*>(out.data());
  int size = 0;
  CHECK(context != nullptr);
  CHECK(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), kNonce.data()) ==
        1);
  CHECK(EVP_EncryptUpdate(context.get(), nullptr, &size, Bytes(about),
                          static_cast<int>(about.size())) == 1);
  CHECK(EVP_EncryptUpdate(context.get(), bytes, &size, Bytes(content),
                          static_cast<int>(content.size())) == 1);
  CHECK(EVP_EncryptFinal_ex(context.get(), bytes + content.size(), &size) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes,
                            bytes + content.size()) == 1);
  return out;
}

absl::StatusOr<std::string> Decrypt(const SecretBytes& key, absl::string_view sealed,
                                    absl::string_view about) {
  const CipherPtr context(EVP_CIPHER_CTX_new());
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  sealed.remove_suffix(kTagBytes);
  std::string out(sealed.size() + 1, '\0');
  auto* const bytes = reinterpret_cast<unsigned char*>(out.data());
  int size = 0;
  CHECK(context != nullptr);
  CHECK(EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), kNonce.data()) ==
        1);
  if (EVP_DecryptUpdate(context.get(), nullptr, &size, Bytes(about),
                        static_cast<int>(about.size())) != 1 ||
      EVP_DecryptUpdate(context.get(), bytes, &size, Bytes(sealed),
                        static_cast<int>(sealed.size())) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) != 1 ||
      EVP_DecryptFinal_ex(context.get(), bytes + sealed.size(), &size) != 1)
    return NotOpened();
  out.resize(sealed.size());
  return out;
}

}  // namespace

SealKey SealKey::DerivedFrom(const MacKey& secret) {
  const SecretBytes derived(Sha256Parts({"brigada seal key", secret.bytes()}));
  const absl::StatusOr<MacKey> bytes = MacKey::FromBytes(derived.view());
  CHECK(bytes.ok());
  return SealKey(*bytes, PublicBytes(*PrivateKey(bytes->bytes())));
}

absl::StatusOr<std::string> SealKey::Open(absl::string_view box, absl::string_view about) const {
  const openssl::ErrorQueueGuard guard;
  if (box.size() < kSealOverhead || box.size() > kMaxContentBytes ||
      about.size() > kMaxContentBytes)
    return NotOpened();
  const absl::string_view ephemeral = box.substr(0, kSealPublicKeyBytes);
  SecretBytes shared;
  RETURN_IF_ERROR(Agree(*PrivateKey(private_key_.bytes()), ephemeral, &shared));
  return Decrypt(ContentKey(ephemeral, public_key_, shared), box.substr(kSealPublicKeyBytes),
                 about);
}

absl::StatusOr<std::string> Seal(absl::string_view public_key, absl::string_view content,
                                 absl::string_view about, Random& random) {
  const openssl::ErrorQueueGuard guard;
  CHECK(content.size() < kMaxContentBytes - kSealOverhead && about.size() <= kMaxContentBytes);
  const MacKey once = MacKey::Generate(random);
  const openssl::KeyPtr own = PrivateKey(once.bytes());
  const std::string ephemeral = PublicBytes(*own);
  SecretBytes shared;
  if (!Agree(*own, public_key, &shared).ok())
    return absl::InvalidArgumentError("not a key to seal to");
  return absl::StrCat(ephemeral,
                      Encrypt(ContentKey(ephemeral, public_key, shared), content, about));
}

}  // namespace brigada
