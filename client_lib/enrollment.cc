#include "client_lib/enrollment.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "client_lib/last_failure.h"
#include "replica/base/random.h"
#include "replica/base/sha256.h"
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

// Of the store: the organization that its work is for.
constexpr char kOrganization[] = "organization";

std::string FingerprintOf(absl::string_view ca_pem) {
  return absl::BytesToHexString(AsView(Sha256(ca_pem)));
}

// What an answer says of the user and the organization, durable in the store before anything is
// sent to them.
absl::Status NoteOwner(const v1::EnrollResponse& response, absl::string_view ca_pem,
                       DeviceStore& store) {
  if (!store.user().empty() && store.user() != response.user())
    return absl::FailedPreconditionError("the server answers for another user than this replica's");
  RETURN_IF_ERROR(store.PutSetting(kOrganization, FingerprintOf(ca_pem)));
  RETURN_IF_ERROR(store.SetUser(response.user()));
  RETURN_IF_ERROR(store.NoteRevocation(response.revocation()));
  return store.NoteServerTime(absl::FromUnixMillis(response.server_time_ms()));
}

absl::Status Adopt(const v1::EnrollResponse& response, Credentials credentials,
                   const ReplicaDirectory& directory, DeviceStore& store) {
  ASSIGN_OR_RETURN(credentials.certificate_pem, CertificatePem(response.certificate_der()));
  RETURN_IF_ERROR(NoteOwner(response, credentials.ca_pem, store));
  return directory.WriteCredentials(credentials);
}

// An invitation cut between two fields still parses.
bool HasAllItsParts(const v1::Invitation& invitation) {
  return !invitation.server().empty() && !invitation.ca_der().empty() &&
         !invitation.code().empty() && invitation.expires_ms() > 0 && !invitation.user().empty();
}

constexpr char kNewReplica[] = "divided_replica";

// The id that this store goes on under. Kept, so that a call whose answer was lost is the same call
// again.
absl::StatusOr<ReplicaId> NextReplica(DeviceStore& store) {
  const absl::StatusOr<std::string> kept = store.GetSetting(kNewReplica);
  if (kept.ok() && !kept->empty() && *kept != store.replica().ToString())
    return ReplicaId::Parse(*kept);
  const ReplicaId id = NewReplicaId(SystemRandom());
  RETURN_IF_ERROR(store.PutSetting(kNewReplica, id.ToString()));
  return id;
}

absl::StatusOr<v1::EnrollRequest> RequestFor(const v1::Invitation& invitation,
                                             absl::string_view device_name,
                                             const ReplicaId& replica, const SigningKey& key) {
  v1::EnrollRequest request;
  request.set_code(invitation.code());
  ASSIGN_OR_RETURN(*request.mutable_csr_der(), CreateRequest(key, replica));
  request.set_replica(replica.AsBytes());
  request.set_device_name(std::string(device_name));
  request.set_software("brigada");
  return request;
}

// What the directory's files say of the store beside them.
enum class Standing {
  kFresh,
  kEnrolled,
  // It was a device, but nothing proves it any more: the key is gone, damaged or another's.
  kKeyLost,
  // Key and certificate are another store's, which is gone from here.
  kForeign,
};

Standing StandingOf(const ReplicaDirectory& directory, const DeviceStore& store) {
  const absl::StatusOr<std::string> pem = directory.ReadKey();
  const absl::StatusOr<SigningKey> key =
      pem.ok() ? SigningKey::FromPem(*pem) : absl::StatusOr<SigningKey>(pem.status());
  const bool may_make_key = absl::IsNotFound(pem.status()) && store.user().empty();
  const Standing without_certificate =
      key.ok() || may_make_key ? Standing::kFresh : Standing::kKeyLost;
  const absl::StatusOr<std::string> certificate = directory.ReadCertificate();
  if (!certificate.ok()) return without_certificate;
  const absl::StatusOr<std::string> der = CertificateDer(*certificate);
  if (!der.ok()) return without_certificate;
  const absl::StatusOr<ReplicaId> named = ReplicaIdOfCertificate(*der);
  const absl::StatusOr<std::string> public_key = PublicKeyOfCertificate(*der);
  if (!named.ok() || !public_key.ok()) return without_certificate;
  if (*named != store.replica()) return Standing::kForeign;
  return key.ok() && *public_key == key->PublicKeyDer() ? Standing::kEnrolled : Standing::kKeyLost;
}

// Work goes to the user and the organization that it was done for, whatever is left of the
// directory's files: the store knows both. Before the invitation is used up for nothing.
absl::Status CheckSameOwner(const v1::Invitation& invitation, const DeviceStore& store) {
  if (store.user().empty()) return absl::OkStatus();
  if (store.user() != invitation.user()) {
    return absl::FailedPreconditionError(
        "the invitation is another user's than the work in this replica; ask for one for the same "
        "user, or make another replica");
  }
  const absl::StatusOr<std::string> known = store.GetSetting(kOrganization);
  if (!known.ok() && !absl::IsNotFound(known.status())) return known.status();
  ASSIGN_OR_RETURN(const std::string invited, CertificatePem(invitation.ca_der()));
  if (known.ok() && *known == FingerprintOf(invited)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the invitation is another organization's than the work in this replica; make another "
      "replica for it");
}

