// The floor's part of a run: figures of the same names.
#ifndef BENCH_FLOOR_RUN_H_
#define BENCH_FLOOR_RUN_H_

#include "absl/status/status.h"
#include "bench/bench_sizes.h"
#include "bench/figures.h"
#include "bench/organization.h"

namespace brigada::bench {

// Uses the organization's directory and server certificate; its server may run, idle.
absl::Status RunFloor(const BenchSizes& sizes, const BenchOrganization& organization,
                      Figures& figures);

}  // namespace brigada::bench

#endif  // BENCH_FLOOR_RUN_H_
