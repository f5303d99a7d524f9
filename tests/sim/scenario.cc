#include "tests/sim/scenario.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "replica/base/status_macros.h"
#include "tests/sim/sim_random.h"

namespace brigada {
namespace {

constexpr std::array<absl::string_view, kFaultCount> kFaultNames = {"cuts",
                                                                    "byte-budgets",
                                                                    "one-way",
                                                                    "late-frames",
                                                                    "slow-links",
                                                                    "wrong-clocks",
                                                                    "clock-jumps",
                                                                    "frozen-clocks",
                                                                    "server-clock",
                                                                    "long-sleeps",
                                                                    "device-restarts",
                                                                    "device-crashes",
                                                                    "server-restarts",
                                                                    "server-crashes",
                                                                    "full-disks",
                                                                    "disk-errors",
                                                                    "lazy-commits",
                                                                    "grants",
                                                                    "timed-grants",
                                                                    "lost-devices",
                                                                    "moves",
                                                                    "deletes",
                                                                    "unknown-fields",
                                                                    "attacker",
                                                                    "restores",
                                                                    "erasures",
                                                                    "copies",
                                                                    "relays",
                                                                    "bit-flips",
                                                                    "lost-databases",
                                                                    "short-leases",
                                                                    "folios",
                                                                    "old-deletions",
                                                                    "releases",
                                                                    "retries"};

constexpr std::array<absl::string_view, 23> kStepNames = {
    "commit",         "connect", "move",   "server-work",  "clock",  "restart",
    "server-restart", "disk",    "power",  "server-power", "grant",  "revoke",
    "lose-device",    "sleep",   "attack", "discard",      "backup", "restore",
    "erase",          "copy",    "flip",   "release",      "retry"};

using F = Fault;

struct Profile {
  absl::string_view name;
  std::vector<Fault> may;   // each on in half of the histories
  std::vector<Fault> must;  // always on
};

const std::vector<Profile>& Profiles() {
  static const auto& profiles = *new std::vector<Profile>{
      {"calm", {}, {}},
      {"network",
       {F::kCuts, F::kByteBudgets, F::kOneWay, F::kLateFrames, F::kSlowLinks, F::kMoves,
        F::kDeletes, F::kRelays, F::kUnknownFields},
       {}},
      {"clocks",
       {F::kClockJumps, F::kFrozenClocks, F::kServerClock, F::kLongSleeps, F::kDeviceRestarts,
        F::kCuts, F::kDeletes, F::kGrants, F::kShortLeases, F::kOldDeletions},
       {F::kWrongClocks}},
      {"disk",
       {F::kDeviceRestarts, F::kDeviceCrashes, F::kServerRestarts, F::kServerCrashes, F::kFullDisks,
        F::kDiskErrors, F::kLazyCommits, F::kCuts, F::kDeletes},
       {}},
      {"grants",
       {F::kTimedGrants, F::kLostDevices, F::kMoves, F::kDeletes, F::kCuts, F::kLateFrames,
        F::kWrongClocks, F::kServerClock, F::kLongSleeps, F::kDeviceRestarts, F::kShortLeases,
        F::kRetries},
       {F::kGrants}},
      {"attack",
       {F::kCuts, F::kLateFrames, F::kGrants, F::kMoves, F::kServerRestarts},
       {F::kAttacker}},
      {"restore",
       {F::kCuts, F::kByteBudgets, F::kLateFrames, F::kSlowLinks, F::kWrongClocks, F::kLongSleeps,
        F::kServerRestarts, F::kServerCrashes, F::kDeviceRestarts, F::kLazyCommits, F::kGrants,
        F::kLostDevices, F::kMoves, F::kDeletes, F::kErasures, F::kRetries},
       {F::kRestores}},
      {"copies",
       {F::kCuts, F::kByteBudgets, F::kLateFrames, F::kSlowLinks, F::kWrongClocks,
        F::kDeviceRestarts, F::kDeviceCrashes, F::kServerRestarts, F::kServerCrashes,
        F::kLazyCommits, F::kGrants, F::kMoves, F::kDeletes, F::kErasures, F::kRetries},
       {F::kCopies}},
      {kUnmodelledProfile,
       {F::kCuts, F::kByteBudgets, F::kLateFrames, F::kSlowLinks, F::kWrongClocks,
        F::kDeviceRestarts, F::kDeviceCrashes, F::kServerRestarts, F::kServerCrashes, F::kRetries,
        F::kReleases},
       {F::kRestores, F::kCopies}},
      {"release",
       {F::kCuts, F::kByteBudgets, F::kLateFrames, F::kSlowLinks, F::kWrongClocks, F::kLongSleeps,
        F::kServerRestarts, F::kServerCrashes, F::kDeviceRestarts, F::kLostDevices, F::kMoves,
        F::kDeletes, F::kErasures, F::kRestores, F::kCopies},
       {F::kGrants, F::kReleases}},
      {"damage",
       {F::kCuts, F::kByteBudgets, F::kLateFrames, F::kSlowLinks, F::kDeviceRestarts,
        F::kDeviceCrashes, F::kServerRestarts, F::kServerCrashes, F::kFullDisks, F::kDiskErrors,
        F::kLazyCommits, F::kGrants, F::kMoves, F::kDeletes, F::kErasures, F::kRestores, F::kCopies,
        F::kLostDatabases, F::kFolios},
       {F::kBitFlips}},
      {"all",
       {F::kCuts,           F::kByteBudgets,   F::kOneWay,         F::kLateFrames,
        F::kSlowLinks,      F::kWrongClocks,   F::kClockJumps,     F::kFrozenClocks,
        F::kServerClock,    F::kLongSleeps,    F::kDeviceRestarts, F::kDeviceCrashes,
        F::kServerRestarts, F::kServerCrashes, F::kFullDisks,      F::kDiskErrors,
        F::kLazyCommits,    F::kGrants,        F::kTimedGrants,    F::kLostDevices,
        F::kMoves,          F::kDeletes,       F::kUnknownFields,  F::kAttacker,
        F::kRestores,       F::kErasures,      F::kCopies,         F::kRelays,
        F::kBitFlips,       F::kLostDatabases, F::kShortLeases,    F::kFolios,
        F::kOldDeletions,   F::kReleases,      F::kRetries},
       {}},
  };
  return profiles;
}

// Steps that there are only where one of some faults is on, and what they weigh at most.
struct FaultStep {
  std::set<Fault> any_of;
  StepKind kind;
  uint64_t most;

