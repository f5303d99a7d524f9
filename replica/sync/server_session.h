// One session of the server with a device, as a state machine: frames in, frames out; the
// counterpart of DeviceSession.
#ifndef REPLICA_SYNC_SERVER_SESSION_H_
#define REPLICA_SYNC_SERVER_SESSION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/store/authority_store.h"
#include "replica/store/schema_version.h"

namespace brigada {

// Who is at the other end, as the certificate and the directory say.
struct PeerIdentity {
  ReplicaId replica;
  std::string user;
  // Feeds the user reads now and grants that allow them.
  std::vector<v1::Feed> feeds;
  std::vector<v1::GrantInfo> grants;
  // Number of the last receipt noted of this replica.
  uint64_t receipt = 0;
  // The commit sequence of each partition that every backup still kept holds.
  std::vector<v1::PartitionHead> covered = {};
  // The last revocation of a grant of the user; 0: none.
  uint64_t revocation = 0;
};

// What a session needs of its surroundings. All calls come from the session's own thread.
class ServerSessionHost {
 public:
  virtual ~ServerSessionHost() = default;
  // Judges who it is by server time, once the hello has come: a refusal ends the session with its
  // reason. One session per replica: an earlier one that is still open must be ended first
  // (ServerSession::Refuse), or two copies of a store could take each other's verdicts.
  virtual absl::StatusOr<PeerIdentity> Identify(const v1::Hello& hello, v1::Refused* refused) = 0;
  // Verifies a push signature of this replica.
  virtual absl::Status VerifySignature(const ReplicaId& replica, absl::string_view chain,
                                       absl::string_view signature) = 0;
  // Hands a push to the commit queue, which takes its content; OnPushResult is called later (never
  // from inside this call), once per push and in order. kResourceExhausted: the queue is full,
  // `push` is untouched, the session offers it again at the next OnTick or OnPushResult. Any other
  // error ends the session with INTERNAL.
  virtual absl::Status SubmitPush(PushRequest* push) = 0;
  // Asked before every batch: set when what Identify said of feeds and grants may no longer hold.
  // The session then ends with it, to be judged anew, and the batch is not sent.
  virtual std::optional<v1::Refused> RightsGone() { return std::nullopt; }
  // The device has removed what it may no longer read. Durable on return; an error ends the session
  // with INTERNAL.
  virtual absl::Status NoteReceipt(const v1::Receipt& /*receipt*/) { return absl::OkStatus(); }
  // The checkpoints that the device's cursors stand at, each where this server gave it: deletions
  // up to there are told. May be noted late or not at all.
  virtual void NoteReached(const std::vector<v1::PartitionHead>& /*reached*/) {}
  // A device that found its records other than a checkpoint said has the same as the store after
  // all: the store's sums of the partition may be damaged.
  virtual void DoubtSums(const std::string& /*partition*/) {}
  // This server gave out a point that its store does not know: the store went back. The host begins
  // a new epoch in it, durably, and ends every other session. An error ends this one too.
  virtual absl::Status BeginEpoch(const Epoch& lost_epoch, const Run& lost_run, absl::Time now) = 0;
  // MAC of a cursor for this replica: HMAC-SHA256 over CursorMacInput (cursor_check.h), first 16
  // bytes. Never empty.
  virtual std::string SignCursor(const ReplicaId& replica, const v1::Cursor& cursor) = 0;
};

// What the questions of a repair may read of one partition in a session, in stored records: so many
// times what the first one read, and some besides. A device that differs more goes on in the next
// session, with what it has by then.
struct RepairBudget {
  uint64_t times_first = 16;
  uint64_t besides = 65'536;
};

struct ServerSessionOptions {
  // And as long besides as a slow link needs for what is on its way (session_limits.h).
  absl::Duration stall_timeout = absl::Seconds(60);
  size_t batch_target_bytes = 0;  // 0: kBatchTargetBytes
  size_t max_pushes_in_flight = 4;
  RepairBudget repair_budget = {};
  // The organization's public key, told in the welcome (replica/store/sealed_body.h). Not empty:
  // the host gives the pushes that it queues the key that opens what is sealed to it. Empty: not
  // told.
  std::string seal_key = {};
  // Up to which the store judges (replica/store/schema_version.h), told in the welcome.
  uint32_t schema_version = kSchemaVersion;
};

struct ServerSessionStats {
  uint64_t change_sets = 0;
  uint64_t entries_sent = 0;
  uint64_t frame_bytes_sent = 0;
  uint64_t frame_bytes_received = 0;
};

// One thread at a time. Store and host outlive it.
class ServerSession {
 public:
  ServerSession(const AuthorityStore* store, ServerSessionHost* host,
                const ServerSessionOptions& options);
  ~ServerSession();

  // A frame arrived. False from wants_frames() asks the transport not to read more until it is true
  // again.
  void OnFrame(const v1::ClientFrame& frame, absl::Time now);
  bool wants_frames() const;
  void OnPushResult(const PushResult& result);
  // A partition got a new head (live fan-out). Cheap; the session reads feeds only in NextFrame.
  void OnNewHead(absl::string_view partition);
  // Time passes: the stall watchdog, and pushes that found the commit queue full. About once a
  // second, with a monotonic time: a wall clock that is set ends no session.
  void OnTick(absl::Duration now);
  // Ends the session with `refused` as the next frame: the server shuts down, or the session must
  // start again (its user's grants changed, the store went back).
  void Refuse(v1::Refused refused);
  // The next frame to send, or nullopt when there is none now. Asked for only when the previous one
  // is on its way, so a slow reader costs one frame of memory. Reads the store.
  std::optional<v1::ServerFrame> NextFrame(absl::Time now);
  // After the last frame: the stream may be closed.
  bool finished() const;
  // How long the frame that is being sent may take.
  absl::Duration sending_patience() const;
  // Why it was refused; OK otherwise. For the log.
  absl::Status outcome() const;
  const ServerSessionStats& stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace brigada

#endif  // REPLICA_SYNC_SERVER_SESSION_H_
