#include "server/administration_service.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/store/record_table.h"
#include "server/backup_call.h"
#include "server/directory.h"
#include "server/erasures.h"
#include "server/quarantine.h"
#include "server/query_call.h"
#include "server/roles.h"
#include "server/unary_call.h"

namespace brigada {
namespace {

constexpr absl::Duration kInvitationValidForMost = absl::Hours(24 * 30);

absl::Status RequireAdministrator(const Caller& caller, absl::Span<const std::string> scopes,
                                  absl::Time now) {
  if (IsAdministratorOf(caller.grants, scopes, now)) return absl::OkStatus();
  return absl::PermissionDeniedError("this needs the administrator role over the scopes concerned");
}

std::vector<std::string> Strings(const google::protobuf::RepeatedPtrField<std::string>& field) {
  return std::vector<std::string>(field.begin(), field.end());
}

// An invitation makes a device of the whole user, with every grant the user has: that takes a right
// over all of them.
absl::Status RequireAdministratorOfUser(const Caller& caller, const AuthorityStore& store,
                                        absl::string_view user, absl::Time now) {
  ASSIGN_OR_RETURN(const std::vector<std::string> held, ScopesOfUser(store, user, now));
  return held.empty() ? absl::OkStatus() : RequireAdministrator(caller, held, now);
}

v1::GrantRecord NewGrant(const Caller& caller, absl::string_view user, absl::string_view role,
                         const google::protobuf::RepeatedPtrField<std::string>& scopes,
                         int64_t from_ms) {
  v1::GrantRecord grant;
  grant.set_user(std::string(user));
  grant.set_role(std::string(role));
  *grant.mutable_scopes() = scopes;
  grant.set_from_ms(from_ms);
  grant.set_granted_by(caller.user);
  return grant;
}

}  // namespace

AdministrationService::AdministrationService(const Parts& parts, AdministrationOptions options)
    : organization_(parts.organization),
      sessions_(parts.sessions),
      notes_(parts.notes),
      executor_(parts.executor),
      workers_(parts.workers),
      clock_(parts.clock),
      random_(parts.random),
      options_(std::move(options)) {}

template <typename Work>
grpc::ServerUnaryReactor* AdministrationService::ForCaller(grpc::CallbackServerContext* call,
                                                           Work work) {
  return RunUnary(call, executor_, kMaxCalls,
                  [this, call, work = std::move(work)]() -> absl::Status {
                    ASSIGN_OR_RETURN(const Caller caller,
                                     CallerOf(*call, *organization_->store, clock_->Now()));
                    return work(caller);
                  });
}

grpc::ServerUnaryReactor* AdministrationService::Invite(grpc::CallbackServerContext* call,
                                                        const v1::InviteRequest* request,
                                                        v1::InviteResponse* response) {
  return ForCaller(
      call, [=, this](const Caller& caller) { return DoInvite(caller, *request, response); });
}

grpc::ServerUnaryReactor* AdministrationService::ListDevices(
    grpc::CallbackServerContext* call, const v1::ListDevicesRequest* /*request*/,
    v1::ListDevicesResponse* response) {
  return ForCaller(call,
                   [=, this](const Caller& caller) { return DoListDevices(caller, response); });
}

grpc::ServerUnaryReactor* AdministrationService::RevokeDevice(
    grpc::CallbackServerContext* call, const v1::RevokeDeviceRequest* request,
    v1::RevokeDeviceResponse* /*response*/) {
  return ForCaller(call,
                   [=, this](const Caller& caller) { return DoRevokeDevice(caller, *request); });
}

grpc::ServerUnaryReactor* AdministrationService::Grant(grpc::CallbackServerContext* call,
                                                       const v1::GrantRequest* request,
                                                       v1::GrantResponse* response) {
  return ForCaller(call,
                   [=, this](const Caller& caller) { return DoGrant(caller, *request, response); });
}

grpc::ServerUnaryReactor* AdministrationService::RevokeGrant(
    grpc::CallbackServerContext* call, const v1::RevokeGrantRequest* request,
    v1::RevokeGrantResponse* /*response*/) {
  return ForCaller(call,
                   [=, this](const Caller& caller) { return DoRevokeGrant(caller, *request); });
}

grpc::ServerUnaryReactor* AdministrationService::ListGrants(
    grpc::CallbackServerContext* call, const v1::ListGrantsRequest* /*request*/,
    v1::ListGrantsResponse* response) {
  return ForCaller(call,
                   [=, this](const Caller& caller) { return DoListGrants(caller, response); });
}

grpc::ServerUnaryReactor* AdministrationService::Erase(grpc::CallbackServerContext* call,
                                                       const v1::EraseRequest* request,
                                                       v1::EraseResponse* response) {
  return ForCaller(call,
                   [=, this](const Caller& caller) { return DoErase(caller, *request, response); });
}

grpc::ServerUnaryReactor* AdministrationService::ListQuarantine(
    grpc::CallbackServerContext* call, const v1::ListQuarantineRequest* request,
    v1::ListQuarantineResponse* response) {
  return ForCaller(call, [=, this](const Caller& caller) -> absl::Status {
    ASSIGN_OR_RETURN(*response, brigada::ListQuarantine(*organization_->store, caller.grants,
                                                        *request, clock_->Now()));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdministrationService::ShowQuarantined(
    grpc::CallbackServerContext* call, const v1::ShowQuarantinedRequest* request,
    v1::ShowQuarantinedResponse* response) {
  return ForCaller(call, [=, this](const Caller& caller) -> absl::Status {
    ASSIGN_OR_RETURN(*response, brigada::ShowQuarantined(*organization_->store, caller.grants,
                                                         *request, clock_->Now()));
    // Somebody's unaccepted work was read by somebody else.
    Log(LogLevel::kInfo, "quarantined set shown",
        {{"partition", request->partition()},
         {"sequence", request->sequence()},
         {"by_replica", caller.replica.ToString()}});
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdministrationService::ReleaseQuarantined(
    grpc::CallbackServerContext* call, const v1::ReleaseQuarantinedRequest* request,
    v1::ReleaseQuarantinedResponse* response) {
  return ForCaller(
      call, [=, this](const Caller& caller) { return DoRelease(caller, *request, response); });
}

grpc::ServerWriteReactor<v1::QueryReply>* AdministrationService::Query(
    grpc::CallbackServerContext* call, const v1::QueryRequest* request) {
  return StartQuery(call, *request,
                    {organization_, notes_, workers_, clock_, options_.query_limits});
}

grpc::ServerWriteReactor<v1::BackupProgress>* AdministrationService::Backup(
    grpc::CallbackServerContext* call, const v1::BackupRequest* request) {
  return StartBackup(call, *request,
                     {organization_, workers_, clock_, options_.backup_directory, &stopping_});
}

absl::Status AdministrationService::DoInvite(const Caller& caller, const v1::InviteRequest& request,
                                             v1::InviteResponse* response) {
  const absl::Time now = clock_->Now();
  UserInvitation invitation;
  invitation.user = request.user();
  invitation.role = request.role();
  invitation.scopes = Strings(request.scopes());
  invitation.invited_by = caller.user;
  if (request.valid_for_ms() > 0) {
    invitation.valid_for =
        std::min(absl::Milliseconds(request.valid_for_ms()), kInvitationValidForMost);
  }
  RETURN_IF_ERROR(CheckUserName(invitation.user));
  RETURN_IF_ERROR(CheckGrant(invitation.role, invitation.scopes));
  RETURN_IF_ERROR(RequireAdministrator(caller, invitation.scopes, now));
  RETURN_IF_ERROR(RequireAdministratorOfUser(caller, *organization_->store, invitation.user, now));
  ASSIGN_OR_RETURN(*response->mutable_invitation(),
                   InviteUser(*organization_, invitation, now, *random_));
  sessions_->OnUserChanged(invitation.user);
  response->set_expires_ms(absl::ToUnixMillis(now + invitation.valid_for));
  Log(LogLevel::kInfo, "invitation made",
      {{"by_replica", caller.replica.ToString()}, {"role", request.role()}});
  return absl::OkStatus();
}

absl::Status AdministrationService::DoListDevices(const Caller& caller,
                                                  v1::ListDevicesResponse* response) {
  const AuthorityStore& store = *organization_->store;
  // A store that takes no writes is still read: the list is then as of the last flush.
  notes_->Flush().IgnoreError();
  ASSIGN_OR_RETURN(std::vector<v1::DeviceRecord> devices, AllDevices(store));
  const absl::Time now = clock_->Now();
  for (v1::DeviceRecord& device : devices) {
    ASSIGN_OR_RETURN(const std::vector<std::string> scopes,
                     ScopesOfUser(store, device.user(), now));
    if (IsAdministratorOf(caller.grants, scopes, now)) {
      // Keys are the server's business, and many devices must fit one answer.
      device.clear_public_key();
      device.clear_certificate_hash();
      *response->add_devices() = std::move(device);
    }
  }
  return absl::OkStatus();
}

absl::Status AdministrationService::DoRevokeDevice(const Caller& caller,
                                                   const v1::RevokeDeviceRequest& request) {
  ASSIGN_OR_RETURN(const ReplicaId replica, ReplicaId::FromBytes(request.replica()));
  AuthorityStore& store = *organization_->store;
  ASSIGN_OR_RETURN(const std::optional<v1::DeviceRecord> device, FindDevice(store, replica));
  // A device of somebody else's scope and one that does not exist answer alike.
  const absl::Status unknown =
      absl::NotFoundError("no such device; list them with `brigada devices`");
  if (!device.has_value()) return unknown;
  const absl::Time now = clock_->Now();
  ASSIGN_OR_RETURN(const std::vector<std::string> scopes, ScopesOfUser(store, device->user(), now));
  if (!IsAdministratorOf(caller.grants, scopes, now)) return unknown;
  std::map<ReplicaId, DeviceEdit> edits;
  // Also when the journal fails: in the store it is in force by then.
  const absl::Cleanup end_sessions = [&] {
    for (const auto& [copy, edit] : edits) sessions_->OnReplicaChanged(copy);
  };
  // A copy that was made meanwhile is found by another round: nobody divides a revoked device.
  for (size_t revoked = 0;;) {
    ASSIGN_OR_RETURN(const std::vector<v1::DeviceRecord> devices, AllDevices(store));
    const std::set<ReplicaId> family = WithItsCopies(devices, replica);
    if (family.size() == revoked) break;
    revoked = family.size();
    for (const ReplicaId& copy : family) {
      edits[copy] = [&](v1::DeviceRecord& stored) {
        if (stored.revoked_ms() == 0) stored.set_revoked_ms(absl::ToUnixMillis(now));
      };
    }
    RETURN_IF_ERROR(EditDevices(store, edits));
  }
  Log(LogLevel::kInfo, "device revoked",
      {{"replica", replica.ToString()}, {"by_replica", caller.replica.ToString()}});
  return absl::OkStatus();
}

absl::Status AdministrationService::DoGrant(const Caller& caller, const v1::GrantRequest& request,
                                            v1::GrantResponse* response) {
  const absl::Time now = clock_->Now();
  const std::vector<std::string> scopes = Strings(request.scopes());
  RETURN_IF_ERROR(CheckUserName(request.user()));
  RETURN_IF_ERROR(CheckGrant(request.role(), scopes));
  RETURN_IF_ERROR(RequireAdministrator(caller, scopes, now));
  if (request.until_ms() != 0 && request.until_ms() <= request.from_ms()) {
    return absl::InvalidArgumentError("the grant would end before it begins");
  }
  v1::GrantRecord grant =
      NewGrant(caller, request.user(), request.role(), request.scopes(),
               request.from_ms() > 0 ? request.from_ms() : absl::ToUnixMillis(now));
  grant.set_until_ms(request.until_ms());
  absl::StatusOr<std::string> id = AddGrant(*organization_->store, grant, *random_);
  // Also when the journal fails: in the store it is in force by then.
  sessions_->OnUserChanged(request.user());
  ASSIGN_OR_RETURN(*response->mutable_id(), std::move(id));
  return absl::OkStatus();
}

absl::Status AdministrationService::DoRevokeGrant(const Caller& caller,
                                                  const v1::RevokeGrantRequest& request) {
  AuthorityStore& store = *organization_->store;
  ASSIGN_OR_RETURN(const v1::GrantRecord grant, FindGrant(store, request.id()));
  const absl::Time now = clock_->Now();
  RETURN_IF_ERROR(RequireAdministrator(caller, Strings(grant.scopes()), now));
  const absl::Status revoked = brigada::RevokeGrant(store, request.id(), now);
  // Also when the journal fails: in the store it is in force by then.
  sessions_->OnUserChanged(grant.user());
  return revoked;
}

absl::Status AdministrationService::DoErase(const Caller& caller, const v1::EraseRequest& request,
                                            v1::EraseResponse* response) {
  AuthorityStore& store = *organization_->store;
  ASSIGN_OR_RETURN(const RecordId id, RecordId::FromBytes(request.record_id()));
  if (request.type_id() == 0 || request.type_id() == kConflictTypeId)
    return absl::InvalidArgumentError("a conflict is erased with the record that it is about");
  ASSIGN_OR_RETURN(std::vector<std::string> places, store.PlacesOf(request.type_id(), id));
  if (places.empty() && !request.scope().empty()) places.push_back(request.scope());
  const absl::Time now = clock_->Now();
  // A record of somebody else's scope and one that does not exist answer alike.
  if (!IsAdministratorOf(caller.grants, places, now)) {
    return absl::NotFoundError(
        "no such record in the places you administer; --scope says where one would be that the "
        "server does not know yet");
  }
  ASSIGN_OR_RETURN(
      const ErasureReport report,
      EraseForGood(
          store,
          {.type_id = request.type_id(), .id = id, .scope = places.front(), .user = caller.user},
          now));
  response->set_records(report.records);
  response->set_conflicts(report.conflicts);
  response->set_change_sets(report.change_sets);
  sessions_->OnNewHeads(report.partitions);
  Log(LogLevel::kInfo, "record erased",
      {{"type", request.type_id()},
       {"record", id.ToString()},
       {"conflicts", report.conflicts},
       {"by_replica", caller.replica.ToString()}});
  return absl::OkStatus();
}

absl::Status AdministrationService::DoRelease(const Caller& caller,
                                              const v1::ReleaseQuarantinedRequest& request,
                                              v1::ReleaseQuarantinedResponse* response) {
  ASSIGN_OR_RETURN(QuarantineRelease release,
                   brigada::ReleaseQuarantined(*organization_->store, caller.user, caller.grants,
                                               request, clock_->Now()));
  *response = std::move(release.response);
  sessions_->OnNewHeads(release.partitions);
  // Somebody answers for it: who, by the device, and for whose.
  const absl::StatusOr<ReplicaId> writer = ReplicaId::FromBytes(request.replica());
  Log(LogLevel::kInfo, "quarantined set released",
      {{"partition", request.partition()},
       {"replica", writer.value_or(ReplicaId()).ToString()},
       {"sequence", request.sequence()},
       {"outcome", v1::Outcome_Name(response->outcome())},
       {"was_released", response->was_released() ? 1U : 0U},
       {"applied_along", response->applied_along()},
       {"by_replica", caller.replica.ToString()}});
  return absl::OkStatus();
}

absl::Status AdministrationService::DoListGrants(const Caller& caller,
                                                 v1::ListGrantsResponse* response) {
  ASSIGN_OR_RETURN(std::vector<v1::GrantRecord> grants, AllGrants(*organization_->store));
  const absl::Time now = clock_->Now();
  for (v1::GrantRecord& grant : grants) {
    if (IsAdministratorOf(caller.grants, Strings(grant.scopes()), now))
      *response->add_grants() = std::move(grant);
  }
  return absl::OkStatus();
}

}  // namespace brigada
