#include "replica/store/scrub_notes.h"

#include <cstdint>
#include <optional>

#include "replica/base/status_macros.h"
#include "replica/store/keys.h"

namespace brigada {

absl::Status StageScrubNote(const KvReader& reader, absl::string_view partition, KvBatch* batch) {
  const std::string key = ScrubKey(partition);
  ASSIGN_OR_RETURN(const std::optional<std::string> stands, reader.Get(Table::kMeta, key));
  const bool is_number = stands.has_value() && stands->size() == sizeof(uint64_t);
  batch->Put(Table::kMeta, key, NumberValue(is_number ? BigEndian64(*stands) + 1 : 1));
  return absl::OkStatus();
}

absl::StatusOr<ScrubNotes> ReadScrubNotes(const KvReader& reader) {
  ScrubNotes notes;
  const std::string prefix = ScrubKey("");
  const auto it = reader.Iterate(Table::kMeta, prefix, PrefixEnd(prefix));
  for (it->SeekToFirst(); it->Valid(); it->Next())
    notes.emplace(AfterMetaName(it->key()), it->value());
  RETURN_IF_ERROR(it->status());
  return notes;
}

std::vector<KvRange> RangesToScrub(const ScrubNotes& notes, absl::Span<const Table> tables) {
  std::vector<KvRange> ranges;
  for (const auto& [partition, note] : notes) {
    const std::string begin = PartitionPrefix(partition);
    for (const Table table : tables) ranges.push_back({table, begin, PrefixEnd(begin)});
  }
  return ranges;
}

absl::Status StageScrubbed(const KvReader& reader, const ScrubNotes& notes, KvBatch* batch) {
  for (const auto& [partition, note] : notes) {
    const std::string key = ScrubKey(partition);
    ASSIGN_OR_RETURN(const std::optional<std::string> stands, reader.Get(Table::kMeta, key));
    if (stands == note) batch->Delete(Table::kMeta, key);
  }
  return absl::OkStatus();
}

}  // namespace brigada
