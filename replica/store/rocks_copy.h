// A copy of a live database for backups.
#ifndef REPLICA_STORE_ROCKS_COPY_H_
#define REPLICA_STORE_ROCKS_COPY_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"

namespace rocksdb {
class DB;
}  // namespace rocksdb

namespace brigada {

// Copies the database, as of some moment during the call, into the new directory `path`, whose
// parent must exist. Every block's checksum of the copy is verified before `path` appears; a crash
// leaves at most `path`.partial. The bytes are copied, not linked: damage to one side spares the
// other. kAlreadyExists: `path` is there.
absl::Status CopyRocksDatabase(rocksdb::DB& db, const std::string& path,
                               const std::function<void(uint64_t done_bytes)>& progress);

}  // namespace brigada

#endif  // REPLICA_STORE_ROCKS_COPY_H_
