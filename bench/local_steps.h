// What an application does without a link, on a replica that holds many people.
#ifndef BENCH_LOCAL_STEPS_H_
#define BENCH_LOCAL_STEPS_H_

#include "absl/status/status.h"
#include "bench/step.h"

namespace brigada::bench {

// `count` creates, each a change set of its own, timed one by one.
absl::Status LocalCreateStep(const StepOptions& options);
// `count` reads of random people by id, then `count` queries by an indexed column, timed.
absl::Status LocalReadStep(const StepOptions& options);

}  // namespace brigada::bench

#endif  // BENCH_LOCAL_STEPS_H_
