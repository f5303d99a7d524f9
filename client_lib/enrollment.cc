#include "client_lib/enrollment.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "replica/base/random.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/certificate.h"
#include "replica/crypto/certificate_request.h"
#include "replica/crypto/signing_key.h"

namespace brigada {
namespace {

constexpr absl::string_view kPrefix = "BRG1-";
constexpr size_t kMaxInvitationBytes = 8192;

// The answer is believed only as far as it can be checked: issued by the organization, for this
// replica and this key.
absl::Status CheckCertificate(const v1::EnrollResponse& response, absl::string_view ca,
                              const ReplicaId& replica, const SigningKey& key) {
  RETURN_IF_ERROR(CheckIssuedBy(response.certificate_der(), ca));
  ASSIGN_OR_RETURN(const ReplicaId named, ReplicaIdOfCertificate(response.certificate_der()));
  ASSIGN_OR_RETURN(const std::string public_key,
                   PublicKeyOfCertificate(response.certificate_der()));
  if (named != replica || public_key != key.PublicKeyDer()) {
    return absl::UnauthenticatedError("the server answered with the certificate of another device");
  }
  return absl::OkStatus();
}

absl::Status Adopt(const v1::EnrollResponse& response, Credentials credentials,
                   const ReplicaDirectory& directory, DeviceStore& store) {
  ASSIGN_OR_RETURN(credentials.certificate_pem, CertificatePem(response.certificate_der()));
  RETURN_IF_ERROR(store.SetUser(response.user()));
  RETURN_IF_ERROR(store.NoteServerTime(absl::FromUnixMillis(response.server_time_ms())));
  return directory.WriteCredentials(credentials);
}

// An invitation cut between two fields still parses.
bool HasAllItsParts(const v1::Invitation& invitation) {
  return !invitation.server().empty() && !invitation.ca_der().empty() &&
         !invitation.code().empty() && invitation.expires_ms() > 0 && !invitation.user().empty();
}

}  // namespace

absl::StatusOr<v1::Invitation> ReadInvitation(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  std::string bytes;
  v1::Invitation invitation;
  if (text.size() > kMaxInvitationBytes || !absl::ConsumePrefix(&text, kPrefix) ||
      !absl::WebSafeBase64Unescape(text, &bytes) || !invitation.ParseFromString(bytes) ||
      !HasAllItsParts(invitation)) {
    return absl::InvalidArgumentError(
        "this is not an invitation, or not all of it: an administrator makes one with `brigada "
        "invite`, it starts with BRG1-");
  }
  return invitation;
}

absl::Status EnrollDevice(absl::string_view invitation_text, absl::string_view device_name,
                          const ReplicaDirectory& directory, Transport& transport,
                          DeviceStore& store) {
  ASSIGN_OR_RETURN(const v1::Invitation invitation, ReadInvitation(invitation_text));
  if (directory.ReadCredentials().ok()) {
    return absl::FailedPreconditionError(
        "this replica is enrolled already; make another one for another organization or user");
  }
  ASSIGN_OR_RETURN(const std::string key_pem, directory.ReadOrMakeKey());
  ASSIGN_OR_RETURN(const SigningKey key, SigningKey::FromPem(key_pem));
  ASSIGN_OR_RETURN(std::string ca_pem, CertificatePem(invitation.ca_der()));
  Credentials credentials{invitation.server(), std::move(ca_pem), "", key_pem};
  v1::EnrollRequest request;
  request.set_code(invitation.code());
  ASSIGN_OR_RETURN(*request.mutable_csr_der(), CreateRequest(key, store.replica()));
  request.set_replica(store.replica().AsBytes());
  request.set_device_name(std::string(device_name));
  request.set_software("brigada");
  ASSIGN_OR_RETURN(const v1::EnrollResponse response, transport.Enroll(credentials, request));
  RETURN_IF_ERROR(CheckCertificate(response, credentials.ca_pem, store.replica(), key));
  return Adopt(response, std::move(credentials), directory, store);
}

absl::Status RenewLease(absl::string_view server, const ReplicaDirectory& directory,
                        Transport& transport, DeviceStore& store) {
  ASSIGN_OR_RETURN(const Credentials credentials, directory.ReadCredentials());
  ASSIGN_OR_RETURN(const SigningKey key, SigningKey::FromPem(credentials.private_key_pem));
  v1::RenewRequest request;
  request.set_replica(store.replica().AsBytes());
  ASSIGN_OR_RETURN(*request.mutable_csr_der(), CreateRequest(key, store.replica()));
  Credentials without_certificate = credentials;
  without_certificate.certificate_pem.clear();
  if (!server.empty()) without_certificate.server = std::string(server);
  ASSIGN_OR_RETURN(const v1::EnrollResponse response,
                   transport.Renew(without_certificate, request));
  RETURN_IF_ERROR(CheckCertificate(response, credentials.ca_pem, store.replica(), key));
  return Adopt(response, credentials, directory, store);
}

absl::Status DivideReplica(absl::string_view server, const ReplicaDirectory& directory,
                           Transport& transport, DeviceStore& store) {
  constexpr char kNewReplica[] = "divided_replica";
  ASSIGN_OR_RETURN(const Credentials credentials, directory.ReadCredentials());
  ASSIGN_OR_RETURN(const std::string key_pem, directory.ReadOrMakeNextKey());
  ASSIGN_OR_RETURN(const SigningKey key, SigningKey::FromPem(key_pem));
  // Kept, so that a call whose answer was lost is the same call again.
  const absl::StatusOr<std::string> kept = store.GetSetting(kNewReplica);
  ReplicaId id = NewReplicaId(SystemRandom());
  if (kept.ok()) {
    ASSIGN_OR_RETURN(id, ReplicaId::Parse(*kept));
  } else {
    RETURN_IF_ERROR(store.PutSetting(kNewReplica, id.ToString()));
  }
  v1::DivideRequest request;
  request.set_replica(store.replica().AsBytes());
  request.set_new_replica(id.AsBytes());
  request.set_software("brigada");
  ASSIGN_OR_RETURN(*request.mutable_csr_der(), CreateRequest(key, id));
  ASSIGN_OR_RETURN(std::vector<v1::UnsentChain> unsent, store.UnsentChains());
  for (v1::UnsentChain& chain : unsent) *request.add_unsent() = std::move(chain);
  Credentials dialled = credentials;
  if (!server.empty()) dialled.server = std::string(server);
  ASSIGN_OR_RETURN(const v1::DivideResponse response, transport.Divide(dialled, request));
  RETURN_IF_ERROR(CheckCertificate(response.enrolled(), credentials.ca_pem, id, key));
  Credentials next = credentials;
  ASSIGN_OR_RETURN(next.certificate_pem, CertificatePem(response.enrolled().certificate_der()));
  RETURN_IF_ERROR(directory.WriteNextCredentials(next));
  const std::vector<v1::SharedWork> shared(response.shared().begin(), response.shared().end());
  RETURN_IF_ERROR(store.BecomeReplica(id, shared));
  RETURN_IF_ERROR(FinishDivision(directory, store));
  // A copy may be copied again: the next division draws another id.
  return store.PutSetting(kNewReplica, NewReplicaId(SystemRandom()).ToString());
}

absl::Status FinishDivision(const ReplicaDirectory& directory, const DeviceStore& store) {
  const absl::StatusOr<std::string> certificate = directory.ReadNextCertificate();
  if (absl::IsNotFound(certificate.status())) return absl::OkStatus();
  RETURN_IF_ERROR(certificate.status());
  ASSIGN_OR_RETURN(const std::string der, CertificateDer(*certificate));
  ASSIGN_OR_RETURN(const ReplicaId named, ReplicaIdOfCertificate(der));
  return named == store.replica() ? directory.AdoptNext() : absl::OkStatus();
}

}  // namespace brigada
