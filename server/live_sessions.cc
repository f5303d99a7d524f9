#include "server/live_sessions.h"

#include "absl/time/clock.h"

namespace brigada {
namespace {

constexpr absl::Duration kTick = absl::Seconds(1);

}  // namespace

LiveSessions::LiveSessions(size_t max_sessions)
    : max_sessions_(max_sessions), ticker_([this] { TickUntilStopped(); }) {}

LiveSessions::~LiveSessions() {
  {
    const MutexLock lock(&mu_);
    stop_ticking_ = true;
    changed_.SignalAll();
  }
  ticker_.join();
}

bool LiveSessions::Add(const std::shared_ptr<SessionRunner>& session) {
  std::vector<std::shared_ptr<SessionRunner>> earlier;
  {
    const MutexLock lock(&mu_);
    if (closed_ || sessions_.size() >= max_sessions_) return false;
    for (const auto& [key, weak] : sessions_) {
      std::shared_ptr<SessionRunner> other = weak.lock();
      if (other != nullptr && other->replica() == session->replica())
        earlier.push_back(std::move(other));
    }
    sessions_[session.get()] = session;
  }
  for (const auto& other : earlier) other->OnShutdown();
  return true;
}

void LiveSessions::Remove(const SessionRunner* session) {
  const MutexLock lock(&mu_);
  sessions_.erase(session);
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

void LiveSessions::OnUserChanged(absl::string_view user) {
  for (const auto& session : All()) session->EndIfOf(std::string(user));
}

void LiveSessions::OnReplicaChanged(const ReplicaId& replica) {
  for (const auto& session : All()) {
    if (session->replica() == replica) session->OnShutdown();
  }
}

void LiveSessions::Shutdown(absl::Duration patience) {
  {
    const MutexLock lock(&mu_);
    closed_ = true;
  }
  for (const auto& session : All()) session->OnShutdown();
  const absl::Time deadline = absl::Now() + patience;
  const MutexLock lock(&mu_);
  while (!sessions_.empty() && absl::Now() < deadline)
    changed_.WaitFor(&mu_, deadline - absl::Now());
}

size_t LiveSessions::size() const {
  const MutexLock lock(&mu_);
  return sessions_.size();
}

void LiveSessions::TickUntilStopped() {
  while (true) {
    {
      const MutexLock lock(&mu_);
      if (stop_ticking_) return;
      changed_.WaitFor(&mu_, kTick);
      if (stop_ticking_) return;
    }
    for (const auto& session : All()) session->OnTick();
  }
}

}  // namespace brigada
