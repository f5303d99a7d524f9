// What has been erased for good. It is noted in the directory before anything is scrubbed, so that
// neither a crash in between nor a store that comes back from a backup makes it unhappen.
#ifndef SERVER_ERASURES_H_
#define SERVER_ERASURES_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "replica/store/authority_store.h"

namespace brigada {

// Notes the erasure and does it. request.scope: where the tombstone stands in a store that does not
// have the record. kNotFound, kInvalidArgument: the record is not here, and there is no scope or it
// is in no state; nothing is noted then.
absl::StatusOr<ErasureReport> EraseForGood(AuthorityStore& store, const ErasureRequest& request,
                                           absl::Time now);

// Every erasure noted in `store`, as writes for the directory of another one.
absl::StatusOr<std::vector<DirectoryWrite>> NotedErasures(const AuthorityStore& store);

// Does again whatever is noted; what has been done is left alone. Before the store serves. A note
// of a record that is not here and that names no place is passed over (`erasure_without_place` in
// the log).
absl::Status ResumeErasures(AuthorityStore& store, absl::Time now);

}  // namespace brigada

#endif  // SERVER_ERASURES_H_
