// gRPC writes lines of its own to stderr, where a person or a program reads one line per error.
#ifndef TOOLS_BRIGADA_GRPC_LOG_H_
#define TOOLS_BRIGADA_GRPC_LOG_H_

namespace brigada {

// Before gRPC's first use, and before any thread: nothing of it is written unless BRIGADA_LOG is
// set, or gRPC's own GRPC_VERBOSITY.
void SilenceGrpc();

}  // namespace brigada

#endif  // TOOLS_BRIGADA_GRPC_LOG_H_
