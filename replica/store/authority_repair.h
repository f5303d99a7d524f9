// What the authority tells a replica whose records of a scope differ from its own.
#ifndef REPLICA_STORE_AUTHORITY_REPAIR_H_
#define REPLICA_STORE_AUTHORITY_REPAIR_H_

#include "absl/status/statusor.h"
#include "replica/store/authority_store.h"
#include "replica/store/record_ranges.h"
#include "replica/store/run_history.h"

namespace brigada {

// See AuthorityStore::RepairRange. `head`: the partition's.
absl::StatusOr<RangeRepairPage> MakeRangeRepair(const RangeReader& who, const RangeRequest& request,
                                                const v1::RangeItems& items, const RunHistory& past,
                                                uint64_t head);

}  // namespace brigada

#endif  // REPLICA_STORE_AUTHORITY_REPAIR_H_
