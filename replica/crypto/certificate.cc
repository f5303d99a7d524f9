#include "replica/crypto/certificate.h"

#include "replica/base/status_macros.h"
#include "replica/crypto/openssl_handles.h"
#include "replica/crypto/x509_codec.h"

namespace brigada {
namespace {

absl::StatusOr<openssl::CertificatePtr> Parse(absl::string_view certificate) {
  absl::StatusOr<openssl::CertificatePtr> parsed = openssl::ParseCertificate(certificate);
  if (!parsed.ok()) return Annotate(parsed.status(), "read a certificate");
  return parsed;
}

bool IsForTlsClients(X509* certificate) {
  return (X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) != 0 &&
         (X509_get_extended_key_usage(certificate) & XKU_SSL_CLIENT) != 0;
}

}  // namespace

absl::StatusOr<std::string> CertificateDer(absl::string_view certificate) {
  const openssl::ErrorQueueGuard guard;
  ASSIGN_OR_RETURN(const openssl::CertificatePtr parsed, Parse(certificate));
  return openssl::ToDer(parsed.get(), i2d_X509);
}

absl::StatusOr<std::string> CertificatePem(absl::string_view certificate) {
  const openssl::ErrorQueueGuard guard;
  ASSIGN_OR_RETURN(const openssl::CertificatePtr parsed, Parse(certificate));
  return openssl::CertificateToPem(parsed.get());
}

absl::StatusOr<ReplicaId> ReplicaIdOfCertificate(absl::string_view certificate) {
  const openssl::ErrorQueueGuard guard;
  ASSIGN_OR_RETURN(const openssl::CertificatePtr parsed, Parse(certificate));
  if (!IsForTlsClients(parsed.get()))
    return absl::InvalidArgumentError("read a certificate: it is not a device's");
  const absl::StatusOr<ReplicaId> replica =
      openssl::ReplicaIdInName(X509_get_subject_name(parsed.get()));
  if (!replica.ok()) return Annotate(replica.status(), "read a certificate");
  return *replica;
}

absl::StatusOr<std::string> UserOfCertificate(absl::string_view certificate) {
  const openssl::ErrorQueueGuard guard;
  ASSIGN_OR_RETURN(const openssl::CertificatePtr parsed, Parse(certificate));
  return openssl::NameText(X509_get_subject_name(parsed.get()), NID_userId);
}

absl::StatusOr<std::string> OrganizationOfCertificate(absl::string_view certificate) {
  const openssl::ErrorQueueGuard guard;
  ASSIGN_OR_RETURN(const openssl::CertificatePtr parsed, Parse(certificate));
  return openssl::NameText(X509_get_subject_name(parsed.get()), NID_organizationName);
}

absl::StatusOr<std::string> PublicKeyOfCertificate(absl::string_view certificate) {
  const openssl::ErrorQueueGuard guard;
  ASSIGN_OR_RETURN(const openssl::CertificatePtr parsed, Parse(certificate));
  const EVP_PKEY* key = X509_get0_pubkey(parsed.get());
  const absl::Status on_curve = openssl::CheckP256(key);
  if (!on_curve.ok()) return Annotate(on_curve, "read a certificate's key");
  return openssl::ToDer(key, i2d_PUBKEY);
}

absl::StatusOr<Sha256Digest> CertificateFingerprint(absl::string_view certificate) {
  ASSIGN_OR_RETURN(const std::string der, CertificateDer(certificate));
  return Sha256(der);
}

absl::Status CheckIssuedBy(absl::string_view certificate, absl::string_view authority) {
  const openssl::ErrorQueueGuard guard;
  ASSIGN_OR_RETURN(const openssl::CertificatePtr issued, Parse(certificate));
  ASSIGN_OR_RETURN(const openssl::CertificatePtr issuer, Parse(authority));
  EVP_PKEY* key = X509_get0_pubkey(issuer.get());
  if (X509_check_ca(issuer.get()) != 1 || !openssl::CheckP256(key).ok())
    return absl::UnauthenticatedError("the issuer is not a certificate authority of ours");
  // Names and key identifiers first, then the signature, under the one algorithm in use.
  if (X509_check_issued(issuer.get(), issued.get()) != X509_V_OK ||
      X509_get_signature_nid(issued.get()) != NID_ecdsa_with_SHA256 ||
      X509_verify(issued.get(), key) != 1) {
    return absl::UnauthenticatedError(
        "the certificate was not issued by this organization's authority");
  }
  return absl::OkStatus();
}

}  // namespace brigada
