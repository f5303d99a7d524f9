// The line in which the writers of one store wait. The one at its front has the store to itself;
// when it is a commit, it takes along the commits that wait directly behind it, so that they share
// one write batch and one fsync.
#ifndef REPLICA_STORE_WRITER_QUEUE_H_
#define REPLICA_STORE_WRITER_QUEUE_H_

#include <cstddef>
#include <deque>
#include <vector>

#include "replica/base/mutex.h"

namespace brigada {

// Thread safe.
class WriterQueue {
 public:
  // One thread's place in the line.
  class Writer {
   public:
    // `joins`: an earlier writer may do this one's work.
    explicit Writer(bool joins) : joins_(joins) {}
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

   private:
    friend class WriterQueue;
    const bool joins_;
    bool done_ = false;
    CondVar turn_;
  };

  // Waits for the turn of `writer`. False: an earlier writer has done its work, and it has left.
  bool Enter(Writer* writer);
  // With the turn: `writer` itself and, when it joins, those behind it that join, `max` at most.
  std::vector<Writer*> Group(Writer* writer, size_t max);
  // Ends the turn; everybody in `group` (from Group, or the writer alone) is done.
  void Leave(const std::vector<Writer*>& group);

 private:
  Mutex mu_;
  std::deque<Writer*> line_ ABSL_GUARDED_BY(mu_);
};

// A turn that lasts as long as the object.
class WriterTurn {
 public:
  explicit WriterTurn(WriterQueue* queue) : queue_(queue), writer_(/*joins=*/false) {
    queue_->Enter(&writer_);
  }
  ~WriterTurn() { queue_->Leave({&writer_}); }
  WriterTurn(const WriterTurn&) = delete;
  WriterTurn& operator=(const WriterTurn&) = delete;

 private:
  WriterQueue* const queue_;
  WriterQueue::Writer writer_;
};

}  // namespace brigada

#endif  // REPLICA_STORE_WRITER_QUEUE_H_
