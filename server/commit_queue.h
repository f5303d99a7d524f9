// One writer: pushes of all sessions queue here, and one thread commits as many as wait as one
// durable group (group commit).
#ifndef SERVER_COMMIT_QUEUE_H_
#define SERVER_COMMIT_QUEUE_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "replica/base/clock.h"
#include "replica/base/mutex.h"
#include "replica/store/authority_store.h"

namespace brigada {

struct CommitQueueOptions {
  size_t max_waiting_pushes = 256;
  size_t max_group_change_sets = 4096;
};

// Thread safe. Start with the constructor; Stop (or the destructor) commits what waits and joins
// the thread.
class CommitQueue {
 public:
  using OnResult = std::function<void(const PushResult&)>;
  // Called on the queue's thread after the results of a group were given out, with each partition
  // whose head moved.
  using OnNewHeads = std::function<void(const std::vector<std::string>& partitions)>;

  // `store` and `clock` outlive the queue.
  CommitQueue(AuthorityStore* store, const Clock* clock, CommitQueueOptions options,
              OnNewHeads on_new_heads);
  ~CommitQueue();
  CommitQueue(const CommitQueue&) = delete;
  CommitQueue& operator=(const CommitQueue&) = delete;

  // `on_result` runs on the queue's thread once the push is durable, or with the error that kept it
  // from being so. kResourceExhausted: the queue is full, offer it again; kUnavailable: stopping.
  absl::Status Submit(PushRequest* push, OnResult on_result);
  void Stop();

 private:
  struct Waiting {
    PushRequest push;
    OnResult on_result;
  };

  void Run();
  std::vector<Waiting> TakeGroup() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CommitGroup(std::vector<Waiting> group);

  // Constant after construction.
  AuthorityStore* const store_;
  const Clock* const clock_;
  const CommitQueueOptions options_;
  const OnNewHeads on_new_heads_;

  Mutex mu_;
  CondVar wake_;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;
};

}  // namespace brigada

#endif  // SERVER_COMMIT_QUEUE_H_
