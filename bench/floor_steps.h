// The floor's steps, beside those of client_steps.h and local_steps.h.
#ifndef BENCH_FLOOR_STEPS_H_
#define BENCH_FLOOR_STEPS_H_

#include "absl/status/status.h"
#include "bench/step.h"

namespace brigada::bench {

// Serves the store at `path` on `port` until it gets the sign; ready when it listens.
absl::Status FloorServeStep(const StepOptions& options);
// "push": sends `count` records. "pull": takes all the server has into the store at `path`.
absl::Status FloorTransferStep(const StepOptions& options);
// `count` times: a synced write here, a round trip with a synced write there, a synced write here.
absl::Status FloorLatencyStep(const StepOptions& options);
// `count` puts into the store at `path`, with fsync if `durable`, timed one by one.
absl::Status FloorPutStep(const StepOptions& options);
// Fills the store at `path` with `count` records and reads as many at random.
absl::Status FloorGetStep(const StepOptions& options);

}  // namespace brigada::bench

#endif  // BENCH_FLOOR_STEPS_H_
