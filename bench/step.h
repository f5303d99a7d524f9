// A step: a part of a run made by this program in a process of its own. It prepares, says that it
// is ready, waits for the sign, does what is measured, and prints its numbers.
#ifndef BENCH_STEP_H_
#define BENCH_STEP_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bench/child_process.h"

namespace brigada::bench {

// What a step printed, by name.
using Numbers = std::map<std::string, double>;

// The flags of all steps; each reads those it knows.
struct StepOptions {
  std::string name;
  std::string path;          // of the replica or database
  std::string other_path;    // of a second one
  std::string organization;  // directory whose certificate a floor server shows
  std::string scope = "MX/20/067";
  std::string codec = "zstd";
  std::string direction = "push";
  int port = 0;
  int count = 0;
  int per_commit = 1;
  uint64_t seed = 1;
  bool durable = false;
};

// In the child.
// Prints the sign of readiness and waits for the driver's.
void AwaitSign();
void PrintNumber(absl::string_view name, double value);
// This process's peak, as "peak_mib", and its processor time since the sign, as "cpu_s".
void PrintUse();
// Seconds of the system-wide monotonic clock.
double NowSeconds();

// In the driver.
// Starts a step and waits until it is ready.
absl::StatusOr<std::unique_ptr<ChildProcess>> StartStep(const StepOptions& options);
// Gives it the sign, unless it was given, and waits for its numbers.
absl::StatusOr<Numbers> FinishStep(ChildProcess& step);
// Both.
absl::StatusOr<Numbers> RunStep(const StepOptions& options);
// Runs the steps at once: all get the sign together. Returns their numbers, and the seconds from
// the sign to the last one's "end_s".
absl::StatusOr<std::vector<Numbers>> RunTogether(const std::vector<StepOptions>& steps,
                                                 double* together_s);

}  // namespace brigada::bench

#endif  // BENCH_STEP_H_
