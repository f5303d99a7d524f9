// Runs one ServerSession on a strand: moves frames between it and the stream, pushes to the commit
// queue and back.
#ifndef SERVER_SESSION_RUNNER_H_
#define SERVER_SESSION_RUNNER_H_

#include <memory>
#include <string>
#include <vector>

#include "replica/base/clock.h"
#include "replica/sync/server_session.h"
#include "server/commit_queue.h"
#include "server/executor.h"
#include "server/frame_sink.h"
#include "server/organization.h"

namespace brigada {

// What all sessions share. Outlives them.
struct SessionContext {
  Organization* organization = nullptr;
  CommitQueue* commit_queue = nullptr;
  Executor* executor = nullptr;
  const Clock* clock = nullptr;
  ServerSessionOptions session_options;
};

// The public methods may be called from any thread; they post to the strand and return at once.
// Keeps itself alive through its tasks.
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
  void OnNewHeads(const std::vector<std::string>& partitions);
  void OnTick();
  // The session ends and may begin again: the server stops, or what its device may do has changed.
  void OnShutdown();
  // OnShutdown, if the session is this user's.
  void EndIfOf(std::string user);
  const ReplicaId& replica() const { return replica_; }

 private:
  class Host;

  // All below run on the strand.
  void Pump();
  void Read();
  void Tick();
  void End(const absl::Status& status);
  void NoteSessionInDirectory();

  SessionContext* const context_;
  const ReplicaId replica_;
  const std::shared_ptr<Strand> strand_;
  FrameSink* sink_;  // null after Finish
  std::unique_ptr<Host> host_;
  std::unique_ptr<ServerSession> session_;
  bool reading_ = false;
  bool read_ended_ = false;
  bool writing_ = false;
  absl::Duration write_started_;  // monotonic
};

}  // namespace brigada

#endif  // SERVER_SESSION_RUNNER_H_
