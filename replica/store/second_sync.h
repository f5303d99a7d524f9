// A second sync beside one's own: two files that are synced at the same time mostly share what the
// disk does for a sync, so both take little longer than one.
#ifndef REPLICA_STORE_SECOND_SYNC_H_
#define REPLICA_STORE_SECOND_SYNC_H_

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "replica/base/mutex.h"

namespace brigada {

// A thread that lives as long as this and runs one sync at a time. One caller at a time.
class SecondSync {
 public:
  SecondSync();
  ~SecondSync();
  SecondSync(const SecondSync&) = delete;
  SecondSync& operator=(const SecondSync&) = delete;

  // Runs `sync` on the thread. Wait comes before the next Start and before this is destroyed.
  void Start(std::function<absl::Status()> sync);
  // What it returned.
  absl::Status Wait();

 private:
  void Run();

  Mutex mu_;
  CondVar changed_;
  std::function<absl::Status()> sync_ ABSL_GUARDED_BY(mu_);  // null: none is to be run
  absl::Status result_ ABSL_GUARDED_BY(mu_);
  bool is_done_ ABSL_GUARDED_BY(mu_) = true;
  bool is_ending_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace brigada

#endif  // REPLICA_STORE_SECOND_SYNC_H_
