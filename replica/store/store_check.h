// Whether a store holds what docs/on-disk-format.md says it holds: every checksum, and that
// records, index, feeds, counts, sums and the outbox's chain agree with each other. One check for
// both ends; it writes nothing.
#ifndef REPLICA_STORE_STORE_CHECK_H_
#define REPLICA_STORE_STORE_CHECK_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "replica/schema/registry.h"
#include "replica/store/format.h"
#include "replica/store/kv.h"

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace brigada {

// Something that is not as it should be. Names places, types and ids; never contents.
struct StoreDamage {
  enum Kind {
    kUnreadable,  // a checksum fails: bytes on the disk have changed
    kDiskFails,   // the disk does not give the bytes at all
    kMalformed,   // a key or value that no program wrote
    kIndex,       // searches find what is not there, or miss what is
    kFeed,        // devices are not told of a record, or of one that is elsewhere
    kCount,       // the stored number of records, conflicts or commits is another
    kSum,         // what two ends compare does not fit the records
    kOutbox,      // a change set is missing, or its chain is broken
  };
  Kind kind = kUnreadable;
  std::string where;
};

struct StoreFindings {
  uint64_t records = 0;
  uint64_t index_entries = 0;
  uint64_t feed_entries = 0;
  uint64_t change_sets = 0;  // of the outbox
  uint64_t bytes = 0;        // of keys and values read
  uint64_t damages = 0;
  // The first of them, kMaxShownDamages at most.
  std::vector<StoreDamage> shown;
};
inline constexpr size_t kMaxShownDamages = 50;

// Told now and then how far it has come.
using StoreCheckProgress = std::function<void(const StoreFindings&)>;

// Reads all of `kv`, which nobody else writes meanwhile; memory grows with the number of scopes
// only. An error says that `kv` is no store of this kind and version, or holds nothing.
absl::StatusOr<StoreFindings> CheckStore(const Kv& kv, StoreKind kind, const Registry& registry,
                                         const StoreCheckProgress& progress = {});

// The same for the store in the directory `path`, with every file's checksums. Errors as
// OpenRocksKv too, but for a disk that does not read the store: kDataLoss. `env` as there.
absl::StatusOr<StoreFindings> CheckStoreAt(const std::string& path, StoreKind kind,
                                           const Registry& registry,
                                           const StoreCheckProgress& progress = {},
                                           rocksdb::Env* env = nullptr);

}  // namespace brigada

#endif  // REPLICA_STORE_STORE_CHECK_H_
