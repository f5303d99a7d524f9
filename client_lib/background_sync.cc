#include "client_lib/background_sync.h"

#include "client_lib/backoff.h"

namespace brigada {
namespace {

// A session may begin just after it was told to stop, so it is told again.
constexpr absl::Duration kTellEvery = absl::Milliseconds(50);
// So often in good order, then at once.
constexpr int kPoliteTries = 40;

}  // namespace

void BackgroundSync::Start(const SyncOptions& options) {
  if (is_own_thread()) return;
  const MutexLock control(&control_mu_);
  {
    const MutexLock lock(&mu_);
    if (running_ && !stopping_) return;
  }
  // Ended by a callback of its own, or about to.
  if (thread_.joinable()) thread_.join();
  const MutexLock lock(&mu_);
  running_ = true;
  stopping_ = false;
  thread_ = std::thread([this, options] { Loop(options); });
  thread_id_ = thread_.get_id();
}

void BackgroundSync::Stop() {
  if (is_own_thread()) {
    {
      const MutexLock lock(&mu_);
      stopping_ = true;
    }
    // A session of a callback is one that runs: once is enough.
    return round_->Stop();
  }
  const MutexLock control(&control_mu_);
  for (int tries = 0;; ++tries) {
    {
      const MutexLock lock(&mu_);
      if (!running_) break;
      stopping_ = true;
      changed_.SignalAll();
    }
    if (tries < kPoliteTries) {
      round_->Stop();
    } else {
      round_->Cancel();
    }
    const MutexLock lock(&mu_);
    if (running_) changed_.WaitFor(&mu_, kTellEvery);
  }
  if (thread_.joinable()) thread_.join();
}

void BackgroundSync::Loop(const SyncOptions& options) {
  Backoff backoff({options.initial_spread, options.backoff_min, options.backoff_max}, random_);
  bool go_on = Pause(options.begins_at_once ? absl::ZeroDuration() : backoff.First());
  while (go_on && !stopping()) {
    const SessionEnd end = round_->RunLive(options);
    if (stopping()) break;
    go_on = Pause(backoff.Next(end));
  }
  const MutexLock lock(&mu_);
  running_ = false;
  changed_.SignalAll();
}

bool BackgroundSync::Pause(absl::Duration duration) {
  const absl::Duration until = clock_->Monotonic() + duration;
  const MutexLock lock(&mu_);
  waiting_ = true;
  while (!stopping_ && clock_->Monotonic() < until)
    changed_.WaitFor(&mu_, until - clock_->Monotonic());
  waiting_ = false;
  return !stopping_;
}

bool BackgroundSync::stopping() const {
  const MutexLock lock(&mu_);
  return stopping_;
}

bool BackgroundSync::is_own_thread() const {
  const MutexLock lock(&mu_);
  return running_ && std::this_thread::get_id() == thread_id_;
}

void BackgroundSync::Describe(SyncStatus* status) const {
  const MutexLock lock(&mu_);
  if (running_ && waiting_) status->phase = SyncPhase::kWaiting;
}

}  // namespace brigada
