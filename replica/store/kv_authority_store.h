#ifndef REPLICA_STORE_KV_AUTHORITY_STORE_H_
#define REPLICA_STORE_KV_AUTHORITY_STORE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "brigada/v1/storage.pb.h"
#include "replica/base/clock.h"
#include "replica/base/random.h"
#include "replica/store/authority_store.h"
#include "replica/store/kv.h"
#include "replica/store/schema_version.h"

namespace brigada {

struct AuthorityStoreOptions {
  const Registry* registry = nullptr;  // outlives the store
  Random* random = nullptr;            // likewise; used at open only
  absl::Time now;                      // of this start
  // The store was restored from a backup: it gets a new epoch.
  bool restored = false;
  // A change set of a higher version is kept aside: see schema_version.h.
  uint32_t schema_version = kSchemaVersion;
  // Not empty: the last run this store is known to have had (the journal says so). One that does
  // not know it went back: it gets a new epoch.
  std::string expected_run = {};
  // The last write of the directory that this store is known to have had, by its number: one that
  // counts less went back.
  uint64_t expected_directory_writes = 0;
  // Epochs that parted from this store's past, as the journal has them.
  std::vector<v1::EpochRecord> foreign_epochs = {};
  // Called after directory writes are durable and before WriteEntries returns, with the number of
  // the call; its error becomes that of the call. Calls of one time may come in any order. For the
  // journal.
  std::function<absl::Status(absl::Span<const DirectoryWrite>, uint64_t number)>
      on_directory_write = {};
};

// Opens (or makes, when empty) the authority's store on `kv`. Appends a run. kFailedPrecondition: a
// newer on-disk format, or the store of a device.
absl::StatusOr<std::unique_ptr<AuthorityStore>> OpenAuthorityStore(
    std::unique_ptr<Kv> kv, const AuthorityStoreOptions& options);

}  // namespace brigada

#endif  // REPLICA_STORE_KV_AUTHORITY_STORE_H_
