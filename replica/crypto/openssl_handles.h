// Owning pointers of OpenSSL objects and the conversions that several files of this folder need.
// Included by .cc files of replica/crypto only.
#ifndef REPLICA_CRYPTO_OPENSSL_HANDLES_H_
#define REPLICA_CRYPTO_OPENSSL_HANDLES_H_

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "replica/base/check.h"

namespace brigada::openssl {

template <auto kFree>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using BignumPtr = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using KeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Deleter<X509_free>>;
using RequestPtr = std::unique_ptr<X509_REQ, Deleter<X509_REQ_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using GeneralNamePtr = std::unique_ptr<GENERAL_NAME, Deleter<GENERAL_NAME_free>>;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;

// Leaves the thread's error queue as it was found. TLS on the same thread reads that queue and
// would take an error left by us for its own. Declare one before any call that may fail.
class ErrorQueueGuard {
 public:
  ErrorQueueGuard();
  ~ErrorQueueGuard();
  ErrorQueueGuard(const ErrorQueueGuard&) = delete;
  ErrorQueueGuard& operator=(const ErrorQueueGuard&) = delete;
};

inline const unsigned char* Bytes(absl::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// A read-only view of `bytes`, which must outlive it and stay below 2 GiB.
BioPtr ReadFrom(absl::string_view bytes);
BioPtr NewMemory();
std::string Content(BIO* memory);

// A password callback that has none: without it OpenSSL asks on the terminal.
int NoPassword(char* buffer, int size, int writing, void* user_data);

// The DER form of `object`, by its i2d function; empty when it has none. Objects made from received
// bytes may have none.
template <typename T, typename Encode>
std::string TryDer(const T* object, Encode encode) {
  const int size = encode(object, nullptr);
  if (size <= 0) return "";
  std::string der(static_cast<size_t>(size), '\0');
  auto* cursor = reinterpret_cast<unsigned char*>(der.data());
  return encode(object, &cursor) == size ? der : "";
}

// The same for an object that is known to have one.
template <typename T, typename Encode>
std::string ToDer(const T* object, Encode encode) {
  std::string der = TryDer(object, encode);
  CHECK(!der.empty());
  return der;
}

// kInvalidArgument unless `key` is on P-256, the curve given by its name and the point
// uncompressed.
absl::Status CheckP256(const EVP_PKEY* key);

// Reads a SubjectPublicKeyInfo in DER. kInvalidArgument unless it is a P-256 key in the one form
// that PublicKeyDer writes: two encodings of one key must not count as two keys.
absl::StatusOr<KeyPtr> ParsePublicKey(absl::string_view der);

}  // namespace brigada::openssl

#endif  // REPLICA_CRYPTO_OPENSSL_HANDLES_H_
