// Which writes of a change take up a value of a conflict that the change cites. Inside
// replica/merge only.
#ifndef REPLICA_MERGE_DECISION_H_
#define REPLICA_MERGE_DECISION_H_

#include <vector>

#include "replica/merge/apply.h"
#include "replica/merge/record.h"
#include "replica/merge/slot_write.h"

namespace brigada {

// Sets `decides` of each write. `cited`: as in WriteContext.
void MarkDecisions(const std::vector<CitedConflict>& cited, const Record& record,
                   std::vector<SlotWrite>* writes);

}  // namespace brigada

#endif  // REPLICA_MERGE_DECISION_H_