// A replica that cannot prove any more who it is becomes a device under a new id, with a new key;
// its unsent work goes with it, but for what the server has already. One that never was a device
// under its id keeps the id. May be repeated after any failure or crash: what is there stays until
// the new files are complete.
absl::Status EnrollAgain(const v1::Invitation& invitation, absl::string_view device_name,
                         const ReplicaDirectory& directory, Transport& transport,
                         DeviceStore& store) {
  ASSIGN_OR_RETURN(const std::string key_pem, directory.ReadOrMakeNextKey());
  ASSIGN_OR_RETURN(const SigningKey key, SigningKey::FromPem(key_pem));
  ReplicaId id = store.replica();
  if (!store.user().empty()) {
    ASSIGN_OR_RETURN(id, NextReplica(store));
  }
  ASSIGN_OR_RETURN(std::string ca_pem, CertificatePem(invitation.ca_der()));
  Credentials next{invitation.server(), std::move(ca_pem), "", key_pem};
  ASSIGN_OR_RETURN(v1::EnrollRequest request, RequestFor(invitation, device_name, id, key));
  if (id != store.replica()) {
    request.set_previous_replica(store.replica().AsBytes());
    ASSIGN_OR_RETURN(std::vector<v1::UnsentChain> unsent, store.UnsentChains());
    for (v1::UnsentChain& chain : unsent) *request.add_unsent() = std::move(chain);
  }
  ASSIGN_OR_RETURN(const v1::EnrollResponse response, transport.Enroll(next, request));
  RETURN_IF_ERROR(CheckCertificate(response, next.ca_pem, id, key));
  if (response.user() != invitation.user())
    return absl::FailedPreconditionError("the server answers for another user than was invited");
  ASSIGN_OR_RETURN(next.certificate_pem, CertificatePem(response.certificate_der()));
  RETURN_IF_ERROR(NoteOwner(response, next.ca_pem, store));
  RETURN_IF_ERROR(directory.WriteNextCredentials(next));
  const std::vector<v1::SharedWork> shared(response.shared().begin(), response.shared().end());
  RETURN_IF_ERROR(store.BecomeReplica(id, shared));
  RETURN_IF_ERROR(FinishDivision(directory, store));
  return store.PutSetting(kNewReplica, "");
}

absl::Status EnrollFirst(const v1::Invitation& invitation, absl::string_view device_name,
                         const ReplicaDirectory& directory, Transport& transport,
                         DeviceStore& store) {
  ASSIGN_OR_RETURN(const std::string key_pem, directory.ReadOrMakeKey());
  ASSIGN_OR_RETURN(const SigningKey key, SigningKey::FromPem(key_pem));
  ASSIGN_OR_RETURN(std::string ca_pem, CertificatePem(invitation.ca_der()));
  Credentials credentials{invitation.server(), std::move(ca_pem), "", key_pem};
  ASSIGN_OR_RETURN(const v1::EnrollRequest request,
                   RequestFor(invitation, device_name, store.replica(), key));
  ASSIGN_OR_RETURN(const v1::EnrollResponse response, transport.Enroll(credentials, request));
  RETURN_IF_ERROR(CheckCertificate(response, credentials.ca_pem, store.replica(), key));
  return Adopt(response, std::move(credentials), directory, store);
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
  RETURN_IF_ERROR(FinishDivision(directory, store));
  const Standing standing = StandingOf(directory, store);
  if (standing == Standing::kEnrolled) {
    return absl::FailedPreconditionError(
        "this replica is enrolled already; make another one for another organization or user");
  }
  RETURN_IF_ERROR(CheckSameOwner(invitation, store));
  switch (standing) {
    case Standing::kFresh:
    case Standing::kEnrolled:
      RETURN_IF_ERROR(EnrollFirst(invitation, device_name, directory, transport, store));
      break;
    case Standing::kKeyLost:
    case Standing::kForeign:
      RETURN_IF_ERROR(EnrollAgain(invitation, device_name, directory, transport, store));
      break;
  }
  // What failed was for want of this. The device is enrolled even if the note of it stays.
  store.PutSetting(kLastFailure, "").IgnoreError();
  return absl::OkStatus();
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
  ASSIGN_OR_RETURN(const Credentials credentials, directory.ReadCredentials());
  ASSIGN_OR_RETURN(const std::string key_pem, directory.ReadOrMakeNextKey());
  ASSIGN_OR_RETURN(const SigningKey key, SigningKey::FromPem(key_pem));
  ASSIGN_OR_RETURN(const ReplicaId id, NextReplica(store));
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
  // A copy may be copied again: each of those draws an id of its own.
  return store.PutSetting(kNewReplica, "");
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
