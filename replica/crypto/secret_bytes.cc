#include "replica/crypto/secret_bytes.h"

#include <openssl/crypto.h>

namespace brigada {

SecretBytes::SecretBytes(Sha256Digest&& digest) : bytes_(digest) {
  OPENSSL_cleanse(digest.data(), digest.size());
}

SecretBytes::~SecretBytes() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

void Wipe(std::string* secret) {
  // What lies behind the end may be of a longer content.
  secret->resize(secret->capacity());
  OPENSSL_cleanse(secret->data(), secret->size());
  secret->clear();
}

}  // namespace brigada
