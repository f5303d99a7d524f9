// Tells one listener what each write changed: outside all locks, one call at a time, in the order
// of the writes.
#ifndef REPLICA_STORE_CHANGE_NOTIFIER_H_
#define REPLICA_STORE_CHANGE_NOTIFIER_H_

#include <deque>
#include <vector>

#include "replica/base/mutex.h"
#include "replica/store/device_store.h"

namespace brigada {

// Thread safe.
class ChangeNotifier {
 public:
  void SetListener(DeviceStore::ChangeListener listener);
  // Called in the order of the writes, before the next one can happen.
  void Add(std::vector<ChangedRecord> changed);
  // Calls the listener for what was added. While another thread is in here (or the listener itself
  // wrote and came back), that one calls it, and this returns at once.
  void Deliver();

 private:
  Mutex mu_;
  DeviceStore::ChangeListener listener_ ABSL_GUARDED_BY(mu_);
  std::deque<std::vector<ChangedRecord>> waiting_ ABSL_GUARDED_BY(mu_);
  bool delivering_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace brigada

#endif  // REPLICA_STORE_CHANGE_NOTIFIER_H_
