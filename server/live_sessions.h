// The sessions that are open now: for fan-out of new heads, the clock's tick, admission and
// shutdown.
#ifndef SERVER_LIVE_SESSIONS_H_
#define SERVER_LIVE_SESSIONS_H_

#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "replica/base/mutex.h"
#include "server/session_runner.h"

namespace brigada {

// Thread safe.
class LiveSessions {
 public:
  explicit LiveSessions(size_t max_sessions);
  ~LiveSessions();

  // False when the server is full or shutting down. An earlier session of the same replica is
  // ended: two would take each other's verdicts.
  bool Add(const std::shared_ptr<SessionRunner>& session);
  void Remove(const SessionRunner* session);
  void OnNewHeads(const std::vector<std::string>& partitions);
  // What this user or this replica may do has changed: their sessions end, and the next ones are
  // judged anew.
  void OnUserChanged(absl::string_view user);
  void OnReplicaChanged(const ReplicaId& replica);
  // Asks every session to end and waits until they have, at most `patience`. No session is added
  // afterwards.
  void Shutdown(absl::Duration patience);
  size_t size() const;

 private:
  std::vector<std::shared_ptr<SessionRunner>> All() const;
  void TickUntilStopped();

  const size_t max_sessions_;
  mutable Mutex mu_;
  CondVar changed_;
  std::unordered_map<const SessionRunner*, std::weak_ptr<SessionRunner>> sessions_
      ABSL_GUARDED_BY(mu_);
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  bool stop_ticking_ ABSL_GUARDED_BY(mu_) = false;
  std::thread ticker_;
};

}  // namespace brigada

#endif  // SERVER_LIVE_SESSIONS_H_
