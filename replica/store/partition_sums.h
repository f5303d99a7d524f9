// The sums of a partition made anew from its stored records, for stores whose own may be damaged.
#ifndef REPLICA_STORE_PARTITION_SUMS_H_
#define REPLICA_STORE_PARTITION_SUMS_H_

#include <atomic>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "replica/schema/registry.h"
#include "replica/store/kv.h"
#include "replica/store/record_sum.h"
#include "replica/store/scope_sums.h"

namespace brigada {

// Reads every record of the partition. One that cannot be decoded is not had. kCancelled: `cancel`,
// unless null, became true.
absl::StatusOr<SumsByKey> SumPartition(const KvReader& reader, const Registry& registry,
                                       const SumPolicy& policy, absl::string_view partition,
                                       const std::atomic<bool>* cancel = nullptr);

}  // namespace brigada

#endif  // REPLICA_STORE_PARTITION_SUMS_H_
