#include "replica/store/second_sync.h"

#include <utility>

namespace brigada {

SecondSync::SecondSync() : thread_([this] { Run(); }) {}

SecondSync::~SecondSync() {
  {
    const MutexLock lock(&mu_);
    is_ending_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

void SecondSync::Start(std::function<absl::Status()> sync) {
  const MutexLock lock(&mu_);
  sync_ = std::move(sync);
  is_done_ = false;
  changed_.SignalAll();
}

absl::Status SecondSync::Wait() {
  const MutexLock lock(&mu_);
  while (!is_done_) changed_.Wait(&mu_);
  return result_;
}

void SecondSync::Run() {
  mu_.Lock();
  while (true) {
    while (sync_ == nullptr && !is_ending_) changed_.Wait(&mu_);
    if (sync_ == nullptr) break;
    const std::function<absl::Status()> sync = std::exchange(sync_, nullptr);
    mu_.Unlock();
    absl::Status result = sync();
    mu_.Lock();
    result_ = std::move(result);
    is_done_ = true;
    changed_.SignalAll();
  }
  mu_.Unlock();
}

}  // namespace brigada
