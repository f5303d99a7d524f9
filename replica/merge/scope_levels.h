// The levels of a scope path, read without checking it. Inside replica/merge only.
#ifndef REPLICA_MERGE_SCOPE_LEVELS_H_
#define REPLICA_MERGE_SCOPE_LEVELS_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "replica/merge/record.h"

namespace brigada {

// The levels of `path` inside its partition, from the partition's down: "MX/20", "MX/20/067"; of
// the nation, itself. They point into `path`. Any bytes are fine; empty for an empty path.
std::vector<absl::string_view> ScopeLevels(absl::string_view path);

// Sets record->entered after its scope became something else than `old_scope`: levels that remain
// keep their sequence, the others are entered at `sequence`.
void EnterScope(absl::string_view old_scope, uint64_t sequence, Record* record);

}  // namespace brigada

#endif  // REPLICA_MERGE_SCOPE_LEVELS_H_
