// Administration.Backup: a consistent copy of the store while it serves.
#ifndef SERVER_BACKUP_CALL_H_
#define SERVER_BACKUP_CALL_H_

#include <atomic>
#include <string>

#include "brigada/v1/administration_service.pb.h"
#include "grpcpp/grpcpp.h"
#include "replica/base/clock.h"
#include "server/executor.h"
#include "server/organization.h"

namespace brigada {

struct BackupContext {
  Organization* organization;
  Executor* workers;
  const Clock* clock;
  std::string backup_directory;
  // The server is about to stop: a copy that has begun ends.
  std::atomic<bool>* stopping;
};

grpc::ServerWriteReactor<v1::BackupProgress>* StartBackup(grpc::CallbackServerContext* call,
                                                          const v1::BackupRequest& request,
                                                          const BackupContext& context);

}  // namespace brigada

#endif  // SERVER_BACKUP_CALL_H_
