#ifndef REPLICA_STORE_IN_USE_H_
#define REPLICA_STORE_IN_USE_H_

#include "absl/status/status.h"

namespace brigada {

// Whether opening a store failed since another process has the store open.
bool IsInUse(const absl::Status& status);

}  // namespace brigada

#endif  // REPLICA_STORE_IN_USE_H_
