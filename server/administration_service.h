// The Administration service: invitations, devices, grants, queries and backups. Every call asks
// who the caller is and what for.
#ifndef SERVER_ADMINISTRATION_SERVICE_H_
#define SERVER_ADMINISTRATION_SERVICE_H_

#include <atomic>
#include <string>

#include "brigada/v1/administration_service.grpc.pb.h"
#include "replica/base/clock.h"
#include "replica/base/random.h"
#include "replica/query/query.h"
#include "server/executor.h"
#include "server/live_sessions.h"
#include "server/organization.h"
#include "server/peer.h"

namespace brigada {

struct AdministrationOptions {
  QueryLimits query_limits;
  // Where backups go: one directory each below it.
  std::string backup_directory;
};

class AdministrationService final : public v1::Administration::CallbackService {
 public:
  // All outlive the service. `workers` runs queries and backups, which take long; `executor` the
  // rest.
  struct Parts {
    Organization* organization;
    LiveSessions* sessions;
    SessionNotes* notes;
    Executor* executor;
    Executor* workers;
    const Clock* clock;
    Random* random;
  };
  AdministrationService(const Parts& parts, AdministrationOptions options);

  // The server is about to stop: a backup that is being made ends, as does each one asked for from
  // now on. Any thread.
  void EndBackups() { stopping_ = true; }

  grpc::ServerUnaryReactor* Invite(grpc::CallbackServerContext* call,
                                   const v1::InviteRequest* request,
                                   v1::InviteResponse* response) override;
  grpc::ServerUnaryReactor* ListDevices(grpc::CallbackServerContext* call,
                                        const v1::ListDevicesRequest* request,
                                        v1::ListDevicesResponse* response) override;
  grpc::ServerUnaryReactor* RevokeDevice(grpc::CallbackServerContext* call,
                                         const v1::RevokeDeviceRequest* request,
                                         v1::RevokeDeviceResponse* response) override;
  grpc::ServerUnaryReactor* Grant(grpc::CallbackServerContext* call,
                                  const v1::GrantRequest* request,
                                  v1::GrantResponse* response) override;
  grpc::ServerUnaryReactor* RevokeGrant(grpc::CallbackServerContext* call,
                                        const v1::RevokeGrantRequest* request,
                                        v1::RevokeGrantResponse* response) override;
  grpc::ServerUnaryReactor* ListGrants(grpc::CallbackServerContext* call,
                                       const v1::ListGrantsRequest* request,
                                       v1::ListGrantsResponse* response) override;
  grpc::ServerUnaryReactor* Erase(grpc::CallbackServerContext* call,
                                  const v1::EraseRequest* request,
                                  v1::EraseResponse* response) override;
  grpc::ServerUnaryReactor* ListQuarantine(grpc::CallbackServerContext* call,
                                           const v1::ListQuarantineRequest* request,
                                           v1::ListQuarantineResponse* response) override;
  grpc::ServerUnaryReactor* ShowQuarantined(grpc::CallbackServerContext* call,
                                            const v1::ShowQuarantinedRequest* request,
                                            v1::ShowQuarantinedResponse* response) override;
  grpc::ServerUnaryReactor* ReleaseQuarantined(grpc::CallbackServerContext* call,
                                               const v1::ReleaseQuarantinedRequest* request,
                                               v1::ReleaseQuarantinedResponse* response) override;
  grpc::ServerWriteReactor<v1::QueryReply>* Query(grpc::CallbackServerContext* call,
                                                  const v1::QueryRequest* request) override;
  grpc::ServerWriteReactor<v1::BackupProgress>* Backup(grpc::CallbackServerContext* call,
                                                       const v1::BackupRequest* request) override;

 private:
  // Finds out who calls on an executor's thread, and answers with what `work` says to that caller.
  template <typename Work>
  grpc::ServerUnaryReactor* ForCaller(grpc::CallbackServerContext* call, Work work);
  absl::Status DoInvite(const Caller& caller, const v1::InviteRequest& request,
                        v1::InviteResponse* response);
  absl::Status DoListDevices(const Caller& caller, v1::ListDevicesResponse* response);
  absl::Status DoRevokeDevice(const Caller& caller, const v1::RevokeDeviceRequest& request);
  absl::Status DoGrant(const Caller& caller, const v1::GrantRequest& request,
                       v1::GrantResponse* response);
  absl::Status DoRevokeGrant(const Caller& caller, const v1::RevokeGrantRequest& request);
  absl::Status DoErase(const Caller& caller, const v1::EraseRequest& request,
                       v1::EraseResponse* response);
  absl::Status DoRelease(const Caller& caller, const v1::ReleaseQuarantinedRequest& request,
                         v1::ReleaseQuarantinedResponse* response);
  absl::Status DoListGrants(const Caller& caller, v1::ListGrantsResponse* response);

  Organization* const organization_;
  LiveSessions* const sessions_;
  SessionNotes* const notes_;
  Executor* const executor_;
  Executor* const workers_;
  const Clock* const clock_;
  Random* const random_;
  const AdministrationOptions options_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace brigada

#endif  // SERVER_ADMINISTRATION_SERVICE_H_
