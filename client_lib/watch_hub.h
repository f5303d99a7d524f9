// Standing queries: one thread runs them again when a table they read has changed, and calls back.
#ifndef CLIENT_LIB_WATCH_HUB_H_
#define CLIENT_LIB_WATCH_HUB_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "brigada/replica.h"
#include "replica/base/mutex.h"

namespace brigada {

// Thread safe. Several changes that come while a query runs are answered by one run. Watches that
// are due take turns: one that is always due does not keep the others waiting.
class WatchHub {
 public:
  using Run = std::function<absl::StatusOr<ResultSet>()>;

  WatchHub();
  // Waits for a callback that runs; not from one. Subscriptions may still be there: they do
  // nothing.
  ~WatchHub();

  // `run` is called on the hub's thread: once now, then after each change to one of `tables` (all
  // tables when empty).
  std::unique_ptr<Subscription> Add(std::vector<std::string> tables, Run run,
                                    Replica::OnChange on_change);
  void OnChanged(const std::set<std::string>& tables);

 private:
  class Handle;
  struct Watch {
    std::set<std::string> tables;
    Run run;
    Replica::OnChange on_change;
    bool due = true;
  };
  // What subscriptions share with the hub, so that either may go first.
  struct State {
    Mutex mu;
    CondVar changed;
    std::map<uint64_t, std::shared_ptr<Watch>> watches ABSL_GUARDED_BY(mu);
    uint64_t next_id ABSL_GUARDED_BY(mu) = 1;
    uint64_t running ABSL_GUARDED_BY(mu) = 0;  // 0: none
    uint64_t last_run ABSL_GUARDED_BY(mu) = 0;
    bool stopping ABSL_GUARDED_BY(mu) = false;
  };

  static void Loop(State& state);
  // The watch that is due after the one that ran last, or null.
  static std::shared_ptr<Watch> TakeDue(State& state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(state.mu);

  const std::shared_ptr<State> state_ = std::make_shared<State>();
  std::thread thread_;
};

}  // namespace brigada

#endif  // CLIENT_LIB_WATCH_HUB_H_
