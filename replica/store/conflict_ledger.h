// The ledger of conflicts: what a merge found becomes a record of its own, in the same write batch,
// synced like any other.
#ifndef REPLICA_STORE_CONFLICT_LEDGER_H_
#define REPLICA_STORE_CONFLICT_LEDGER_H_

#include "absl/status/status.h"
#include "replica/base/hlc.h"
#include "replica/merge/apply.h"
#include "replica/store/record_table.h"

namespace brigada {

// Lays `event`, found on the record of `about` by the change set with this effective stamp and
// commit sequence, into the ledger: in the scope of that record, under the class of what met.
// An entry that is there already is extended.
// The entry is written by the authority (a ReplicaId of zeros).
absl::Status RecordConflict(const RecordSlot& about, const ConflictEvent& event, Hlc stamp,
                            uint64_t commit_sequence, RecordBatch* records);

}  // namespace brigada

#endif  // REPLICA_STORE_CONFLICT_LEDGER_H_
