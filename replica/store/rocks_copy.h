// A copy of a live database for backups.
#ifndef REPLICA_STORE_ROCKS_COPY_H_
#define REPLICA_STORE_ROCKS_COPY_H_

#include <string>

#include "absl/status/status.h"
#include "replica/store/continue_copy.h"

namespace rocksdb {
class DB;
}  // namespace rocksdb

namespace brigada {

// Copies the database, as of some moment during the call, into the new directory `path`, whose
// parent must exist. Every block's checksum of the copy is verified before `path` appears; a crash
// leaves at most `path`.partial. The bytes are copied, not linked: damage to one side spares the
// other. kAlreadyExists: `path` is there. kCancelled: `go_on` ended it.
absl::Status CopyRocksDatabase(rocksdb::DB& db, const std::string& path, const ContinueCopy& go_on);

}  // namespace brigada

#endif  // REPLICA_STORE_ROCKS_COPY_H_
