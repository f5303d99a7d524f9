// How a replica is opened and how it syncs.
#ifndef BRIGADA_OPTIONS_H_
#define BRIGADA_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "replica/base/clock.h"
#include "replica/base/random.h"

namespace brigada {

class Registry;
class Transport;

enum class DurabilityLevel {
  // A write is on disk when it returns: it survives a dead battery. The default.
  kSync,
  // A write survives the death of the process, not of the device: after a power cut the last such
  // writes may be gone, all together from one moment on, never one in the middle. For imports that
  // can be run again.
  kProcess,
};

struct Options {
  // Directory of the replica. One process at a time opens it.
  std::string path;
  // Makes the directory and a new replica in it when absent. False: Open answers kNotFound.
  bool create_if_missing = true;
  DurabilityLevel durability = DurabilityLevel::kSync;
  // Record types; null means those of Brigada. A replica opened with fewer types keeps and forwards
  // records of the others.
  const Registry* registry = nullptr;
  // Time and randomness, for tests. Null: the system's.
  const Clock* clock = nullptr;
  Random* random = nullptr;
  // How to reach the upstream. Null: gRPC with mutual TLS to the server the replica enrolled with.
  std::shared_ptr<Transport> transport;
};

enum class SyncPhase { kIdle, kConnecting, kPushing, kPulling, kLive, kWaiting };

// Where a session stands. Bytes are those of frames as sent, before TLS.
struct SyncState {
  SyncPhase phase = SyncPhase::kIdle;
  uint64_t change_sets_sent = 0;
  uint64_t change_sets_confirmed = 0;
  uint64_t change_sets_refused = 0;
  uint64_t records_received = 0;
  uint64_t bytes_sent = 0;
  uint64_t bytes_received = 0;
  // Pull progress in commit sequences over all partitions: done of total.
  uint64_t pulled = 0;
  uint64_t pull_total = 0;
};

struct SyncOptions {
  // host:port to sync with instead of the server named in the invitation, which must hold the
  // organization's certificate for that host. Empty: that server.
  std::string server;
  // Called as the session advances, at most some ten times a second, on the syncing thread, never
  // under a lock.
  std::function<void(const SyncState&)> on_progress;
  // A round that takes longer is cut; what arrived stays. Background sync ignores it.
  absl::Duration deadline = absl::InfiniteDuration();
  // Without progress for this long, and as long besides as what is on its way takes at 4 KiB/s, a
  // session ends with kUnavailable "STALLED: cause".
  absl::Duration stall_timeout = absl::Seconds(60);
  // A round stops before it sends more than this, over all its connections, and as soon as it has
  // received it (by one frame more at most); the next round goes on there. 0: no limit. Background:
  // for each session.
  uint64_t byte_budget = 0;
  // Background: the first try, and the first one after a good session, are spread over this long,
  // so that a network's return does not bring everybody at once.
  absl::Duration initial_spread = absl::Seconds(30);
  // Background: the very first try is not spread, as somebody waits for it.
  bool begins_at_once = false;
  // Between tries that fail; a time that the server asks for comes before it.
  absl::Duration backoff_min = absl::Seconds(1);
  absl::Duration backoff_max = absl::Minutes(10);
};

struct SyncReport {
  SyncState totals;
  absl::Duration elapsed;
  // Connections it took: 1 unless the link was cut.
  int connections = 0;
};

// A place of which this replica's user may read nothing more: the grant ended, or was taken back.
struct EndedPlace {
  std::string scope;  // its path
  // That left this replica for it; not those whose unsent work keeps them yet.
  uint64_t records = 0;
  absl::Time at;  // when the server said so
  bool operator==(const EndedPlace& other) const = default;
};

struct SyncStatus {
  SyncPhase phase = SyncPhase::kIdle;
  uint64_t pending = 0;   // change sets without a verdict
  uint64_t rejected = 0;  // refused change sets that wait for somebody
  uint64_t open_conflicts = 0;
  // When this replica was last known to be up to date; moves on while a live session is.
  absl::Time last_success = absl::InfinitePast();
  absl::Time oldest_pending = absl::InfiniteFuture();
  // Of the last try, whichever process made it; empty after a success and while up to date.
  std::string last_error;
  absl::StatusCode last_error_code = absl::StatusCode::kOk;
  absl::Time last_error_at = absl::InfinitePast();
  // Why the last session was given up for lack of progress, in a few words; empty once something
  // moved again. Background sync begins another one by itself, over a new connection.
  std::string stalled;
  // When the server asked to be asked again, if the last session of this process ended so; else
  // InfinitePast.
  absl::Time retry_at = absl::InfinitePast();
  uint64_t stalls = 0;  // since the replica was opened
  SyncState session;    // of the session that runs, if any
  // False before the first sync that came to its end, or the first since a recovery, and while a
  // pull runs: work of others is missing, or shows in part.
  bool consistent = true;
  // A checkpoint showed that something here is not as the server has it; the next session repairs
  // it. When that was last seen, and what repairs have done since the replica was made.
  bool repair_due = false;
  absl::Time last_mismatch = absl::InfinitePast();
  absl::Time last_repair = absl::InfinitePast();
  uint64_t records_repaired = 0;
  // Judged change sets of this device that are kept, to be sent again should the server lose them:
  // until every backup of it holds them, and in each partition within these bounds. The oldest go
  // first.
  uint64_t retained = 0;
  uint64_t retained_bytes = 0;
  uint64_t retained_bytes_max = 0;
  absl::Duration retained_for;
  // In the order in which they ended, the last 64; until they are read again. Work that was refused
  // there is in Rejections().
  std::vector<EndedPlace> ended_places;
};

}  // namespace brigada

#endif  // BRIGADA_OPTIONS_H_
