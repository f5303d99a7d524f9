#include "replica/store/authority_database.h"

#include <utility>

#include "replica/base/status_macros.h"
#include "replica/store/rocks_kv.h"

namespace brigada {

absl::StatusOr<std::unique_ptr<AuthorityStore>> OpenAuthorityDatabase(
    const std::string& path, bool create, const AuthorityStoreOptions& options) {
  RocksKvOptions kv_options;
  kv_options.path = path;
  kv_options.create_if_missing = create;
  kv_options.profile = RocksKvOptions::kServer;
  ASSIGN_OR_RETURN(std::unique_ptr<Kv> kv, OpenRocksKv(kv_options));
  return OpenAuthorityStore(std::move(kv), options);
}

}  // namespace brigada
