#ifndef CLIENT_LIB_GRPC_TRANSPORT_H_
#define CLIENT_LIB_GRPC_TRANSPORT_H_

#include <memory>

#include "brigada/transport.h"

namespace brigada {

// Frames over gRPC with mutual TLS.
std::shared_ptr<Transport> MakeGrpcTransport();

}  // namespace brigada

#endif  // CLIENT_LIB_GRPC_TRANSPORT_H_
