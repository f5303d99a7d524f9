// What a history consists of: which faults are on, how often, and the list of its steps. All of it
// is drawn before anything happens, and every step has a seed of its own, so a shorter history is
// the same list with steps left out.
#ifndef TESTS_SIM_SCENARIO_H_
#define TESTS_SIM_SCENARIO_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace brigada {

enum class Fault : uint8_t {
  kCuts,            // connections break, frames on their way are lost
  kByteBudgets,     // a connection breaks in mid-frame after so many bytes
  kOneWay,          // nothing arrives any more in one direction
  kLateFrames,      // what was on its way at a break arrives later
  kSlowLinks,       // few frames move at a time
  kWrongClocks,     // up to 30 years off
  kClockJumps,      // also in mid-session
  kFrozenClocks,    //
  kServerClock,     // the server's clock is set, up to an hour
  kLongSleeps,      // days pass
  kDeviceRestarts,  // the process ends, the machine goes on
  kDeviceCrashes,   // power loss in the middle of an operation of the disk
  kServerRestarts,
  kServerCrashes,
  kFullDisks,
  kDiskErrors,   // a write or sync fails
  kLazyCommits,  // devices commit with Durability::kMemory
  kGrants,       // administrators give and take
  kTimedGrants,  // grants that begin and end by themselves
  kLostDevices,  // a device is revoked
  kMoves,
  kDeletes,
  kUnknownFields,  // devices of a newer schema
  kAttacker,
  kRestores,       // backups are taken and put back; the server's machine is set back
  kErasures,       // records are erased for good
  kCopies,         // a device's disk is copied, and both go on
  kRelays,         // connections go through somebody who holds many frames and can lose either side
  kBitFlips,       // a bit of a file of a store turns
  kLostDatabases,  // a power cut takes a device's database and leaves its outbox mirror
  kShortLeases,    // leases end, and are renewed once their device is told
  kFolios,         // devices number what they make
  kOldDeletions,   // devices stay away for so long that what was deleted is forgotten
  kReleases,       // administrators release what is in quarantine
  kRetries,        // people send again what was refused, as it was or changed
};
inline constexpr int kFaultCount = 35;
absl::string_view FaultName(Fault fault);

enum class StepKind : uint8_t {
  kCommit,
  kConnect,
  kMoveFrames,
  kServerWork,  // commits what waits
  kClock,
  kDeviceRestart,
  kServerRestart,
  kDiskFault,
  kDevicePower,
  kServerPower,
  kGrant,
  kRevoke,
  kLoseDevice,
  kSleep,
  kAttack,
  kDiscard,
  kBackup,
  kRestore,
  kErase,
  kCopy,
  kFlip,
  kRelease,
  kRetry,
};
absl::string_view StepName(StepKind kind);

struct Step {
  StepKind kind = StepKind::kCommit;
  uint8_t node = 0;  // which device, modulo their number
  uint32_t milliseconds = 0;
  uint64_t seed = 0;
};

enum class SimStore : uint8_t { kMemory, kRocks };

// Restores and copies together, with the checks that need no model (SimWorld::is_modelled).
inline constexpr char kUnmodelledProfile[] = "mixed";

// Names a history. The same request gives the same history.
struct SimRequest {
  uint64_t seed = 1;
  uint32_t steps = 200;
  std::string profile = "all";
  SimStore store = SimStore::kMemory;
  // To shorten it: faults that are off whatever was drawn, and the steps that stay (empty: all).
  std::set<Fault> without;
  std::vector<uint32_t> only;
};

struct Scenario {
  std::set<Fault> faults;
  int devices = 4;
  std::vector<Step> steps;
  // Index of each step in the whole history.
  std::vector<uint32_t> origin;

  bool has(Fault fault) const { return faults.contains(fault); }
};

// kInvalidArgument: no such profile; the message lists them.
absl::StatusOr<Scenario> MakeScenario(const SimRequest& request);
// "brigada simulate ..." for this request.
std::string CommandFor(const SimRequest& request);
// The inverse of what CommandFor writes for --without and --only.
absl::StatusOr<std::set<Fault>> ParseFaults(absl::string_view text);
absl::StatusOr<std::vector<uint32_t>> ParseSteps(absl::string_view text);

}  // namespace brigada

#endif  // TESTS_SIM_SCENARIO_H_
