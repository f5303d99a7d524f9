// Whether a database may still be written to. The first failure stops it for good: what reached the
// disk is unknown then, and only reopening finds out.
#ifndef REPLICA_STORE_ROCKS_HEALTH_H_
#define REPLICA_STORE_ROCKS_HEALTH_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "replica/base/mutex.h"

namespace rocksdb {
class EventListener;
}  // namespace rocksdb

namespace brigada {

// Thread safe.
class RocksHealth {
 public:
  // OK, or the first failure.
  absl::Status status() const;
  // OK, or kFailedPrecondition with the first failure and the advice to reopen.
  absl::Status CheckWritable() const;
  void Stop(const absl::Status& failure);

 private:
  mutable Mutex mu_;
  absl::Status first_failure_ ABSL_GUARDED_BY(mu_);
};

// Stops `health` at every error of a flush or compaction and keeps RocksDB from resuming by itself.
std::shared_ptr<rocksdb::EventListener> MakeHealthListener(std::shared_ptr<RocksHealth> health);

}  // namespace brigada

#endif  // REPLICA_STORE_ROCKS_HEALTH_H_
