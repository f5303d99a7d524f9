// The setting in which a replica's store keeps when it was last known to be up to date.
#ifndef REPLICA_STORE_LAST_SUCCESS_H_
#define REPLICA_STORE_LAST_SUCCESS_H_

#include "absl/strings/string_view.h"

namespace brigada {

// Milliseconds since 1970 in decimal. Empty or absent: never, or records have to come anew since a
// recovery.
inline constexpr absl::string_view kLastSuccess = "last_success_ms";

}  // namespace brigada

#endif  // REPLICA_STORE_LAST_SUCCESS_H_
