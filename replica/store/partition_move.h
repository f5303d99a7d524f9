// Records that move to another partition, at the authority: they arrive there and leave a stub,
// which says to late writers what they had seen. docs/protocol.md, "A record moves to another
// state".
#ifndef REPLICA_STORE_PARTITION_MOVE_H_
#define REPLICA_STORE_PARTITION_MOVE_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "brigada/v1/change.pb.h"
#include "replica/merge/apply.h"
#include "replica/store/trial_records.h"

namespace brigada {

// The record where it is now: `home` itself, or the one at the end of the stubs that start there.
// kDataLoss: the stubs lead nowhere.
absl::StatusOr<TrialRecord*> FollowStubs(TrialRecord* home, TrialRecords* records);

// What a writer of `home`'s partition had seen of a record that is, or has been, elsewhere.
// `plain`: its context for other records, with `seen` of this one.
WriteContext ContextAtHome(const WriteContext& plain, const TrialRecord& home);
// The same for the record in the partition where it is now, in which the change gets `sequence`.
WriteContext ContextElsewhere(const WriteContext& plain, const TrialRecord& home,
                              uint64_t sequence);

// Moves every changed record whose scope lies in another partition there. `sequence_in` gives the
// commit sequence that this change set has in a partition. What cannot move, because the id is
// taken there, is added to `blocked`.
absl::Status MoveToPartitions(
    TrialRecords* records, const std::function<uint64_t(absl::string_view partition)>& sequence_in,
    std::vector<const TrialRecord*>* blocked);

}  // namespace brigada

#endif  // REPLICA_STORE_PARTITION_MOVE_H_
