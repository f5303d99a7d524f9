#ifndef REPLICA_STORE_KV_AUTHORITY_STORE_H_
#define REPLICA_STORE_KV_AUTHORITY_STORE_H_

#include <memory>

#include "replica/base/clock.h"
#include "replica/base/random.h"
#include "replica/store/authority_store.h"
#include "replica/store/kv.h"

namespace brigada {

struct AuthorityStoreOptions {
  const Registry* registry = nullptr;  // outlives the store
  Random* random = nullptr;            // likewise; used at open only
  absl::Time now;                      // of this start
  // The store was restored from a backup: it gets a new epoch.
  bool restored = false;
};

// Opens (or makes, when empty) the authority's store on `kv`. Appends a run. kFailedPrecondition: a
// newer on-disk format, or the store of a device.
absl::StatusOr<std::unique_ptr<AuthorityStore>> OpenAuthorityStore(
    std::unique_ptr<Kv> kv, const AuthorityStoreOptions& options);

}  // namespace brigada

#endif  // REPLICA_STORE_KV_AUTHORITY_STORE_H_
