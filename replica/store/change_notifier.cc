#include "replica/store/change_notifier.h"

#include <utility>

namespace brigada {

void ChangeNotifier::SetListener(DeviceStore::ChangeListener listener) {
  MutexLock lock(&mu_);
  listener_ = std::move(listener);
}

void ChangeNotifier::Add(std::vector<ChangedRecord> changed) {
  MutexLock lock(&mu_);
  if (listener_ && !changed.empty()) waiting_.push_back(std::move(changed));
}

void ChangeNotifier::Deliver() {
  {
    MutexLock lock(&mu_);
    if (delivering_) return;
    delivering_ = true;
  }
  while (true) {
    DeviceStore::ChangeListener listener;
    std::vector<ChangedRecord> changed;
    {
      MutexLock lock(&mu_);
      if (waiting_.empty()) {
        delivering_ = false;
        return;
      }
      changed = std::move(waiting_.front());
      waiting_.pop_front();
      listener = listener_;
    }
    if (listener) listener(changed);
  }
}

}  // namespace brigada
