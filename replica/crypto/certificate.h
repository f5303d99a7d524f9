// What a certificate says. Nothing here looks at a clock: leases and revocation are judged by
// server time in the protocol, see docs/decisions/003-identity.md.
//
// Every function takes a certificate in PEM (the first one of the text) or DER, at most 16 KiB,
// answers kInvalidArgument when it is malformed, and is thread safe. Reading a certificate does not
// mean to trust it: that is CheckIssuedBy, or the TLS handshake that delivered it.
#ifndef REPLICA_CRYPTO_CERTIFICATE_H_
#define REPLICA_CRYPTO_CERTIFICATE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "replica/base/ids.h"
#include "replica/base/sha256.h"

namespace brigada {

absl::StatusOr<std::string> CertificateDer(absl::string_view certificate);
absl::StatusOr<std::string> CertificatePem(absl::string_view certificate);

// The device's replica id, from the common name. kInvalidArgument also for a certificate that is
// not meant for TLS clients, such as the server's own.
absl::StatusOr<ReplicaId> ReplicaIdOfCertificate(absl::string_view certificate);
// The user a device certificate was issued to. Personal data: not for logs.
absl::StatusOr<std::string> UserOfCertificate(absl::string_view certificate);
absl::StatusOr<std::string> OrganizationOfCertificate(absl::string_view certificate);

// The certified key as SigningKey::PublicKeyDer gives it. kInvalidArgument also for a key that is
// not on P-256.
absl::StatusOr<std::string> PublicKeyOfCertificate(absl::string_view certificate);

// SHA-256 of the DER form: what a person compares, and what a log may show.
absl::StatusOr<Sha256Digest> CertificateFingerprint(absl::string_view certificate);

// OK when `authority` is a certificate authority and signed `certificate`.
// kUnauthenticated: it did not (a certificate of another organization, or a forged one).
absl::Status CheckIssuedBy(absl::string_view certificate, absl::string_view authority);

}  // namespace brigada

#endif  // REPLICA_CRYPTO_CERTIFICATE_H_
