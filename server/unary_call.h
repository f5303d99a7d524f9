// Answers a unary call from an executor's thread: reactions may not touch the disk.
#ifndef SERVER_UNARY_CALL_H_
#define SERVER_UNARY_CALL_H_

#include <utility>

#include "absl/status/status.h"
#include "grpcpp/grpcpp.h"
#include "server/executor.h"
#include "server/peer.h"

namespace brigada {

// Calls at once, queued and at work. Nobody needs a certificate to ask for enrolment: a crowd that
// does leaves room for those who are known.
inline constexpr int kMaxCalls = 128;
inline constexpr int kMaxAnonymousCalls = 64;

// `work` returns the call's status; request and response live until the call is finished. When
// `most` calls are there already, it is turned away.
template <typename Work>
grpc::ServerUnaryReactor* RunUnary(grpc::CallbackServerContext* call, Executor* executor, int most,
                                   Work work) {
  grpc::ServerUnaryReactor* const reactor = call->DefaultReactor();
  const bool is_taken = executor->PostCall(
      most, [reactor, work = std::move(work)]() mutable { reactor->Finish(ToGrpcStatus(work())); });
  if (!is_taken) {
    reactor->Finish(ToGrpcStatus(absl::ResourceExhaustedError(
        "the server has too many calls at once; try again in a minute")));
  }
  return reactor;
}

}  // namespace brigada

#endif  // SERVER_UNARY_CALL_H_