  bool IsOn(const Scenario& scenario) const {
    return std::any_of(any_of.begin(), any_of.end(), [&](Fault f) { return scenario.has(f); });
  }
};

// A draw is made for each in this order.
const std::vector<FaultStep>& FaultSteps() {
  static const auto& steps = *new std::vector<FaultStep>{
      {{F::kClockJumps, F::kFrozenClocks, F::kServerClock}, StepKind::kClock, 6},
      {{F::kDeviceRestarts}, StepKind::kDeviceRestart, 6},
      {{F::kServerRestarts}, StepKind::kServerRestart, 4},
      {{F::kFullDisks, F::kDiskErrors}, StepKind::kDiskFault, 8},
      {{F::kDeviceCrashes, F::kLostDatabases}, StepKind::kDevicePower, 8},
      {{F::kServerCrashes}, StepKind::kServerPower, 6},
      {{F::kGrants}, StepKind::kGrant, 6},
      {{F::kGrants}, StepKind::kRevoke, 4},
      {{F::kLostDevices}, StepKind::kLoseDevice, 2},
      {{F::kLongSleeps, F::kOldDeletions}, StepKind::kSleep, 4},
      {{F::kAttacker}, StepKind::kAttack, 12},
      {{F::kRestores}, StepKind::kBackup, 4},
      {{F::kRestores}, StepKind::kRestore, 4},
      {{F::kErasures}, StepKind::kErase, 4},
      {{F::kCopies}, StepKind::kCopy, 3},
      {{F::kBitFlips}, StepKind::kFlip, 8},
      {{F::kReleases}, StepKind::kRelease, 12},
      {{F::kRetries}, StepKind::kRetry, 6},
  };
  return steps;
}

// False for what nothing would do that is on: the model takes for granted that it is not done.
bool IsPossible(StepKind kind, const Scenario& scenario) {
  const auto& steps = FaultSteps();
  const auto step = std::find_if(steps.begin(), steps.end(), [&](const FaultStep& candidate) {
    return candidate.kind == kind;
  });
  return step == steps.end() || step->IsOn(scenario);
}

struct WeightedStep {
  StepKind kind;
  uint64_t weight;
};

std::vector<WeightedStep> WeightsOf(const Scenario& scenario, SimRandom random) {
  std::vector<WeightedStep> weights = {{StepKind::kCommit, 20 + random.Next() % 40},
                                       {StepKind::kConnect, 15 + random.Next() % 30},
                                       {StepKind::kMoveFrames, 40 + random.Next() % 60},
                                       {StepKind::kServerWork, 10 + random.Next() % 20},
                                       {StepKind::kDiscard, random.Next() % 2}};
  if (scenario.has(F::kReleases)) weights.back().weight += 6;
  for (const FaultStep& step : FaultSteps()) {
    const uint64_t weight = 1 + random.Next() % step.most;
    if (step.IsOn(scenario)) weights.push_back({step.kind, weight});
  }
  return weights;
}

StepKind DrawKind(const std::vector<WeightedStep>& weights, SimRandom* random) {
  uint64_t total = 0;
  for (const WeightedStep& w : weights) total += w.weight;
  uint64_t draw = random->Uniform(total);
  for (const WeightedStep& w : weights) {
    if (draw < w.weight) return w.kind;
    draw -= w.weight;
  }
  return StepKind::kMoveFrames;
}

uint32_t DrawMilliseconds(SimRandom* random) {
  switch (random->Next() % 8) {
    case 0:
      return 0;
    case 1:
      return static_cast<uint32_t>(random->Uniform(60'000));
    default:
      return static_cast<uint32_t>(random->Uniform(1500));
  }
}

}  // namespace

absl::string_view FaultName(Fault fault) { return kFaultNames[static_cast<size_t>(fault)]; }
absl::string_view StepName(StepKind kind) { return kStepNames[static_cast<size_t>(kind)]; }

absl::StatusOr<Scenario> MakeScenario(const SimRequest& request) {
  const auto& profiles = Profiles();
  const auto profile = std::find_if(profiles.begin(), profiles.end(),
                                    [&](const Profile& p) { return p.name == request.profile; });
  if (profile == profiles.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "no profile \"", request.profile, "\"; there are ",
        absl::StrJoin(profiles, ", ",
                      [](std::string* out, const Profile& p) { absl::StrAppend(out, p.name); })));
  }
  const SimRandom root(request.seed);
  Scenario scenario;
  for (const Fault fault : profile->may)
    if (root.Fork(FaultName(fault)).Chance(500)) scenario.faults.insert(fault);
  scenario.faults.insert(profile->must.begin(), profile->must.end());
  // Of a copy that a server which went back takes for the original, what was delivered is not
  // modelled.
  if (scenario.has(F::kRestores) && request.profile != kUnmodelledProfile)
    scenario.faults.erase(F::kCopies);
  // Nor is which deletions a server that went back has forgotten.
  if (scenario.has(F::kRestores)) scenario.faults.erase(F::kOldDeletions);
  scenario.devices = static_cast<int>(3 + root.Fork("devices").Uniform(6));

