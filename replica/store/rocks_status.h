// The one place where RocksDB's errors become ours.
#ifndef REPLICA_STORE_ROCKS_STATUS_H_
#define REPLICA_STORE_ROCKS_STATUS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace rocksdb {
class Status;
}  // namespace rocksdb

namespace brigada {

// `attempted` says what was being done: "writing to the store". Messages carry file names, never
// keys or values. Corruption: kDataLoss; full disk: kResourceExhausted; other I/O: kUnavailable.
absl::Status ToStatus(const rocksdb::Status& status, absl::string_view attempted);

}  // namespace brigada

#endif  // REPLICA_STORE_ROCKS_STATUS_H_
