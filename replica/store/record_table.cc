#include "replica/store/record_table.h"

#include <memory>
#include <utility>

#include "replica/base/status_macros.h"
#include "replica/store/keys.h"

namespace brigada {
namespace {

// Hops from partition to partition: one seek each, whatever they hold.
absl::StatusOr<std::set<std::string, std::less<>>> StoredPartitions(const KvReader& reader) {
  std::set<std::string, std::less<>> partitions;
  auto it = reader.Iterate(Table::kRecords, "", "");
  it->SeekToFirst();
  while (it->Valid()) {
    const std::string partition(PartitionOfKey(it->key()));
    if (partition.empty()) return absl::DataLossError("open store: a record key is damaged");
    partitions.insert(partition);
    it->Seek(PrefixEnd(PartitionPrefix(partition)));
  }
  RETURN_IF_ERROR(it->status());
  return partitions;
}

// Damaged bytes count as a record that lives: whoever asked for it has to learn of the damage.
bool MayLive(absl::string_view bytes) {
  v1::StoredRecord stored;
  if (!stored.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return true;
  const v1::RecordState& visible = stored.has_view() ? stored.view() : stored.base();
  return visible.writes_size() > 0 && !visible.deleted();
}

}  // namespace

absl::Status RecordTable::Load(const KvReader& reader) {
  ASSIGN_OR_RETURN(auto partitions, StoredPartitions(reader));
  std::map<uint32_t, uint64_t> counts;
  const std::string prefix = CountKey(0).substr(0, CountKey(0).size() - sizeof(uint32_t));
  auto it = reader.Iterate(Table::kMeta, prefix, PrefixEnd(prefix));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const absl::string_view type = AfterMetaName(it->key());
    if (type.size() != sizeof(uint32_t))
      return absl::DataLossError("open store: a count is damaged");
    counts[BigEndian32(type)] = NumberOf(it->value());
  }
  RETURN_IF_ERROR(it->status());
  ASSIGN_OR_RETURN(const auto open_conflicts, reader.Get(Table::kMeta, kOpenConflictsKey));
  const MutexLock lock(&mu_);
  partitions_ = std::move(partitions);
  counts_ = std::move(counts);
  open_conflicts_ = open_conflicts.has_value() ? NumberOf(*open_conflicts) : 0;
  return absl::OkStatus();
}

std::vector<std::string> RecordTable::Partitions() const {
  const MutexLock lock(&mu_);
  return {partitions_.begin(), partitions_.end()};
}

absl::StatusOr<std::optional<RecordTable::Found>> RecordTable::Find(const KvReader& reader,
                                                                    uint32_t type_id,
                                                                    const RecordId& id) const {
  std::vector<std::string> partitions = Partitions();
  std::optional<Found> tombstone;
  for (std::string& partition : partitions) {
    ASSIGN_OR_RETURN(auto bytes, reader.Get(Table::kRecords, RecordKey(partition, type_id, id)));
    if (!bytes.has_value()) continue;
    Found found{std::move(partition), *std::move(bytes)};
    if (partitions.size() == 1 || MayLive(found.bytes)) return found;
    if (!tombstone.has_value()) tombstone = std::move(found);
  }
  return tombstone;
}

uint64_t RecordTable::open_conflicts() const {
  const MutexLock lock(&mu_);
  return open_conflicts_;
}

}  // namespace brigada
