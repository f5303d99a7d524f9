// Tombstones that every replica which counts has been told of are forgotten: a job of the server,
// in small pieces.
#ifndef REPLICA_STORE_AUTHORITY_COLLECT_H_
#define REPLICA_STORE_AUTHORITY_COLLECT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "replica/schema/registry.h"
#include "replica/store/authority_store.h"
#include "replica/store/kv.h"
#include "replica/store/record_table.h"

namespace brigada {

struct OldTombstones {
  std::vector<std::pair<uint32_t, RecordId>> records;
  std::string next;  // as in CollectReport
};

// Looks at request.max_records stored records.
absl::StatusOr<OldTombstones> FindOldTombstones(const Registry& registry, const KvReader& reader,
                                                const CollectRequest& request);

// Puts into `batch` what forgets those that are still old tombstones: records, feed entries, and
// how far the partition's deletions are forgotten. Returns how many.
absl::StatusOr<uint64_t> StageCollection(const CollectRequest& request,
                                         const std::vector<std::pair<uint32_t, RecordId>>& found,
                                         RecordBatch* records, KvBatch* batch);

}  // namespace brigada

#endif  // REPLICA_STORE_AUTHORITY_COLLECT_H_
