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

// Thread safe. Several changes that come while a query runs are answered by one run.
class WatchHub {
 public:
  using Run = std::function<absl::StatusOr<ResultSet>()>;

  WatchHub();
  // Subscriptions must be gone.
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

  void Loop();
  void Remove(uint64_t id);

  Mutex mu_;
  CondVar changed_;
  std::map<uint64_t, std::shared_ptr<Watch>> watches_ ABSL_GUARDED_BY(mu_);
  uint64_t next_id_ ABSL_GUARDED_BY(mu_) = 1;
  uint64_t running_ ABSL_GUARDED_BY(mu_) = 0;  // 0: none
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace brigada

#endif  // CLIENT_LIB_WATCH_HUB_H_
