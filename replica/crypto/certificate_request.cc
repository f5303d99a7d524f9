#include "replica/crypto/certificate_request.h"

#include "replica/base/check.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/openssl_handles.h"
#include "replica/crypto/x509_codec.h"

namespace brigada {

absl::StatusOr<std::string> CreateRequest(const SigningKey& key, const ReplicaId& replica) {
  const openssl::ErrorQueueGuard guard;
  if (replica.is_zero())
    return absl::InvalidArgumentError("request a certificate: the replica has no id");
  const openssl::RequestPtr request(X509_REQ_new());
  CHECK(request != nullptr);
  CHECK(X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1);
  RETURN_IF_ERROR(openssl::AddNameText(X509_REQ_get_subject_name(request.get()), NID_commonName,
                                       replica.ToString()));
  CHECK(X509_REQ_set_pubkey(request.get(), key.native_handle()) == 1);
  if (X509_REQ_sign(request.get(), key.native_handle(), EVP_sha256()) <= 0)
    return absl::InternalError("request a certificate: the random generator failed");
  return openssl::ToDer(request.get(), i2d_X509_REQ);
}

absl::StatusOr<RequestedIdentity> ReadRequest(absl::string_view csr_der) {
  const openssl::ErrorQueueGuard guard;
  absl::StatusOr<openssl::RequestPtr> request = openssl::ParseRequest(csr_der);
  if (!request.ok()) return Annotate(request.status(), "read a certificate request");
  EVP_PKEY* key = X509_REQ_get0_pubkey(request->get());
  const absl::Status on_curve = openssl::CheckP256(key);
  if (!on_curve.ok()) return Annotate(on_curve, "read a certificate request's key");
  if (X509_REQ_get_signature_nid(request->get()) != NID_ecdsa_with_SHA256 ||
      X509_REQ_verify(request->get(), key) != 1)
    return absl::UnauthenticatedError("the certificate request is not signed by its own key");
  const absl::StatusOr<ReplicaId> replica =
      openssl::ReplicaIdInName(X509_REQ_get_subject_name(request->get()));
  if (!replica.ok()) return Annotate(replica.status(), "read a certificate request");
  return RequestedIdentity{*replica, openssl::ToDer(key, i2d_PUBKEY)};
}

}  // namespace brigada
