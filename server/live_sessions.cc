#include "server/live_sessions.h"

#include <algorithm>
#include <cstdint>

#include "absl/time/clock.h"
#include "server/turn_away.h"

namespace brigada {
namespace {

// Enough to close the old connection before the next is asked for.
constexpr absl::Duration kComeBackSoon = absl::Seconds(2);
constexpr absl::Duration kLongestWait = absl::Minutes(10);

// Two copies of one replica would drive each other out for ever; what waits longer each time is
// read by whoever still listens, which a device that lost its link does not.
absl::Duration WaitAfter(int times_replaced) {
  const int doublings = std::min(times_replaced - 1, 16);
  return std::min(kComeBackSoon * (int64_t{1} << doublings), kLongestWait);
}

}  // namespace

std::optional<v1::Refused> LiveSessions::Judge(const SessionRunner& session, size_t others) {
  if (closed_) return ServerStops(admission_.NextPlace(clock_->Monotonic()));
  if (suspended_) return StoreStopped(session.replica());
  const std::optional<absl::Duration> wait = admission_.Ask(others, clock_->Monotonic());
  if (wait.has_value()) return TooManySessions(*wait);
  return std::nullopt;
}

std::optional<v1::Refused> LiveSessions::Admit(const std::shared_ptr<SessionRunner>& session) {
  std::shared_ptr<SessionRunner> earlier;
  int times = 0;
  {
    const MutexLock lock(&mu_);
    const auto newest = newest_.find(session->replica());
    const bool replaces = newest != newest_.end();
    std::optional<v1::Refused> refused = Judge(*session, sessions_.size() - (replaces ? 1 : 0));
    if (refused.has_value()) return refused;
    if (replaces) {
      earlier = sessions_[newest->second.session].lock();
      times = newest->second.replaced + 1;
    }
    sessions_[session.get()] = session;
    newest_[session->replica()] = {session.get(), times};
  }
  if (earlier != nullptr) earlier->OnEnd(AnotherSession(WaitAfter(times)));
  return std::nullopt;
}

void LiveSessions::Remove(const SessionRunner* session) {
  const MutexLock lock(&mu_);
  sessions_.erase(session);
  const auto newest = newest_.find(session->replica());
  if (newest != newest_.end() && newest->second.session == session) newest_.erase(newest);
  changed_.SignalAll();
}

std::vector<std::shared_ptr<SessionRunner>> LiveSessions::All() const {
  const MutexLock lock(&mu_);
  std::vector<std::shared_ptr<SessionRunner>> all;
  all.reserve(sessions_.size());
  for (const auto& [key, weak] : sessions_) {
    if (std::shared_ptr<SessionRunner> session = weak.lock()) all.push_back(std::move(session));
  }
  return all;
}

void LiveSessions::OnNewHeads(const std::vector<std::string>& partitions) {
  for (const auto& session : All()) session->OnNewHeads(partitions);
}

void LiveSessions::OnTick() {
  for (const auto& session : All()) session->OnTick();
}

void LiveSessions::OnUserChanged(absl::string_view user) {
  for (const auto& session : All())
    session->EndIfOf(std::string(user), RightsChanged(kComeBackSoon));
}

void LiveSessions::OnReplicaChanged(const ReplicaId& replica) {
  for (const auto& session : All()) {
    if (session->replica() == replica) session->OnEnd(RightsChanged(kComeBackSoon));
  }
}

absl::Duration LiveSessions::PlaceOfOneMore() {
  const MutexLock lock(&mu_);
  return kComeBackSoon + admission_.NextPlace(clock_->Monotonic());
}

bool LiveSessions::EndSessionsOf(const ReplicaId& replica, absl::Duration patience) {
  // A session may end after the wait is given up.
  struct Ending {
    Mutex mu;
    CondVar ended;
    size_t open ABSL_GUARDED_BY(mu) = 0;
  };
  const auto ending = std::make_shared<Ending>();
  for (const auto& session : All()) {
    if (session->replica() != replica) continue;
    {
      const MutexLock lock(&ending->mu);
      ++ending->open;
    }
    session->OnEnd(AnotherSession(kComeBackSoon), [ending] {
      const MutexLock lock(&ending->mu);
      --ending->open;
      ending->ended.SignalAll();
    });
  }
  const absl::Time deadline = absl::Now() + patience;
  const MutexLock lock(&ending->mu);
  while (ending->open > 0 && absl::Now() < deadline)
    ending->ended.WaitFor(&ending->mu, deadline - absl::Now());
  return ending->open == 0;
}

void LiveSessions::Suspend() {
  {
    const MutexLock lock(&mu_);
    suspended_ = true;
  }
  for (const auto& session : All()) session->OnEnd(StoreStopped(session->replica()));
}

void LiveSessions::OnNewEpoch(const SessionRunner* except) {
  for (const auto& session : All()) {
    if (session.get() != except) session->OnEnd(ServerWentBack(PlaceOfOneMore()));
  }
}

void LiveSessions::Shutdown(absl::Duration patience) {
  {
    const MutexLock lock(&mu_);
    closed_ = true;
  }
  for (const auto& session : All()) {
    session->OnEnd(ServerStops(PlaceOfOneMore()));
  }
  const absl::Time deadline = absl::Now() + patience;
  const MutexLock lock(&mu_);
  while (!sessions_.empty() && absl::Now() < deadline)
    changed_.WaitFor(&mu_, deadline - absl::Now());
}

size_t LiveSessions::size() const {
  const MutexLock lock(&mu_);
  return sessions_.size();
}

}  // namespace brigada
