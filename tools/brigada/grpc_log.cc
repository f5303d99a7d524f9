#include "tools/brigada/grpc_log.h"

#include <cstdlib>

namespace brigada {

void SilenceGrpc() {
  if (std::getenv("BRIGADA_LOG") == nullptr) setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
}

}  // namespace brigada
