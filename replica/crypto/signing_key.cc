#include "replica/crypto/signing_key.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <utility>

#include "replica/base/check.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/openssl_handles.h"

namespace brigada {
namespace {

constexpr size_t kMaxPemBytes = size_t{16} << 10;

}  // namespace

void SigningKey::KeyDeleter::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

absl::StatusOr<SigningKey> SigningKey::Generate() {
  const openssl::ErrorQueueGuard guard;
  KeyHandle key(EVP_EC_gen("P-256"));
  if (key == nullptr) return absl::InternalError("make a key: the random generator failed");
  return SigningKey(std::move(key));
}

absl::StatusOr<SigningKey> SigningKey::FromPem(absl::string_view pem) {
  const openssl::ErrorQueueGuard guard;
  if (pem.size() > kMaxPemBytes)
    return absl::InvalidArgumentError("read a private key: larger than any P-256 key");
  const openssl::BioPtr bio = openssl::ReadFrom(pem);
  KeyHandle key(PEM_read_bio_PrivateKey(bio.get(), nullptr, openssl::NoPassword, nullptr));
  if (key == nullptr)
    return absl::InvalidArgumentError("read a private key: not an unencrypted PKCS #8 key in PEM");
  const absl::Status on_curve = openssl::CheckP256(key.get());
  if (!on_curve.ok()) return Annotate(on_curve, "read a private key");
  const openssl::KeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  CHECK(context != nullptr);
  if (EVP_PKEY_check(context.get()) != 1)
    return absl::InvalidArgumentError("read a private key: its two halves do not belong together");
  return SigningKey(std::move(key));
}

std::string SigningKey::ToPem() const {
  const openssl::BioPtr bio = openssl::NewMemory();
  CHECK(PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr,
                                      nullptr) == 1);
  return openssl::Content(bio.get());
}

std::string SigningKey::PublicKeyDer() const { return openssl::ToDer(key_.get(), i2d_PUBKEY); }

absl::StatusOr<std::string> SigningKey::Sign(absl::string_view message) const {
  const openssl::ErrorQueueGuard guard;
  const openssl::DigestContextPtr context(EVP_MD_CTX_new());
  CHECK(context != nullptr);
  CHECK(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1);
  size_t size = 0;
  CHECK(EVP_DigestSign(context.get(), nullptr, &size, openssl::Bytes(message), message.size()) ==
        1);
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     openssl::Bytes(message), message.size()) != 1)
    return absl::InternalError("sign: the random generator failed");
  signature.resize(size);
  return signature;
}

absl::Status SigningKey::VerifySignature(absl::string_view public_key_der,
                                         absl::string_view message, absl::string_view signature) {
  const openssl::ErrorQueueGuard guard;
  ASSIGN_OR_RETURN(const openssl::KeyPtr key, openssl::ParsePublicKey(public_key_der));
  const openssl::DigestContextPtr context(EVP_MD_CTX_new());
  CHECK(context != nullptr);
  CHECK(EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1);
  // Malformed signatures give a negative value, wrong ones zero.
  if (EVP_DigestVerify(context.get(), openssl::Bytes(signature), signature.size(),
                       openssl::Bytes(message), message.size()) != 1)
    return absl::UnauthenticatedError("the signature is not this key's");
  return absl::OkStatus();
}

}  // namespace brigada
