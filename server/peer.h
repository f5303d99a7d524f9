// Who is at the other end of a call, as TLS and the directory say.
#ifndef SERVER_PEER_H_
#define SERVER_PEER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "brigada/v1/administration_service.pb.h"
#include "grpcpp/grpcpp.h"
#include "replica/base/ids.h"
#include "replica/store/authority_store.h"

namespace brigada {

// The replica named in the verified client certificate; zero when the client showed none.
ReplicaId ReplicaOfPeer(const grpc::ServerContextBase& context);

struct Caller {
  ReplicaId replica;
  std::string user;
  std::vector<v1::GrantRecord> grants;  // in force now
};

// The caller of a service that is only for enrolled devices. kUnauthenticated: no certificate, or
// unknown; kPermissionDenied: revoked, or the lease has expired by server time.
absl::StatusOr<Caller> CallerOf(const grpc::ServerContextBase& context, const AuthorityStore& store,
                                absl::Time now);

// The same status for gRPC. Codes are numbered alike on both sides.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace brigada

#endif  // SERVER_PEER_H_
