// Reading and writing of X.509 structures for the certificate files of this folder. Included by .cc
// files of replica/crypto only.
#ifndef REPLICA_CRYPTO_X509_CODEC_H_
#define REPLICA_CRYPTO_X509_CODEC_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "replica/base/ids.h"
#include "replica/crypto/openssl_handles.h"
#include "replica/crypto/signing_key.h"

namespace brigada::openssl {

// One certificate, in PEM (the first one of the text) or DER (nothing behind it).
// kInvalidArgument: malformed, larger than 16 KiB, not re-encoded to the same bytes, or extensions
// that contradict.
absl::StatusOr<CertificatePtr> ParseCertificate(absl::string_view pem_or_der);
// One certificate request in DER, under the same rules. Its signature is not checked.
absl::StatusOr<RequestPtr> ParseRequest(absl::string_view der);

std::string CertificateToPem(X509* certificate);

// Appends an attribute to a name. kInvalidArgument: empty, over 64 bytes, not UTF-8, or with
// control characters.
absl::Status AddNameText(X509_NAME* name, int nid, absl::string_view text);
// The text of the only attribute `nid`. kInvalidArgument: none, several, or not text.
absl::StatusOr<std::string> NameText(const X509_NAME* name, int nid);
// The common name as the canonical form of a replica id, not zero.
absl::StatusOr<ReplicaId> ReplicaIdInName(const X509_NAME* name);

}  // namespace brigada::openssl

#endif  // REPLICA_CRYPTO_X509_CODEC_H_
