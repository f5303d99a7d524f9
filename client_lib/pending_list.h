// The work of this device that has no verdict yet, with its content.
#ifndef CLIENT_LIB_PENDING_LIST_H_
#define CLIENT_LIB_PENDING_LIST_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "brigada/replica.h"
#include "replica/store/device_store.h"

namespace brigada {

// See Replica::VisitPending. Reads the outbox page by page. kDataLoss: an entry is damaged.
absl::Status VisitOutbox(const DeviceStore& store,
                         absl::FunctionRef<absl::Status(const PendingChangeSet&)> visit);

}  // namespace brigada

#endif  // CLIENT_LIB_PENDING_LIST_H_
