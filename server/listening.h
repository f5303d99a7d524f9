// How this server listens: TLS, limits and health of every gRPC server it starts.
#ifndef SERVER_LISTENING_H_
#define SERVER_LISTENING_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/grpcpp.h"
#include "server/organization.h"

namespace brigada {

// What whoever dials has to believe, and whose certificates are accepted.
struct ServerTls {
  std::string ca_pem;
  std::string certificate_pem;
  std::string key_pem;
};
ServerTls TlsOf(const Organization& organization);

// A server that listens.
struct Listening {
  std::unique_ptr<grpc::Server> server;
  int port = 0;
};

// Starts what `builder` has got with the standard health service, hardened as docs/operations.md
// says. `listen`: host:port. kInvalidArgument: no address. kUnavailable: it is taken or not ours.
absl::StatusOr<Listening> Listen(grpc::ServerBuilder& builder, const std::string& listen,
                                 const ServerTls& tls, bool reflection);

// What health says from now on.
void SetServing(grpc::Server& server, bool serving);

}  // namespace brigada

#endif  // SERVER_LISTENING_H_
