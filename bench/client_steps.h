// The steps of a device through the client library: offline work, rounds of sync, live sync.
#ifndef BENCH_CLIENT_STEPS_H_
#define BENCH_CLIENT_STEPS_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bench/step.h"
#include "brigada/replica.h"

namespace brigada::bench {

// The replica at `options.path`, with the durability the step asks for.
absl::StatusOr<std::unique_ptr<Replica>> OpenReplica(const StepOptions& options);
// Ids of up to `count` people of the replica, by a query. More than there are: all.
absl::StatusOr<std::vector<RecordId>> PeopleOf(const Replica& replica, int count);
// The one number a query gives. kInternal: it gives something else.
absl::StatusOr<double> NumberOf(const Replica& replica, absl::string_view sql);

// Creates `count` people in `scope`, `per_commit` to a change set.
absl::Status CreateStep(const StepOptions& options);
// Changes one field of `count` people, each in a change set of its own.
absl::Status EditStep(const StepOptions& options);
// One round of sync; fails when something stays pending or is refused.
absl::Status SyncStep(const StepOptions& options);
// `count` edits on one live replica, one after the other, each timed until a watch on the other
// shows it.
absl::Status LatencyStep(const StepOptions& options);

}  // namespace brigada::bench

#endif  // BENCH_CLIENT_STEPS_H_
