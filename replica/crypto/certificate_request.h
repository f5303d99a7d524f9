// PKCS #10 requests: a device asks for its certificate with one and so proves that it holds the
// key.
#ifndef REPLICA_CRYPTO_CERTIFICATE_REQUEST_H_
#define REPLICA_CRYPTO_CERTIFICATE_REQUEST_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "replica/base/ids.h"
#include "replica/crypto/signing_key.h"

namespace brigada {

// A request in DER for `replica`, signed by `key`. kInvalidArgument: the id is zero. kInternal: the
// system's generator failed.
absl::StatusOr<std::string> CreateRequest(const SigningKey& key, const ReplicaId& replica);

// What a request asks for, once its own signature holds.
struct RequestedIdentity {
  ReplicaId replica;
  // As SigningKey::PublicKeyDer gives it.
  std::string public_key_der;
};

// kInvalidArgument: malformed, larger than 16 KiB, not on P-256, or no replica id in it.
// kUnauthenticated: the request is not signed by the key it names. Thread safe.
absl::StatusOr<RequestedIdentity> ReadRequest(absl::string_view csr_der);

}  // namespace brigada

#endif  // REPLICA_CRYPTO_CERTIFICATE_REQUEST_H_
