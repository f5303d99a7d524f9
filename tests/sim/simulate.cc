#include "tests/sim/simulate.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "replica/base/status_macros.h"

namespace brigada {
namespace {

void AddTo(const SimResult& one, SimResult* all) {
  all->commits += one.commits;
  all->verdicts += one.verdicts;
  all->conflicts += one.conflicts;
  all->refused += one.refused;
  all->frames += one.frames;
  all->sessions += one.sessions;
  all->crashes += one.crashes;
  all->restores += one.restores;
  all->erasures += one.erasures;
  all->releases += one.releases;
  all->copies += one.copies;
  all->recoveries += one.recoveries;
  all->renewals += one.renewals;
  all->forgotten += one.forgotten;
}

// RocksDB's own threads write meanwhile, so a cut or a bit of its files need not hit the same
// twice.
bool IsRepeatable(const SimRequest& request) {
  if (request.store == SimStore::kMemory) return true;
  const auto scenario = MakeScenario(request);
  constexpr Fault kByPlace[] = {Fault::kDeviceCrashes, Fault::kServerCrashes, Fault::kBitFlips,
                                Fault::kLostDatabases};
  return scenario.ok() && std::none_of(std::begin(kByPlace), std::end(kByPlace),
                                       [&](Fault fault) { return scenario->has(fault); });
}

// "I9" of "I9: a record ...".
std::string InvariantOf(const SimResult& result) {
  return std::vector<std::string>(absl::StrSplit(result.failure, ':'))[0];
}

class Shortener {
 public:
  explicit Shortener(const SimFailure& failure)
      : best_(failure), invariant_(InvariantOf(failure.result)) {}

  SimFailure Run() {
    if (best_.request.only.empty()) {
      best_.request.only.resize(std::min(best_.request.steps, best_.result.step + 1));
      std::iota(best_.request.only.begin(), best_.request.only.end(), 0);
      SimRequest whole = best_.request;
      Try(whole);
    }
    DropFaults();
    for (size_t chunk = std::max<size_t>(1, best_.request.only.size() / 2);; chunk /= 2) {
      while (DropSteps(chunk)) {
      }
      if (chunk <= 1 || runs_ >= kMaxRuns) break;
    }
    DropFaults();
    return best_;
  }

 private:
  static constexpr int kMaxRuns = 600;

  bool Try(const SimRequest& request) {
    if (++runs_ > kMaxRuns) return false;
    const auto result = RunHistory(request);
    if (!result.ok() || result->failure.empty() || InvariantOf(*result) != invariant_) return false;
    best_ = {request, *result};
    return true;
  }

  void DropFaults() {
    for (int i = 0; i < kFaultCount; ++i) {
      const auto fault = static_cast<Fault>(i);
      const auto scenario = MakeScenario(best_.request);
      if (!scenario.ok() || !scenario->has(fault)) continue;
      SimRequest request = best_.request;
      request.without.insert(fault);
      Try(request);
    }
  }

  // Leaves out `chunk` steps at a time; true when that shortened it.
  bool DropSteps(size_t chunk) {
    const size_t before = best_.request.only.size();
    for (size_t at = 0; at < best_.request.only.size() && best_.request.only.size() > 1;) {
      SimRequest request = best_.request;
      const auto begin = request.only.begin() + static_cast<std::ptrdiff_t>(at);
      const size_t length = std::min(chunk, request.only.size() - at);
      request.only.erase(begin, begin + static_cast<std::ptrdiff_t>(length));
      if (request.only.empty() || !Try(request)) at += chunk;
    }
    return best_.request.only.size() < before;
  }

  SimFailure best_;
  const std::string invariant_;
  int runs_ = 0;
};

}  // namespace

absl::StatusOr<SimSummary> Simulate(SimRequest first, uint64_t count, size_t max_failures,
                                    const std::function<void(const SimSummary&)>& progress) {
  SimSummary summary;
  SimRequest request = std::move(first);
  for (uint64_t i = 0; i < count && summary.failures.size() < max_failures; ++i, ++request.seed) {
    ASSIGN_OR_RETURN(SimResult result, RunHistory(request));
    ++summary.histories;
    AddTo(result, &summary.totals);
    if (request.seed % 100 == 0 && result.failure.empty() && IsRepeatable(request)) {
      ASSIGN_OR_RETURN(const SimResult again, RunHistory(request));
      ++summary.twice;
      if (again.trace != result.trace) result.failure = "R15: the same seed gave another history";
    }
    if (!result.failure.empty()) summary.failures.push_back({request, result});
    if (progress) progress(summary);
  }
  return summary;
}

SimFailure Shorten(const SimFailure& failure) { return Shortener(failure).Run(); }

std::string Describe(const SimFailure& failure) {
  std::string text =
      absl::StrCat("seed ", failure.request.seed, ", profile ", failure.request.profile, ", step ",
                   failure.result.step, ": ", failure.result.failure, "\n");
  const auto scenario = MakeScenario(failure.request);
  if (scenario.ok()) {
    absl::StrAppend(&text, "faults: ",
                    absl::StrJoin(scenario->faults, " ",
                                  [](std::string* out, Fault fault) {
                                    absl::StrAppend(out, FaultName(fault));
                                  }),
                    "; ", scenario->devices, " devices, ", scenario->steps.size(), " steps\n");
    for (size_t i = 0; i < scenario->steps.size() && scenario->steps.size() <= 60; ++i) {
      const Step& step = scenario->steps[i];
      absl::StrAppend(&text, "  ", scenario->origin[i], " ", StepName(step.kind), " device ",
                      step.node % scenario->devices, " after ", step.milliseconds, " ms\n");
    }
  }
  absl::StrAppend(&text, CommandFor(failure.request), "\n");
  return text;
}

}  // namespace brigada
