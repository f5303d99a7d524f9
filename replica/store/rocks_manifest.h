// A closer look at RocksDB's MANIFEST than RocksDB takes. The MANIFEST is the log of which files
// make up the store. Its reader stops without an error at a record that seems to run beyond the end
// of the file, as a torn write does; so one damaged length would silently forget all files named
// after it, and with them work that was acknowledged.
#ifndef REPLICA_STORE_ROCKS_MANIFEST_H_
#define REPLICA_STORE_ROCKS_MANIFEST_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace brigada {

// kDataLoss: the MANIFEST that CURRENT names has a record which is damaged and not torn. OK also
// when there is none to read: RocksDB says that better. Call it before the database is opened, for
// opening removes the files that the MANIFEST does not name.
absl::Status CheckManifest(rocksdb::Env& env, const std::string& directory);

// The same of a MANIFEST's bytes. False: damaged. A torn end is fine: the last record is incomplete
// and nothing whole follows.
bool IsManifestWhole(absl::string_view bytes);

}  // namespace brigada

#endif  // REPLICA_STORE_ROCKS_MANIFEST_H_
