#include "server/enrollment_desk.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/log.h"
#include "replica/base/sha256.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/certificate_request.h"
#include "server/directory.h"
#include "server/divide.h"
#include "server/roles.h"

namespace brigada {
namespace {

// A device that did not sync for this long has to renew; an administrator sees it in the list
// meanwhile.
constexpr absl::Duration kLease = absl::Hours(24 * 180);
constexpr absl::Duration kPatienceWithOldWork = absl::Seconds(5);

absl::Status Fill(const Organization& organization, const v1::DeviceRecord& device,
                  std::string certificate, absl::Time now, v1::EnrollResponse* response) {
  ASSIGN_OR_RETURN(const std::vector<v1::GrantRecord> grants,
                   GrantsOf(*organization.store, device.user()));
  response->set_revocation(LastRevocation(grants));
  response->set_certificate_der(std::move(certificate));
  response->set_user(device.user());
  response->set_lease_until_ms(device.lease_until_ms());
  response->set_server_time_ms(absl::ToUnixMillis(now));
  response->set_organization(organization.authority.organization());
  return absl::OkStatus();
}

}  // namespace

// Both copies hold the same key: whoever comes second is the copy, and both are the same user's.
absl::Status EnrollmentDesk::Divide(const ReplicaId& caller, const v1::DivideRequest& request,
                                    v1::DivideResponse* response) const {
  const absl::Time now = clock_.Now();
  AuthorityStore& store = *organization_.store;
  ASSIGN_OR_RETURN(const ReplicaId copied, ReplicaId::FromBytes(request.replica()));
  ASSIGN_OR_RETURN(const ReplicaId replica, ReplicaId::FromBytes(request.new_replica()));
  ASSIGN_OR_RETURN(const RequestedIdentity requested, ReadRequest(request.csr_der()));
  ASSIGN_OR_RETURN(const std::optional<std::string> stored,
                   store.GetEntry(DirectoryKind::kDevice, copied.bytes()));
  if (caller.is_zero() || caller != copied || !stored.has_value())
    return absl::UnauthenticatedError("only an enrolled device can say that it is a copy");
  v1::DeviceRecord original;
  if (!original.ParseFromString(*stored))
    return absl::DataLossError("the record of a device is damaged");
  if (original.revoked_ms() != 0)
    return absl::PermissionDeniedError("an administrator revoked this device");
  ASSIGN_OR_RETURN(std::string certificate, organization_.authority.IssueDevice(
                                                request.csr_der(), replica, original.user()));
  v1::DeviceRecord device = original;
  device.set_replica(request.new_replica());
  device.set_copied_from(request.replica());
  device.set_software(SoftwareName(request.software()));
  device.set_enrolled_ms(absl::ToUnixMillis(now));
  device.set_public_key(requested.public_key_der);
  const Sha256Digest fingerprint = Sha256(certificate);
  device.set_certificate_hash(std::string(AsView(fingerprint)));
  RETURN_IF_ERROR(EnrolCopy(store, *stored, device));
  // Of either copy, what is on its way.
  RETURN_IF_ERROR(SettleWork(copied, sessions_, commit_queue_, kPatienceWithOldWork));
  const std::vector<v1::UnsentChain> unsent(request.unsent().begin(), request.unsent().end());
  ASSIGN_OR_RETURN(const auto shared, FindSharedWork(store, copied, unsent));
  response->mutable_shared()->Assign(shared.begin(), shared.end());
  Log(LogLevel::kWarning, "device divided",
      {{"replica", copied.ToString()}, {"copy", replica.ToString()}});
  return Fill(organization_, device, std::move(certificate), now, response->mutable_enrolled());
}

absl::StatusOr<std::optional<ReplicaId>> EnrollmentDesk::ReplacedBy(
    const v1::EnrollRequest& request, absl::string_view user) const {
  if (request.previous_replica().empty()) return std::optional<ReplicaId>();
  ASSIGN_OR_RETURN(const ReplicaId previous, ReplicaId::FromBytes(request.previous_replica()));
  if (request.previous_replica() == request.replica())
    return absl::InvalidArgumentError("a device does not replace itself");
  ASSIGN_OR_RETURN(const bool is_theirs, IsDeviceOf(*organization_.store, previous, user));
  return is_theirs ? std::optional<ReplicaId>(previous) : std::nullopt;
}

absl::Status EnrollmentDesk::Enroll(const v1::EnrollRequest& request,
                                    v1::EnrollResponse* response) const {
  const absl::Time now = clock_.Now();
  if (request.device_name().size() > kMaxNameBytes || request.software().size() > kMaxNameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the device's name is longer than ", kMaxNameBytes, " bytes"));
  }
  ASSIGN_OR_RETURN(const ReplicaId replica, ReplicaId::FromBytes(request.replica()));
  AuthorityStore& store = *organization_.store;
  // Before any signature is verified: who has no code costs little.
  ASSIGN_OR_RETURN(const v1::InvitationRecord invitation,
                   FindInvitation(store, request.code(), now));
  ASSIGN_OR_RETURN(const RequestedIdentity requested, ReadRequest(request.csr_der()));
  ASSIGN_OR_RETURN(std::string certificate, organization_.authority.IssueDevice(
                                                request.csr_der(), replica, invitation.user()));
  v1::DeviceRecord device;
  device.set_replica(request.replica());
  device.set_user(invitation.user());
  device.set_name(request.device_name());
  device.set_software(request.software());
  device.set_enrolled_ms(absl::ToUnixMillis(now));
  device.set_lease_until_ms(absl::ToUnixMillis(now + kLease));
  device.set_public_key(requested.public_key_der);
  const Sha256Digest fingerprint = Sha256(certificate);
  device.set_certificate_hash(std::string(AsView(fingerprint)));
  ASSIGN_OR_RETURN(const std::optional<ReplicaId> replaced, ReplacedBy(request, invitation.user()));
  ASSIGN_OR_RETURN(device, RedeemInvitation(store, request.code(), device, now, replaced));
  Log(LogLevel::kInfo, "device enrolled", {{"replica", replica.ToString()}});
  if (replaced.has_value()) RETURN_IF_ERROR(AnswerFor(*replaced, request, response));
  return Fill(organization_, device, std::move(certificate), now, response);
}

absl::Status EnrollmentDesk::AnswerFor(const ReplicaId& replaced, const v1::EnrollRequest& request,
                                       v1::EnrollResponse* response) const {
  Log(LogLevel::kInfo, "device replaced", {{"replica", replaced.ToString()}});
  // Nothing of it is judged after the answer: it is revoked by now.
  RETURN_IF_ERROR(SettleWork(replaced, sessions_, commit_queue_, kPatienceWithOldWork));
  const std::vector<v1::UnsentChain> unsent(request.unsent().begin(), request.unsent().end());
  ASSIGN_OR_RETURN(const auto shared, FindSharedWork(*organization_.store, replaced, unsent));
  response->mutable_shared()->Assign(shared.begin(), shared.end());
  return absl::OkStatus();
}

absl::Status EnrollmentDesk::Renew(const v1::RenewRequest& request,
                                   v1::EnrollResponse* response) const {
  const absl::Time now = clock_.Now();
  ASSIGN_OR_RETURN(const ReplicaId replica, ReplicaId::FromBytes(request.replica()));
  ASSIGN_OR_RETURN(const RequestedIdentity requested, ReadRequest(request.csr_der()));
  AuthorityStore& store = *organization_.store;
  ASSIGN_OR_RETURN(const std::optional<v1::DeviceRecord> device, FindDevice(store, replica));
  if (!device.has_value() || device->public_key() != requested.public_key_der) {
    return absl::UnauthenticatedError(
        "no device with this key is enrolled here; ask an administrator for an invitation");
  }
  if (device->revoked_ms() != 0)
    return absl::PermissionDeniedError("an administrator revoked this device");
  ASSIGN_OR_RETURN(std::string certificate,
                   organization_.authority.IssueDevice(request.csr_der(), replica, device->user()));
  v1::DeviceRecord renewed = *device;
  RETURN_IF_ERROR(EditDevice(store, replica, [&](v1::DeviceRecord& stored) {
    stored.set_lease_until_ms(absl::ToUnixMillis(now + kLease));
    const Sha256Digest fingerprint = Sha256(certificate);
    stored.set_certificate_hash(std::string(AsView(fingerprint)));
    renewed = stored;
  }));
  Log(LogLevel::kInfo, "lease renewed", {{"replica", replica.ToString()}});
  return Fill(organization_, renewed, std::move(certificate), now, response);
}

}  // namespace brigada
