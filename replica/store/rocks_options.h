// The settings of the database, reasoned in docs/on-disk-format.md.
#ifndef REPLICA_STORE_ROCKS_OPTIONS_H_
#define REPLICA_STORE_ROCKS_OPTIONS_H_

#include "replica/store/rocks_kv.h"

namespace rocksdb {
struct Options;
}  // namespace rocksdb

namespace brigada {

rocksdb::Options MakeRocksOptions(const RocksKvOptions& options);

}  // namespace brigada

#endif  // REPLICA_STORE_ROCKS_OPTIONS_H_
