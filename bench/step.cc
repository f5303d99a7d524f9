#include "bench/step.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "replica/base/clock.h"
#include "replica/base/status_macros.h"

namespace brigada::bench {
namespace {

constexpr absl::string_view kReady = "ready";

// One step to a process, one thread.
double processor_seconds_at_sign = 0;

std::vector<std::string> CommandOf(const StepOptions& options) {
  return {OwnPath(),
          "step",
          options.name,
          "--path",
          options.path,
          "--other-path",
          options.other_path,
          "--organization",
          options.organization,
          "--scope",
          options.scope,
          "--codec",
          options.codec,
          "--direction",
          options.direction,
          "--port",
          absl::StrCat(options.port),
          "--count",
          absl::StrCat(options.count),
          "--per-commit",
          absl::StrCat(options.per_commit),
          "--seed",
          absl::StrCat(options.seed),
          "--durable",
          options.durable ? "true" : "false"};
}

absl::StatusOr<Numbers> ParseNumbers(const std::string& text) {
  Numbers numbers;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(' ', 1));
    double value = 0;
    if (!absl::SimpleAtod(parts.second, &value))
      return absl::InternalError(absl::StrCat("a step printed: ", line));
    numbers[std::string(parts.first)] = value;
  }
  return numbers;
}

}  // namespace

void AwaitSign() {
  absl::PrintF("%s\n", kReady);
  std::fflush(stdout);
  std::array<char, 16> ignored{};
  while (read(STDIN_FILENO, ignored.data(), ignored.size()) > 0) continue;
  processor_seconds_at_sign = ProcessorSeconds(getpid());
}

void PrintNumber(absl::string_view name, double value) {
  absl::PrintF("%s %.9f\n", name, value);
  std::fflush(stdout);
}

void PrintUse() {
  PrintNumber("cpu_s", ProcessorSeconds(getpid()) - processor_seconds_at_sign);
  PrintNumber("peak_mib", PeakMemoryMib(getpid()));
}

double NowSeconds() { return absl::ToDoubleSeconds(SystemClock().Monotonic()); }

absl::StatusOr<std::unique_ptr<ChildProcess>> StartStep(const StepOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<ChildProcess> step, ChildProcess::Start(CommandOf(options)));
  const absl::StatusOr<std::string> line = step->ReadLine();
  if (!line.ok() || *line != kReady)
    return absl::InternalError(absl::StrCat("step ", options.name, " did not get ready"));
  return step;
}

absl::StatusOr<Numbers> FinishStep(ChildProcess& step) {
  ASSIGN_OR_RETURN(const std::string text, step.Finish());
  return ParseNumbers(text);
}

absl::StatusOr<Numbers> RunStep(const StepOptions& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ChildProcess> step, StartStep(options));
  return FinishStep(*step);
}

absl::StatusOr<std::vector<Numbers>> RunTogether(const std::vector<StepOptions>& steps,
                                                 double* together_s) {
  std::vector<std::unique_ptr<ChildProcess>> children;
  for (const StepOptions& options : steps) {
    ASSIGN_OR_RETURN(std::unique_ptr<ChildProcess> child, StartStep(options));
    children.push_back(std::move(child));
  }
  const double start = NowSeconds();
  for (const std::unique_ptr<ChildProcess>& child : children) child->CloseInput();
  std::vector<Numbers> results;
  double end = start;
  for (const std::unique_ptr<ChildProcess>& child : children) {
    ASSIGN_OR_RETURN(Numbers numbers, FinishStep(*child));
    end = std::max(end, numbers["end_s"]);
    results.push_back(std::move(numbers));
  }
  *together_s = end - start;
  return results;
}

}  // namespace brigada::bench
