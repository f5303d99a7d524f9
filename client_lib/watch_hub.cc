#include "client_lib/watch_hub.h"

#include <algorithm>
#include <utility>

namespace brigada {

class WatchHub::Handle final : public Subscription {
 public:
  Handle(WatchHub* hub, uint64_t id) : hub_(hub), id_(id) {}
  ~Handle() override { hub_->Remove(id_); }

 private:
  WatchHub* const hub_;
  const uint64_t id_;
};

WatchHub::WatchHub() : thread_([this] { Loop(); }) {}

WatchHub::~WatchHub() {
  {
    const MutexLock lock(&mu_);
    stopping_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

std::unique_ptr<Subscription> WatchHub::Add(std::vector<std::string> tables, Run run,
                                            Replica::OnChange on_change) {
  auto watch = std::make_shared<Watch>();
  watch->tables.insert(tables.begin(), tables.end());
  watch->run = std::move(run);
  watch->on_change = std::move(on_change);
  const MutexLock lock(&mu_);
  const uint64_t id = next_id_++;
  watches_[id] = std::move(watch);
  changed_.SignalAll();
  return std::make_unique<Handle>(this, id);
}

void WatchHub::OnChanged(const std::set<std::string>& tables) {
  const MutexLock lock(&mu_);
  bool any = false;
  for (auto& [id, watch] : watches_) {
    const bool reads =
        watch->tables.empty() ||
        std::any_of(tables.begin(), tables.end(),
                    [&w = *watch](const std::string& table) { return w.tables.count(table) > 0; });
    watch->due = watch->due || reads;
    any = any || reads;
  }
  if (any) changed_.SignalAll();
}

void WatchHub::Loop() {
  while (true) {
    std::shared_ptr<Watch> due;
    {
      const MutexLock lock(&mu_);
      while (!stopping_) {
        const auto found = std::find_if(watches_.begin(), watches_.end(),
                                        [](const auto& entry) { return entry.second->due; });
        if (found != watches_.end()) {
          due = found->second;
          due->due = false;
          running_ = found->first;
          break;
        }
        changed_.Wait(&mu_);
      }
      if (stopping_) return;
    }
    due->on_change(due->run());
    const MutexLock lock(&mu_);
    running_ = 0;
    changed_.SignalAll();
  }
}

void WatchHub::Remove(uint64_t id) {
  const MutexLock lock(&mu_);
  watches_.erase(id);
  // A callback may drop its own subscription: it does not wait for itself.
  while (running_ == id && std::this_thread::get_id() != thread_.get_id()) changed_.Wait(&mu_);
}

}  // namespace brigada