  SimRandom random = root.Fork("steps");
  const std::vector<WeightedStep> weights = WeightsOf(scenario, root.Fork("weights"));
  for (const Fault fault : request.without) scenario.faults.erase(fault);
  const std::set<uint32_t> only(request.only.begin(), request.only.end());
  for (uint32_t i = 0; i < request.steps; ++i) {
    const Step step{DrawKind(weights, &random), static_cast<uint8_t>(random.Next() % 251),
                    DrawMilliseconds(&random), random.Next()};
    if ((!only.empty() && !only.contains(i)) || !IsPossible(step.kind, scenario)) continue;
    scenario.steps.push_back(step);
    scenario.origin.push_back(i);
  }
  return scenario;
}

std::string CommandFor(const SimRequest& request) {
  std::string command = absl::StrCat("brigada simulate --seed ", request.seed, " --steps ",
                                     request.steps, " --profile ", request.profile);
  if (request.store == SimStore::kRocks) absl::StrAppend(&command, " --store rocksdb");
  if (!request.without.empty()) {
    absl::StrAppend(&command, " --without ",
                    absl::StrJoin(request.without, ",", [](std::string* out, Fault fault) {
                      absl::StrAppend(out, FaultName(fault));
                    }));
  }
  if (!request.only.empty())
    absl::StrAppend(&command, " --only ", absl::StrJoin(request.only, ","));
  return command;
}

absl::StatusOr<std::set<Fault>> ParseFaults(absl::string_view text) {
  std::set<Fault> faults;
  for (const absl::string_view name : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    const auto* const found = std::find(kFaultNames.begin(), kFaultNames.end(), name);
    if (found == kFaultNames.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("no fault \"", name, "\"; there are ", absl::StrJoin(kFaultNames, ", ")));
    }
    faults.insert(static_cast<Fault>(found - kFaultNames.begin()));
  }
  return faults;
}

absl::StatusOr<std::vector<uint32_t>> ParseSteps(absl::string_view text) {
  std::vector<uint32_t> steps;
  for (const absl::string_view number : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    if (!absl::SimpleAtoi(number, &steps.emplace_back()))
      return absl::InvalidArgumentError(absl::StrCat("\"", number, "\" is no step"));
  }
  return steps;
}

}  // namespace brigada
