// Which partitions' files still hold what was taken from the tables: noted in the write batch that
// took it (docs/on-disk-format.md, "What leaves the files").
#ifndef REPLICA_STORE_SCRUB_NOTES_H_
#define REPLICA_STORE_SCRUB_NOTES_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "replica/store/kv.h"

namespace brigada {

// Partition to what stands in its note.
using ScrubNotes = std::map<std::string, std::string>;

// Puts the note, another one than stands there.
absl::Status StageScrubNote(const KvReader& reader, absl::string_view partition, KvBatch* batch);

absl::StatusOr<ScrubNotes> ReadScrubNotes(const KvReader& reader);

// What lies under the partitions of `notes` in `tables`.
std::vector<KvRange> RangesToScrub(const ScrubNotes& notes, absl::Span<const Table> tables);

// Deletes those of `notes` that stand as they were: of the others more was taken meanwhile.
absl::Status StageScrubbed(const KvReader& reader, const ScrubNotes& notes, KvBatch* batch);

}  // namespace brigada

#endif  // REPLICA_STORE_SCRUB_NOTES_H_
