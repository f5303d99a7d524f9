// Many histories, one after another: what `brigada simulate` and the tests run.
#ifndef TESTS_SIM_SIMULATE_H_
#define TESTS_SIM_SIMULATE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/sim/current_history.h"  // part of what a program that runs histories needs
#include "tests/sim/scenario.h"
#include "tests/sim/sim_world.h"

namespace brigada {

struct SimFailure {
  SimRequest request;
  SimResult result;
};

struct SimSummary {
  uint64_t histories = 0;
  uint64_t twice = 0;  // of those, run a second time to compare the traces
  SimResult totals;
  std::vector<SimFailure> failures;
};

// Runs the histories of `count` seeds from `first` on, every hundredth of them twice where
// the place of a fault is the same every time. Stops after `max_failures`. `progress` may be null.
absl::StatusOr<SimSummary> Simulate(SimRequest first, uint64_t count, size_t max_failures,
                                    const std::function<void(const SimSummary&)>& progress);

// A shorter history that fails in the same invariant: faults left out, then steps.
SimFailure Shorten(const SimFailure& failure);

// A few lines for people: seed, what was violated and where, the command to run it again.
std::string Describe(const SimFailure& failure);

}  // namespace brigada

#endif  // TESTS_SIM_SIMULATE_H_
