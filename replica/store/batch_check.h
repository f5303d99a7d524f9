// A batch comes from the network: everything that can be told without the store is checked here,
// before anything is changed.
#ifndef REPLICA_STORE_BATCH_CHECK_H_
#define REPLICA_STORE_BATCH_CHECK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/base/ids.h"
#include "replica/merge/record.h"
#include "replica/schema/registry.h"
#include "replica/schema/scope.h"

namespace brigada {

// An entry, decoded.
struct CheckedEntry {
  const RecordType* type = nullptr;  // null: unknown type
  uint32_t type_id = 0;
  RecordId id;
  uint64_t sequence = 0;
  bool is_whole = false;
  Hlc stamp;       // of its newest change
  Record delta;    // of an entry that is not a departure
  Scope moved_to;  // not empty: a departure
  std::vector<std::string> came_from;
};

// An entry by itself; as CheckBatch. `from` < its sequence <= `to`.
absl::StatusOr<CheckedEntry> CheckEntry(const Registry& registry, uint64_t from, uint64_t to,
                                        const v1::Entry& entry);

// kInvalidArgument: the batch contradicts itself: ranges, cursor, partition, order of verdicts,
// impossible stamps, ids or scopes. kDataLoss: a record state that cannot be decoded.
absl::StatusOr<std::vector<CheckedEntry>> CheckBatch(const Registry& registry,
                                                     const v1::Batch& batch,
                                                     const v1::BatchBody& body);

}  // namespace brigada

#endif  // REPLICA_STORE_BATCH_CHECK_H_
