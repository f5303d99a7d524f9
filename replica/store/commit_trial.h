// One change set under judgement. Inside replica/store only.
#ifndef REPLICA_STORE_COMMIT_TRIAL_H_
#define REPLICA_STORE_COMMIT_TRIAL_H_

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "replica/base/limits.h"
#include "replica/store/authority_commit.h"
#include "replica/store/redelivery.h"

namespace brigada {

struct CommitGroup::Trial {
  Trial(RecordBatch* batch, Redelivery known) : records(batch), redelivery(std::move(known)) {}
  const v1::ChangeSetBody* body = nullptr;
  const Judge* judge = nullptr;
  std::string partition;
  WriteContext context;
  TrialRecords records;
  // Per change, its record, wherever it is now; null when the change names none.
  std::vector<TrialRecord*> targets;
  // Per change, what there is of its record in the partition of the change set.
  std::vector<const TrialRecord*> homes;
  // The commit sequence of this change set in other partitions.
  std::map<std::string, uint64_t, std::less<>> elsewhere;
  std::vector<std::pair<const TrialRecord*, ConflictEvent>> conflicts;
  std::vector<v1::Verdict::Lost> lost;
  std::vector<v1::Refusal> refusals;
  Redelivery redelivery;
};

}  // namespace brigada

#endif  // REPLICA_STORE_COMMIT_TRIAL_H_
