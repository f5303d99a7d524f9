// Stands where the server listens while there is no store to serve: health answers NOT_SERVING, and
// every other call that it is to be made again later.
#ifndef SERVER_WAITING_ROOM_H_
#define SERVER_WAITING_ROOM_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/generic/async_generic_service.h"
#include "server/listening.h"

namespace brigada {

// Listens until it is destroyed, which waits for no call.
class WaitingRoom {
 public:
  // Errors as Listen.
  static absl::StatusOr<std::unique_ptr<WaitingRoom>> Open(const std::string& listen,
                                                           const ServerTls& tls);
  ~WaitingRoom();
  WaitingRoom(const WaitingRoom&) = delete;
  WaitingRoom& operator=(const WaitingRoom&) = delete;

 private:
  class LaterService final : public grpc::CallbackGenericService {
   public:
    grpc::ServerGenericBidiReactor* CreateReactor(
        grpc::GenericCallbackServerContext* context) override;
  };

  WaitingRoom() = default;

  LaterService later_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace brigada

#endif  // SERVER_WAITING_ROOM_H_
