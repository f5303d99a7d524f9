#include "replica/store/writer_queue.h"

#include "replica/base/check.h"

namespace brigada {

bool WriterQueue::Enter(Writer* writer) {
  MutexLock lock(&mu_);
  line_.push_back(writer);
  while (!writer->done_ && line_.front() != writer) writer->turn_.Wait(&mu_);
  return !writer->done_;
}

std::vector<WriterQueue::Writer*> WriterQueue::Group(Writer* writer, size_t max) {
  MutexLock lock(&mu_);
  CHECK(!line_.empty() && line_.front() == writer);
  std::vector<Writer*> group;
  for (Writer* waiting : line_) {
    if (group.size() >= max || (!group.empty() && !waiting->joins_)) break;
    group.push_back(waiting);
    if (!writer->joins_) break;
  }
  return group;
}

void WriterQueue::Leave(const std::vector<Writer*>& group) {
  MutexLock lock(&mu_);
  for (Writer* writer : group) {
    CHECK(!line_.empty() && line_.front() == writer);
    line_.pop_front();
    writer->done_ = true;
    // Under the lock: once it sees done_, the writer's thread may destroy it.
    writer->turn_.Signal();
  }
  if (!line_.empty()) line_.front()->turn_.Signal();
}

}  // namespace brigada
