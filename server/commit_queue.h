// One writer: pushes of all sessions queue here, and one thread commits as many as wait as one
// durable group (group commit).
#ifndef SERVER_COMMIT_QUEUE_H_
#define SERVER_COMMIT_QUEUE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "replica/base/clock.h"
#include "replica/base/mutex.h"
#include "replica/store/authority_store.h"

namespace brigada {

struct CommitQueueOptions {
  size_t max_waiting_pushes = 256;
  size_t max_group_change_sets = 4096;
  // Of change sets as they are in memory. A group is one batch of the store, several times its
  // size.
  size_t max_waiting_bytes = size_t{128} << 20;
  size_t max_group_bytes = size_t{16} << 20;
  // While groups follow each other without a pause, new heads are told together, at most this late:
  // every live session of a partition reads its feed for each time it is told.
  absl::Duration gather_heads = absl::Milliseconds(50);
  // A group that found the disk full is tried again this often.
  absl::Duration retry_when_full = absl::Seconds(1);
};

// While the disk is full nothing is lost and nothing answered: the group waits until there is room,
// the queue behind it fills, and its users hold what they have. Any other failure of the store
// fails the pushes of the group.
//
// Thread safe. Start with the constructor; Stop (or the destructor) commits what waits and joins
// the thread.
class CommitQueue {
 public:
  using OnResult = std::function<void(const PushResult&)>;
  // Called on the queue's thread after the results were given out, with each partition whose head
  // moved since the last call.
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
  // Waits until what was submitted before has been answered. kUnavailable: it has not within
  // `patience` (the disk may be full). Not on the queue's thread.
  absl::Status WaitForAll(absl::Duration patience);
  // A group that waits for room on the disk fails.
  void Stop();
  // The disk is full: what is submitted waits.
  bool waits_for_room() const { return waits_for_room_; }

 private:
  struct Waiting {
    PushRequest push;
    size_t bytes = 0;
    OnResult on_result;
  };

  void Run();
  std::vector<Waiting> TakeGroup() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CommitGroup(std::vector<Waiting> group);
  // With patience while the disk is full.
  absl::StatusOr<std::vector<PushResult>> Commit(const std::vector<PushRequest>& pushes);
  // A push whose user's grants cannot be read fails alone.
  absl::StatusOr<std::vector<PushResult>> CommitJudged(const std::vector<PushRequest>& pushes,
                                                       absl::Time now);
  // True when somebody stopped the queue meanwhile.
  bool PauseForRoom();
  void TellNewHeads();
  bool has_waiting() const;

  // Constant after construction.
  AuthorityStore* const store_;
  const Clock* const clock_;
  const CommitQueueOptions options_;
  const OnNewHeads on_new_heads_;

  // Run's thread only.
  std::set<std::string> new_heads_;
  absl::Duration oldest_new_head_;  // monotonic

  std::atomic<bool> waits_for_room_{false};

  mutable Mutex mu_;
  CondVar wake_;
  CondVar stopped_;
  CondVar answered_some_;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mu_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  // Pushes, since the start.
  uint64_t submitted_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t answered_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;
};

}  // namespace brigada

#endif  // SERVER_COMMIT_QUEUE_H_
