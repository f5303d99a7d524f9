// gRPC channels of a device: TLS to the organization's server alone, bounded messages, keepalive
// while a call is open.
#ifndef CLIENT_LIB_CHANNEL_H_
#define CLIENT_LIB_CHANNEL_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "brigada/transport.h"
#include "grpcpp/grpcpp.h"

namespace brigada {

// Does not connect yet; an attempt to is given up after `connect_timeout`.
std::shared_ptr<grpc::Channel> OpenChannel(const Credentials& credentials,
                                           absl::Duration connect_timeout);

// The status of a call in the library's terms: a failed handshake becomes kUnauthenticated, what
// the transport lost kUnavailable with the way out.
absl::Status FromGrpcStatus(const grpc::Status& status, const Credentials& credentials);

}  // namespace brigada

#endif  // CLIENT_LIB_CHANNEL_H_
