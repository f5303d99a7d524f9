// The change that decides a conflict.
#ifndef CLIENT_LIB_CONFLICT_CHOICE_H_
#define CLIENT_LIB_CONFLICT_CHOICE_H_

#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "brigada/v1/change.pb.h"
#include "brigada/v1/conflict.pb.h"
#include "replica/base/ids.h"
#include "replica/schema/registry.h"
#include "replica/store/device_store.h"
#include "replica/store/read_view.h"

namespace brigada {

// A conflict of the ledger, with the values of its further entries among the losers
// (AddOlderValues).
struct LedgerEntry {
  RecordId id;
  std::string scope;
  v1::Conflict conflict;
  bool is_about_deleted = false;  // the record it is about does not live, as far as is known here
};

// Adds to `entry` the older values that the ledger keeps in further entries, as far as this replica
// has them.
absl::Status AddOlderValues(const ReadView& view, const RecordType& conflict_type,
                            LedgerEntry* entry);

// True when the record that `conflict` is about does not live in `view`.
absl::StatusOr<bool> IsAboutDeleted(const ReadView& view, const Registry& registry,
                                    const v1::Conflict& conflict);

// Ids of conflicts, 16 bytes each.
using DecidedConflicts = absl::flat_hash_set<std::string>;

// The conflicts that a change set without a verdict decides. Reads the whole outbox.
absl::StatusOr<DecidedConflicts> DecidedInOutbox(const DeviceStore& store);

// `loser` < 0: the standing value stays. Else the loser with that index becomes the value; of a
// deleted record, what it last said, with the loser's edit laid over, makes a new life of the
// record in `scope`. `type`: of the record it is about; null when unknown. kInvalidArgument: no
// such loser; kFailedPrecondition: the conflict is decided already, or the loser has no record to
// go into, which was deleted.
absl::StatusOr<v1::Change> ChangeThatDecides(const RecordType* type, const LedgerEntry& entry,
                                             int loser);

}  // namespace brigada

#endif  // CLIENT_LIB_CONFLICT_CHOICE_H_
