// Answers a unary call from an executor's thread: reactions may not touch the disk.
#ifndef SERVER_UNARY_CALL_H_
#define SERVER_UNARY_CALL_H_

#include <utility>

#include "absl/status/status.h"
#include "grpcpp/grpcpp.h"
#include "server/executor.h"
#include "server/peer.h"

namespace brigada {

// `work` returns the call's status; request and response live until the call is finished.
template <typename Work>
grpc::ServerUnaryReactor* RunUnary(grpc::CallbackServerContext* call, Executor* executor,
                                   Work work) {
  grpc::ServerUnaryReactor* const reactor = call->DefaultReactor();
  executor->Post(
      [reactor, work = std::move(work)]() mutable { reactor->Finish(ToGrpcStatus(work())); });
  return reactor;
}

}  // namespace brigada

#endif  // SERVER_UNARY_CALL_H_
