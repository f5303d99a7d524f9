// A disk that does not give back what was written, told from an error that passes.
#ifndef REPLICA_STORE_UNREADABLE_DISK_H_
#define REPLICA_STORE_UNREADABLE_DISK_H_

#include "absl/status/status.h"

namespace brigada {

// Whether reading or opening a store failed (kUnavailable) since the disk does not read.
bool IsUnreadableDisk(const absl::Status& status);

}  // namespace brigada

#endif  // REPLICA_STORE_UNREADABLE_DISK_H_
