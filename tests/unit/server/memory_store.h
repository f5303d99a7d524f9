#ifndef TESTS_UNIT_SERVER_MEMORY_STORE_H_
#define TESTS_UNIT_SERVER_MEMORY_STORE_H_

#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "replica/base/check.h"
#include "replica/base/random.h"
#include "replica/schema/registry.h"
#include "replica/store/kv_authority_store.h"
#include "replica/store/memory_kv.h"

namespace brigada {

// An authority's store with nothing in it, in memory.
inline std::unique_ptr<AuthorityStore> NewMemoryAuthorityStore(Random& random) {
  AuthorityStoreOptions options;
  options.registry = &Registry::BuiltIn();
  options.random = &random;
  options.now = absl::FromUnixSeconds(1'767'225'600);
  absl::StatusOr<std::unique_ptr<AuthorityStore>> store =
      OpenAuthorityStore(NewMemoryKv(), options);
  CHECK(store.ok());
  return *std::move(store);
}

}  // namespace brigada

#endif  // TESTS_UNIT_SERVER_MEMORY_STORE_H_
