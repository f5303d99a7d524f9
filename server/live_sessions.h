// The sessions that are open now: for admission, fan-out of new heads, the clock's tick and
// shutdown.
#ifndef SERVER_LIVE_SESSIONS_H_
#define SERVER_LIVE_SESSIONS_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "replica/base/clock.h"
#include "replica/base/mutex.h"
#include "server/admission.h"
#include "server/session_runner.h"

namespace brigada {

// Thread safe.
class LiveSessions {
 public:
  // `clock` outlives it.
  LiveSessions(const AdmissionLimits& limits, const Clock* clock)
      : clock_(clock), admission_(limits) {}

  // Nullopt: the session is in, until Remove. Else why not, and when to come back: the server is
  // full or busy, suspended or shutting down. An earlier session of the same replica is ended (two
  // would take each other's verdicts), and its place goes to the new one.
  std::optional<v1::Refused> Admit(const std::shared_ptr<SessionRunner>& session);
  void Remove(const SessionRunner* session);
  void OnNewHeads(const std::vector<std::string>& partitions);
  void OnTick();
  // What this user or this replica may do has changed: their sessions end, and the next ones are
  // judged anew.
  void OnUserChanged(absl::string_view user);
  void OnReplicaChanged(const ReplicaId& replica);
  // The same, and waits until what they had of pushes is with the commit queue. False: it is not
  // within `patience`. Not on a thread of the executor that the sessions run on.
  bool EndSessionsOf(const ReplicaId& replica, absl::Duration patience);
  // The store began a new epoch: every session but `except` ends and starts again in it.
  void OnNewEpoch(const SessionRunner* except);
  // The store failed: every session ends, and no other is admitted, each with StoreStopped.
  void Suspend();
  // Asks every session to end, each with a time of its own to come back at, and waits until they
  // have, at most `patience`. No session is admitted afterwards.
  void Shutdown(absl::Duration patience);
  size_t size() const;

 private:
  std::vector<std::shared_ptr<SessionRunner>> All() const;
  // When one of many sessions that end together is to come back.
  absl::Duration PlaceOfOneMore();
  std::optional<v1::Refused> Judge(const SessionRunner& session, size_t others)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Clock* const clock_;

  mutable Mutex mu_;
  CondVar changed_;
  Admission admission_ ABSL_GUARDED_BY(mu_);
  std::unordered_map<const SessionRunner*, std::weak_ptr<SessionRunner>> sessions_
      ABSL_GUARDED_BY(mu_);
  struct Newest {
    const SessionRunner* session;
    // How many sessions of the replica before it were open when the next one came.
    int replaced = 0;
  };
  std::map<ReplicaId, Newest> newest_ ABSL_GUARDED_BY(mu_);
  bool suspended_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace brigada

#endif  // SERVER_LIVE_SESSIONS_H_
