// The organization's certificate authority: the one root that servers and devices trust for mutual
// TLS.
#ifndef REPLICA_CRYPTO_CERTIFICATE_AUTHORITY_H_
#define REPLICA_CRYPTO_CERTIFICATE_AUTHORITY_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "replica/base/ids.h"
#include "replica/crypto/signing_key.h"

namespace brigada {

// Issues P-256 certificates that are valid in TLS on any clock: from 1970-01-01 to the last second
// of the year 9999, the value that RFC 5280 gives to "no expiry". Device clocks lie, and to a
// client an expired certificate looks like a closed socket; leases and revocation are judged by
// server time in the protocol instead. Serial numbers are 128 random bits: no state is kept,
// nothing is counted.
//
// What the subjects and extensions say (every subject also has O=<organization>):
//
//   authority   CN=Brigada certificate authority; signs certificates only, path length 0
//   server      CN=Brigada server; the names it is dialled by; serverAuth
//   device      CN=<replica id>, UID=<user>; clientAuth
//
// Const calls are thread safe.
class CertificateAuthority {
 public:
  // A new authority with a new key, self-signed. kInvalidArgument: the name is empty, longer than
  // 64 bytes, not UTF-8, or has control characters. kInternal: the system's generator failed.
  static absl::StatusOr<CertificateAuthority> Create(absl::string_view organization);
  // From what certificate_pem() and KeyPem() gave. kInvalidArgument: malformed, or not an
  // authority's. kFailedPrecondition: the key is not the certificate's.
  static absl::StatusOr<CertificateAuthority> Load(absl::string_view certificate_pem,
                                                   absl::string_view key_pem);

  // A server's certificate in PEM. `names` are what clients dial: host names (ASCII, a leading "*."
  // allowed), IPv4 and IPv6 addresses; 1 to 100 of them. kInvalidArgument: a name or the key is
  // malformed.
  absl::StatusOr<std::string> IssueServer(absl::string_view public_key_der,
                                          absl::Span<const std::string> names) const;

  // A device's certificate in DER. `user` is at most 64 bytes of UTF-8. The request proves the key
  // and must name `replica`; whatever else it asks for is ignored. kInvalidArgument: the request or
  // `user` is malformed, or the request names another replica. kUnauthenticated: the request is not
  // signed by its own key.
  absl::StatusOr<std::string> IssueDevice(absl::string_view csr_der, const ReplicaId& replica,
                                          absl::string_view user) const;

  const std::string& certificate_pem() const { return certificate_pem_; }
  const std::string& certificate_der() const { return certificate_der_; }
  const std::string& organization() const { return organization_; }
  // The authority's private key: whoever has it can be any device. Keep it with WriteSecretFile.
  std::string KeyPem() const { return key_.ToPem(); }

 private:
  CertificateAuthority(SigningKey key, std::string organization, std::string certificate_der,
                       std::string certificate_pem)
      : key_(std::move(key)),
        organization_(std::move(organization)),
        certificate_der_(std::move(certificate_der)),
        certificate_pem_(std::move(certificate_pem)) {}

  SigningKey key_;
  std::string organization_;
  std::string certificate_der_;
  std::string certificate_pem_;
};

}  // namespace brigada

#endif  // REPLICA_CRYPTO_CERTIFICATE_AUTHORITY_H_
