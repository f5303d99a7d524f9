// Runs one ServerSession on a strand: moves frames between it and the stream, pushes to the commit
// queue and back.
#ifndef SERVER_SESSION_RUNNER_H_
#define SERVER_SESSION_RUNNER_H_

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "replica/base/clock.h"
#include "replica/base/mutex.h"
#include "replica/crypto/mac.h"
#include "replica/crypto/seal.h"
#include "replica/sync/server_session.h"
#include "server/commit_queue.h"
#include "server/executor.h"
#include "server/frame_sink.h"
#include "server/session_host.h"
#include "server/session_notes.h"

namespace brigada {

class SessionRunner;

// What all sessions share. Outlives them.
struct SessionContext {
  AuthorityStore* store = nullptr;
  const MacKey* cursor_key = nullptr;
  const SealKey* seal_key = nullptr;
  CommitQueue* commit_queue = nullptr;
  SessionNotes* notes = nullptr;
  Executor* executor = nullptr;
  const Clock* clock = nullptr;
  ServerSessionOptions session_options;
  // A session that has lasted this long (give or take a tenth, by replica) is asked to begin anew.
  absl::Duration max_session_age = absl::InfiniteDuration();
  // The store began a new epoch, found out by this session: the others have to start again.
  std::function<absl::Status(const SessionRunner*)> on_new_epoch;
  // ServerSessionHost::DoubtSums. Returns at once.
  std::function<void(const std::string& partition)> on_doubted_sums = {};
};

// The public methods may be called from any thread; they post to the strand and return at once.
// Ticks and new heads that come while the strand has not got to the earlier ones join them: however
// many there are, one task waits. Keeps itself alive through its tasks.
class SessionRunner : public std::enable_shared_from_this<SessionRunner> {
 public:
  // `certificate_replica`: whom the TLS handshake proved, zero without a client certificate. `sink`
  // stays valid until its Finish was called.
  SessionRunner(SessionContext* context, FrameSink* sink, const ReplicaId& certificate_replica);
  ~SessionRunner();

  void Start();
  void OnFrame(v1::ClientFrame frame);
  // The device sends no more, or the link is gone.
  void OnReadEnd();
  void OnWritten(bool ok);
  void OnCancelled();
  // Costs next to nothing when the session reads none of them.
  void OnNewHeads(const std::vector<std::string>& partitions);
  void OnTick();
  // The session ends with `refused` as its last frame. `then` runs on the strand once it hands
  // nothing more to the commit queue.
  void OnEnd(v1::Refused refused, std::function<void()> then = {});
  // The same, if the session is this user's.
  void EndIfOf(std::string user, v1::Refused refused);
  const ReplicaId& replica() const { return replica_; }

 private:
  // What came while the strand was busy.
  struct Wake {
    std::set<std::string> heads;
    bool tick = false;
  };

  // Posts the task that takes the wake, unless it is posted already.
  void PostWake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(wake_mu_);

  SessionSurroundings Surroundings();

  // All below run on the strand.
  void NoteFeeds(const std::vector<v1::Feed>& feeds);
  void TakeWake();
  void OnPushResult(const PushResult& result);
  void Pump();
  void Read();
  void Tick();
  void End(const absl::Status& status);
  void NoteSession();

  SessionContext* const context_;
  const ReplicaId replica_;
  const absl::Duration ends_at_;  // monotonic
  const std::shared_ptr<Strand> strand_;

  Mutex wake_mu_;
  Wake wake_ ABSL_GUARDED_BY(wake_mu_);
  bool is_wake_posted_ ABSL_GUARDED_BY(wake_mu_) = false;
  // Partitions of the session's feeds, once they are known.
  std::set<std::string> reads_ ABSL_GUARDED_BY(wake_mu_);

  // The strand's.
  FrameSink* sink_;  // null after Finish
  std::unique_ptr<SessionHost> host_;
  std::unique_ptr<ServerSession> session_;
  bool reading_ = false;
  bool read_ended_ = false;
  bool writing_ = false;
  absl::Duration write_started_;  // monotonic
};

}  // namespace brigada

#endif  // SERVER_SESSION_RUNNER_H_
