#include "server/peer.h"

#include <optional>

#include "grpcpp/security/auth_context.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/certificate.h"
#include "server/directory.h"
#include "server/roles.h"

namespace brigada {

ReplicaId ReplicaOfPeer(const grpc::ServerContextBase& context) {
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  if (auth == nullptr || !auth->IsPeerAuthenticated()) return ReplicaId();
  const std::vector<grpc::string_ref> certificates = auth->FindPropertyValues("x509_pem_cert");
  if (certificates.size() != 1) return ReplicaId();
  const absl::StatusOr<ReplicaId> replica =
      ReplicaIdOfCertificate(absl::string_view(certificates[0].data(), certificates[0].size()));
  return replica.ok() ? *replica : ReplicaId();
}

absl::StatusOr<Caller> CallerOf(const grpc::ServerContextBase& context, const AuthorityStore& store,
                                absl::Time now) {
  const ReplicaId replica = ReplicaOfPeer(context);
  if (replica.is_zero()) {
    return absl::UnauthenticatedError(
        "this call needs the certificate of an enrolled device; run `brigada enrol` first");
  }
  ASSIGN_OR_RETURN(const std::optional<v1::DeviceRecord> device, FindDevice(store, replica));
  if (!device.has_value()) return absl::UnauthenticatedError("this device is not enrolled here");
  if (device->revoked_ms() != 0)
    return absl::PermissionDeniedError("an administrator revoked this device");
  if (absl::ToUnixMillis(now) >= device->lease_until_ms()) {
    return absl::PermissionDeniedError(
        "the lease of this device has expired; run `brigada sync` to renew it");
  }
  Caller caller;
  caller.replica = replica;
  caller.user = device->user();
  ASSIGN_OR_RETURN(const std::vector<v1::GrantRecord> grants, GrantsOf(store, caller.user));
  for (const v1::GrantRecord& grant : grants) {
    if (InForce(grant, now)) caller.grants.push_back(grant);
  }
  return caller;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

}  // namespace brigada
