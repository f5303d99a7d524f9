// One run of everything: the product's figures, and the floor's beside them.
#ifndef BENCH_SYNC_BENCH_H_
#define BENCH_SYNC_BENCH_H_

#include <string>

#include "absl/status/status.h"
#include "bench/bench_sizes.h"
#include "bench/figures.h"

namespace brigada::bench {

struct BenchOptions {
  BenchSizes sizes;
  std::string server_binary;
  // An existing directory on the disk to be measured; the run makes and removes one inside it.
  std::string directory;
  bool with_floor = true;
  // The run's directory stays, to be looked into.
  bool keeps_directory = false;
};

// Adds one run's numbers. Progress goes to the standard error. An error names the step; what was
// added before it stays.
absl::Status RunBench(const BenchOptions& options, Figures& figures);

}  // namespace brigada::bench

#endif  // BENCH_SYNC_BENCH_H_
