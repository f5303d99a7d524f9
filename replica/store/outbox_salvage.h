// Out of two damaged copies of a device's outbox, the store's own tables and its mirror
// (outbox_mirror.h), all that either of them still gives.
//
// Rows are taken one by one, each for itself: a change set and a refused one of which more was
// erased before one that still has it, one with its verdict before one without, the head and the
// clock that stand further on; where both stand equal, what the later copy has. Whether the change
// sets follow upon each other is not looked at here: a recovery mends the chain afterwards
// (device_recovery.h).
#ifndef REPLICA_STORE_OUTBOX_SALVAGE_H_
#define REPLICA_STORE_OUTBOX_SALVAGE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replica/store/kv.h"

namespace brigada {

bool CanReadMirroredTables(const KvReader& reader);

// Puts the mirrored tables of `from` into `to`, which is empty.
absl::Status CopyMirroredTables(const KvReader& from, Kv* to);

// False: both say which replica they are, and it is not the same one.
bool MayBeSameReplica(const KvReader& a, const KvReader& b);

// Adds to `to`, which has what one copy gave, what can be read of the other, `from`, past its
// damaged places. `is_later`: `from` has every write that `to` has, so settings and the like are
// taken from it. An error is one of writing `to`.
absl::Status SalvageOutbox(const KvReader& from, bool is_later, Kv* to);

}  // namespace brigada

#endif  // REPLICA_STORE_OUTBOX_SALVAGE_H_
