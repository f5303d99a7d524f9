// The authority's quarantine as administrators are told of it. Inside replica/store only.
#ifndef REPLICA_STORE_AUTHORITY_QUARANTINE_H_
#define REPLICA_STORE_AUTHORITY_QUARANTINE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "replica/store/kv.h"
#include "replica/store/quarantine.h"

namespace brigada {

struct QuarantineReader {
  const KvReader* reader = nullptr;
  std::vector<std::string> partitions;  // in order
  // Where a record is, in every partition that knows it.
  std::function<absl::StatusOr<std::vector<std::string>>(uint32_t type_id, const RecordId& id)>
      places_of;
};

// See AuthorityStore.
absl::StatusOr<std::optional<QuarantinedSet>> FindQuarantinedSet(const QuarantineReader& who,
                                                                 absl::string_view partition,
                                                                 const ReplicaId& replica,
                                                                 uint64_t sequence);
absl::StatusOr<QuarantinePage> ReadQuarantinePage(const QuarantineReader& who,
                                                  absl::string_view after, size_t max_sets);

}  // namespace brigada

#endif  // REPLICA_STORE_AUTHORITY_QUARANTINE_H_
