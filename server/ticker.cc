#include "server/ticker.h"

#include <utility>

namespace brigada {

Ticker::Ticker(absl::Duration period, std::function<void()> on_tick)
    : period_(period), on_tick_(std::move(on_tick)), thread_([this] { Run(); }) {}

void Ticker::Stop() {
  {
    const MutexLock lock(&mu_);
    stopping_ = true;
    stopped_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

void Ticker::Run() {
  while (true) {
    {
      const MutexLock lock(&mu_);
      if (!stopping_) stopped_.WaitFor(&mu_, period_);
      if (stopping_) return;
    }
    on_tick_();
  }
}

}  // namespace brigada
