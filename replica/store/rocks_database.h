// Opening the database of a store: directory, column families and the checks that it holds all that
// it acknowledged.
#ifndef REPLICA_STORE_ROCKS_DATABASE_H_
#define REPLICA_STORE_ROCKS_DATABASE_H_

#include <array>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "replica/store/high_water_mark.h"
#include "replica/store/kv.h"
#include "replica/store/rocks_health.h"
#include "replica/store/rocks_kv.h"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
class Env;
class FileLock;
}  // namespace rocksdb

namespace brigada {

// Key of the commit point in the default column family, which holds nothing else.
inline constexpr absl::string_view kCommitPointKey = "commit";

// Closes on destruction.
struct RocksDatabase {
  RocksDatabase() = default;
  ~RocksDatabase();
  RocksDatabase(const RocksDatabase&) = delete;
  RocksDatabase& operator=(const RocksDatabase&) = delete;

  rocksdb::ColumnFamilyHandle* table(Table t) const { return tables[static_cast<size_t>(t)]; }

  std::unique_ptr<rocksdb::DB> db;
  std::array<rocksdb::ColumnFamilyHandle*, kTableCount> tables = {};
  rocksdb::ColumnFamilyHandle* own = nullptr;  // the default column family
  std::shared_ptr<RocksHealth> health = std::make_shared<RocksHealth>();
  CommitPoint point;
  std::unique_ptr<HighWaterMark> mark;  // null when read_only

  // Of a database that takes no lock itself, being open for reading.
  rocksdb::Env* env = nullptr;
  rocksdb::FileLock* lock = nullptr;
};

// The directory that `path` lies in.
std::string ParentDirectory(const std::string& path);

// Errors as OpenRocksKv.
absl::StatusOr<std::unique_ptr<RocksDatabase>> OpenRocksDatabase(const RocksKvOptions& options);

}  // namespace brigada

#endif  // REPLICA_STORE_ROCKS_DATABASE_H_
