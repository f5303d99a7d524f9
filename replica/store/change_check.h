// What a change must satisfy whatever the store holds: checked before a commit takes its turn.
#ifndef REPLICA_STORE_CHANGE_CHECK_H_
#define REPLICA_STORE_CHANGE_CHECK_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "brigada/v1/change.pb.h"
#include "replica/base/ids.h"
#include "replica/schema/registry.h"
#include "replica/schema/scope.h"

namespace brigada {

// A change with its names looked up.
struct CheckedChange {
  const RecordType* type = nullptr;
  RecordId id;
  Scope scope;  // where it creates or moves to; empty when it does neither
  // It makes a record whose type has a folio, without one.
  bool lacks_folio = false;
};

// One per change, in order. kInvalidArgument: no or too many changes, an unknown type, malformed
// bytes, a wrong derived id, two partitions, a new record in a state that none starts in, or
// validation (every violation is named, values never are); kFailedPrecondition: server-written, or
// an edit of an append-only record.
absl::StatusOr<std::vector<CheckedChange>> CheckChanges(const Registry& registry,
                                                        absl::Span<const v1::Change> changes);

// kInvalidArgument naming both partitions unless they are the same.
absl::Status CheckSamePartition(absl::string_view one, absl::string_view other);

}  // namespace brigada

#endif  // REPLICA_STORE_CHANGE_CHECK_H_
