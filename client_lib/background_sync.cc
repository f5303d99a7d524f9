#include "client_lib/background_sync.h"

#include <algorithm>

namespace brigada {
namespace {

// A session that lasted this long was a good one: the next try starts from the shortest wait.
constexpr absl::Duration kGoodSession = absl::Seconds(10);
constexpr int kMaxDoublings = 20;

}  // namespace

void BackgroundSync::Start(const SyncOptions& options) {
  {
    const MutexLock lock(&mu_);
    if (running_) return;
    running_ = true;
    stopping_ = false;
  }
  if (thread_.joinable()) thread_.join();
  thread_ = std::thread([this, options] { Loop(options); });
}

void BackgroundSync::Stop() {
  {
    const MutexLock lock(&mu_);
    stopping_ = true;
    changed_.SignalAll();
    // A round that somebody else runs is not ours to stop.
    if (!running_ && !thread_.joinable()) return;
  }
  // A session may begin just after the first call: told until the thread is through.
  while (true) {
    {
      const MutexLock lock(&mu_);
      if (!running_) break;
    }
    round_->Stop();
    const MutexLock lock(&mu_);
    if (running_) changed_.WaitFor(&mu_, absl::Milliseconds(50));
  }
  if (thread_.joinable()) thread_.join();
}

void BackgroundSync::Loop(const SyncOptions& options) {
  bool go_on = Pause(options.initial_spread * random_->NextDouble());
  int failures = 0;
  while (go_on && !stopping()) {
    absl::optional<absl::Duration> retry_after;
    const absl::Duration start = clock_->Monotonic();
    const absl::Status status = round_->RunLive(options, &retry_after);
    if (stopping()) break;
    failures = status.ok() || clock_->Monotonic() - start > kGoodSession ? 0 : failures + 1;
    // Full jitter over a doubling bound, so that devices cut together do not come back together.
    const absl::Duration bound =
        std::min(options.backoff_max,
                 options.backoff_min * (int64_t{1} << std::min(failures, kMaxDoublings)));
    go_on =
        Pause(std::max(retry_after.value_or(absl::ZeroDuration()), bound * random_->NextDouble()));
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

void BackgroundSync::Describe(SyncStatus* status) const {
  const MutexLock lock(&mu_);
  if (running_ && waiting_) status->phase = SyncPhase::kWaiting;
}

}  // namespace brigada
