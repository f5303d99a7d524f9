// One session of a device with its upstream, as a state machine: frames in, frames out. It never
// blocks, reads no clock and opens no connection; a lost connection ends it, the next one is a new
// session that goes on from what the store holds.
#ifndef REPLICA_SYNC_DEVICE_SESSION_H_
#define REPLICA_SYNC_DEVICE_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/store/device_store.h"

namespace brigada {

struct DeviceSessionOptions {
  bool live = false;
  // The store was found to be a copy (FORKED): only what the server can still take under the id
  // that it shares is sent, and the session finishes once that is judged. Then nothing is left that
  // the other copy may have sent, or will, when this one takes another id. Nothing is taken in.
  // kFailedPrecondition "FORKED": the other copy was quicker meanwhile.
  bool settles = false;
  // A session without progress for this long ends with kUnavailable "STALLED: <cause>".
  absl::Duration stall_timeout = absl::Seconds(60);
  absl::Duration ping_interval = absl::Seconds(25);
  size_t batch_target_bytes = 0;  // 0: kBatchTargetBytes
  std::string software;
  // Signs the chain value of each push (the device key). Empty: unsigned, for tests.
  std::function<absl::StatusOr<std::string>(absl::string_view chain)> sign;
};

// How far one partition has come in this session, in commit sequences: for a progress bar.
struct PartitionProgress {
  uint64_t scanned = 0;
  uint64_t head = 0;  // as of the last batch
  // The last batch was a checkpoint: the view is a consistent snapshot.
  bool at_checkpoint = false;
};

// What a session has done so far. Bytes are of frames as serialized; the transport counts its own.
struct SyncProgress {
  enum class Phase { kConnecting, kPushing, kPulling, kLive, kDone, kFailed };
  Phase phase = Phase::kConnecting;
  uint64_t change_sets_sent = 0;
  // Judged by the server, as hints or batches told: for the screen.
  uint64_t change_sets_judged = 0;
  // Verdicts laid into base.
  uint64_t change_sets_confirmed = 0;
  uint64_t change_sets_refused = 0;
  uint64_t records_received = 0;
  uint64_t frame_bytes_sent = 0;
  uint64_t frame_bytes_received = 0;
  uint64_t checkpoints = 0;
  // Scopes that differed from what a checkpoint said; what repairs did about it.
  uint64_t mismatches = 0;
  uint64_t partitions_repaired = 0;
  uint64_t records_repaired = 0;
  // Sums over `partitions`.
  uint64_t scanned = 0;
  uint64_t head = 0;
  // The server said that all it had when asked is sent, and it is applied: every partition is up to
  // date as of then. Stays true while a live session goes on.
  bool is_caught_up = false;
  // Partitions that had news in this session.
  std::map<std::string, PartitionProgress> partitions;
};

// One thread. The store outlives it.
class DeviceSession {
 public:
  DeviceSession(DeviceStore* store, DeviceSessionOptions options, absl::Time device_time,
                absl::Duration monotonic);
  ~DeviceSession();

  // The next frame to send, or nullopt when there is none now. The transport asks when it can send:
  // that is the backpressure.
  absl::StatusOr<std::optional<v1::ClientFrame>> NextFrame();
  // A frame arrived. An error ends the session; its payload-free status says why (Refused becomes
  // the matching code, with retry_after as text and in retry_after()).
  absl::Status OnFrame(const v1::ServerFrame& frame, absl::Duration monotonic);
  // The outbox grew (live mode).
  void OnCommit();
  // Time passes: pings, and the stall watchdog (kUnavailable). Call it about once a second.
  absl::Status OnTick(absl::Duration monotonic);
  // Ends a session in good order: Goodbye is the next frame, finished() follows.
  void Stop();
  // Everything asked for is done; the transport may close.
  bool finished() const;
  const SyncProgress& progress() const;
  std::optional<absl::Duration> retry_after() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace brigada

#endif  // REPLICA_SYNC_DEVICE_SESSION_H_
