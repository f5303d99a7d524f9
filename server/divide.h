// What the server has of the unsent work of a copied replica.
#ifndef SERVER_DIVIDE_H_
#define SERVER_DIVIDE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/store/authority_store.h"

namespace brigada {

// Both copies made change sets under one id. Those of the chain values in `unsent` that the store
// has under the same sequence were made before the copies parted and came from the other one.
absl::StatusOr<std::vector<v1::SharedWork>> FindSharedWork(
    const AuthorityStore& store, const ReplicaId& replica,
    absl::Span<const v1::UnsentChain> unsent);

}  // namespace brigada

#endif  // SERVER_DIVIDE_H_
