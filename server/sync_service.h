// The Sync service: reactors that hold no logic, each handing its frames to a SessionRunner.
#ifndef SERVER_SYNC_SERVICE_H_
#define SERVER_SYNC_SERVICE_H_

#include "brigada/v1/sync_service.grpc.pb.h"
#include "server/live_sessions.h"

namespace brigada {

class SyncService final : public v1::Sync::CallbackService {
 public:
  // Both outlive the service.
  SyncService(SessionContext* context, LiveSessions* sessions)
      : context_(context), sessions_(sessions) {}

  grpc::ServerBidiReactor<v1::ClientFrame, v1::ServerFrame>* Session(
      grpc::CallbackServerContext* call) override;

 private:
  SessionContext* const context_;
  LiveSessions* const sessions_;
};

}  // namespace brigada

#endif  // SERVER_SYNC_SERVICE_H_
