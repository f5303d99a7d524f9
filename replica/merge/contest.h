// Fields that a state answers to: moving an event says that it takes place, cancelling it says that
// it does not. Inside replica/merge only.
#ifndef REPLICA_MERGE_CONTEST_H_
#define REPLICA_MERGE_CONTEST_H_

#include <cstdint>
#include <vector>

#include "replica/merge/conflict.h"
#include "replica/merge/perspective.h"
#include "replica/merge/record.h"
#include "replica/schema/registry.h"

namespace brigada {

// Reports a conflict on the state for each field with `contested_by` that one wrote and another,
// concurrently, moved the state against. Both writes stand; the loser is the state that the field's
// writer had before its eyes, so that deciding for it takes the record back there. `written`: the
// fields of the change, which have been applied.
void ReportContests(const RecordType& type, const Perspective& who,
                    const std::vector<uint32_t>& written, const Record& record,
                    ConflictLog* conflicts);

}  // namespace brigada

#endif  // REPLICA_MERGE_CONTEST_H_
