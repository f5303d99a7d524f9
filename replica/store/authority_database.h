// An authority's store on this machine's disk.
#ifndef REPLICA_STORE_AUTHORITY_DATABASE_H_
#define REPLICA_STORE_AUTHORITY_DATABASE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "replica/store/authority_store.h"
#include "replica/store/kv_authority_store.h"

namespace brigada {

// Opens the store in the directory `path`, or makes it when absent and `create`; its parent must
// exist. kNotFound: absent and !create. kUnavailable: open in another process (in_use.h), or the
// disk failed. kResourceExhausted: disk full. kDataLoss: files are damaged, or work that was
// acknowledged is missing. kFailedPrecondition: not a store of this version, or a device's.
absl::StatusOr<std::unique_ptr<AuthorityStore>> OpenAuthorityDatabase(
    const std::string& path, bool create, const AuthorityStoreOptions& options);

}  // namespace brigada

#endif  // REPLICA_STORE_AUTHORITY_DATABASE_H_
