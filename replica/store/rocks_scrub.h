// Taking what was overwritten or deleted out of a database's files.
#ifndef REPLICA_STORE_ROCKS_SCRUB_H_
#define REPLICA_STORE_ROCKS_SCRUB_H_

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "replica/store/kv.h"
#include "replica/store/rocks_database.h"

namespace brigada {

// Waits until nobody reads the database as it was before the call, and lets go of every log from
// before. Errors as Kv::Scrub.
absl::Status BeginScrub(RocksDatabase& database, const std::atomic<bool>* cancel);

// How much room ScrubRange needs, of which commits take a part meanwhile.
uint64_t SpaceToScrub(const RocksDatabase& database, const KvRange& range);

// Rewrites the tables under `range`. The MANIFEST still names the old files by their first and last
// keys: it is written anew with the next flush, which is the caller's. Errors as Kv::Scrub.
absl::Status ScrubRange(RocksDatabase& database, const KvRange& range, std::atomic<bool>* cancel);

// Writes what is in memory of the default column family to a file.
absl::Status FlushOwnTable(RocksDatabase& database);

}  // namespace brigada

#endif  // REPLICA_STORE_ROCKS_SCRUB_H_
