#include "server/head_watch.h"

namespace brigada {

HeadWatch::HeadWatch(const AuthorityStore* store) : store_(store) { Moved(); }

void HeadWatch::NoteTold(const std::vector<std::string>& partitions) {
  const MutexLock lock(&mu_);
  for (const std::string& partition : partitions) told_[partition] = store_->Head(partition);
}

std::vector<std::string> HeadWatch::Moved() {
  std::vector<std::string> moved;
  const MutexLock lock(&mu_);
  for (const std::string& partition : store_->Partitions()) {
    const uint64_t head = store_->Head(partition);
    uint64_t& told = told_[partition];
    if (head == told) continue;
    told = head;
    moved.push_back(partition);
  }
  return moved;
}

}  // namespace brigada
