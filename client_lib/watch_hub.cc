#include "client_lib/watch_hub.h"

#include <algorithm>
#include <utility>

namespace brigada {

class WatchHub::Handle final : public Subscription {
 public:
  Handle(std::shared_ptr<State> state, std::thread::id hub_thread, uint64_t id)
      : state_(std::move(state)), hub_thread_(hub_thread), id_(id) {}
  ~Handle() override {
    // Goes after the lock: what the callback holds may be another subscription.
    std::shared_ptr<Watch> dropped;
    const MutexLock lock(&state_->mu);
    if (const auto own = state_->watches.find(id_); own != state_->watches.end()) {
      dropped = std::move(own->second);
      state_->watches.erase(own);
    }
    // A callback may drop its own subscription: it does not wait for itself.
    while (state_->running == id_ && std::this_thread::get_id() != hub_thread_)
      state_->changed.Wait(&state_->mu);
  }

 private:
  const std::shared_ptr<State> state_;
  const std::thread::id hub_thread_;
  const uint64_t id_;
};

WatchHub::WatchHub() : thread_([state = state_] { Loop(*state); }) {}

WatchHub::~WatchHub() {
  {
    const MutexLock lock(&state_->mu);
    state_->stopping = true;
    state_->changed.SignalAll();
  }
  thread_.join();
  // What the queries hold belongs to the replica, which goes now.
  std::map<uint64_t, std::shared_ptr<Watch>> watches;
  const MutexLock lock(&state_->mu);
  watches.swap(state_->watches);
}

std::unique_ptr<Subscription> WatchHub::Add(std::vector<std::string> tables, Run run,
                                            Replica::OnChange on_change) {
  auto watch = std::make_shared<Watch>();
  watch->tables.insert(tables.begin(), tables.end());
  watch->run = std::move(run);
  watch->on_change = std::move(on_change);
  const MutexLock lock(&state_->mu);
  const uint64_t id = state_->next_id++;
  state_->watches[id] = std::move(watch);
  state_->changed.SignalAll();
  return std::make_unique<Handle>(state_, thread_.get_id(), id);
}

void WatchHub::OnChanged(const std::set<std::string>& tables) {
  const MutexLock lock(&state_->mu);
  bool any = false;
  for (auto& [id, watch] : state_->watches) {
    const bool reads =
        watch->tables.empty() ||
        std::any_of(tables.begin(), tables.end(),
                    [&w = *watch](const std::string& table) { return w.tables.count(table) > 0; });
    watch->due = watch->due || reads;
    any = any || reads;
  }
  if (any) state_->changed.SignalAll();
}

std::shared_ptr<WatchHub::Watch> WatchHub::TakeDue(State& state) {
  auto next = state.watches.upper_bound(state.last_run);
  for (size_t i = 0; i < state.watches.size(); ++i, ++next) {
    if (next == state.watches.end()) next = state.watches.begin();
    if (!next->second->due) continue;
    next->second->due = false;
    state.running = state.last_run = next->first;
    return next->second;
  }
  return nullptr;
}

void WatchHub::Loop(State& state) {
  while (true) {
    std::shared_ptr<Watch> due;
    {
      const MutexLock lock(&state.mu);
      while (!state.stopping && (due = TakeDue(state)) == nullptr) state.changed.Wait(&state.mu);
      if (state.stopping) return;
    }
    due->on_change(due->run());
    due = nullptr;
    const MutexLock lock(&state.mu);
    state.running = 0;
    state.changed.SignalAll();
  }
}

}  // namespace brigada
