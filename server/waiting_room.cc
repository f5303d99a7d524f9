#include "server/waiting_room.h"

#include <chrono>
#include <utility>

#include "replica/base/status_macros.h"

namespace brigada {
namespace {

class LaterCall final : public grpc::ServerGenericBidiReactor {
 public:
  LaterCall() {
    Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE,
                        "the server's store failed and is opened again; come back in a minute"));
  }
  void OnDone() override { delete this; }
};

}  // namespace

grpc::ServerGenericBidiReactor* WaitingRoom::LaterService::CreateReactor(
    grpc::GenericCallbackServerContext* /*context*/) {
  return new LaterCall;
}

absl::StatusOr<std::unique_ptr<WaitingRoom>> WaitingRoom::Open(const std::string& listen,
                                                               const ServerTls& tls) {
  std::unique_ptr<WaitingRoom> room(new WaitingRoom);
  grpc::ServerBuilder builder;
  builder.RegisterCallbackGenericService(&room->later_);
  ASSIGN_OR_RETURN(Listening listening, Listen(builder, listen, tls, /*reflection=*/false));
  room->server_ = std::move(listening.server);
  SetServing(*room->server_, false);
  return room;
}

WaitingRoom::~WaitingRoom() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
}

}  // namespace brigada
