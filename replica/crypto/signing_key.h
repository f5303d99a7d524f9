// The key pair of a device, a server or a certificate authority: ECDSA on P-256 with SHA-256.
#ifndef REPLICA_CRYPTO_SIGNING_KEY_H_
#define REPLICA_CRYPTO_SIGNING_KEY_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct evp_pkey_st;

namespace brigada {

// A P-256 private key. Move only: a moved-from key may only be destroyed or assigned to. Const
// calls are thread safe. The key lives in plain memory while the object does; only ToPem lets it
// out.
//
// One key signs several kinds of things (chain values, renewals, certificate requests): what one
// caller signs must never read as what another does. Chain values are 32 bytes and nothing else is.
class SigningKey {
 public:
  // A new key from the system's generator. kInternal: the generator failed.
  static absl::StatusOr<SigningKey> Generate();
  // Reads a private key in PEM (PKCS #8, not encrypted), at most 16 KiB.
  // kInvalidArgument: malformed, encrypted, of another kind, or its two halves do not belong
  // together.
  static absl::StatusOr<SigningKey> FromPem(absl::string_view pem);

  // The private key as PKCS #8 in PEM: a secret; keep it with WriteSecretFile.
  std::string ToPem() const;
  // SubjectPublicKeyInfo in DER: 91 bytes, the same for the same key every time.
  std::string PublicKeyDer() const;

  // A DER-encoded ECDSA signature (at most 72 bytes) of SHA-256(message). Differs from call to
  // call. kInternal: the system's generator failed.
  absl::StatusOr<std::string> Sign(absl::string_view message) const;

  // kInvalidArgument: `public_key_der` is no P-256 key as PublicKeyDer gives it. kUnauthenticated:
  // the signature is malformed or is not this key's of this message. Thread safe. A third party can
  // turn one valid signature into another valid one of the same message, so a signature's bytes
  // name nothing.
  static absl::Status VerifySignature(absl::string_view public_key_der, absl::string_view message,
                                      absl::string_view signature);

  // For the other files of replica/crypto. Owned by this object.
  evp_pkey_st* native_handle() const { return key_.get(); }

 private:
  struct KeyDeleter {
    void operator()(evp_pkey_st* key) const;
  };
  using KeyHandle = std::unique_ptr<evp_pkey_st, KeyDeleter>;

  explicit SigningKey(KeyHandle key) : key_(std::move(key)) {}

  KeyHandle key_;
};

}  // namespace brigada

#endif  // REPLICA_CRYPTO_SIGNING_KEY_H_
