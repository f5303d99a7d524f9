#include "replica/store/partition_sums.h"

#include <memory>
#include <string>

#include "replica/base/status_macros.h"
#include "replica/store/keys.h"
#include "replica/store/record_table.h"

namespace brigada {

absl::StatusOr<SumsByKey> SumPartition(const KvReader& reader, const Registry& registry,
                                       const SumPolicy& policy, absl::string_view partition,
                                       const std::atomic<bool>* cancel) {
  SumsByKey sums;
  const std::string begin = PartitionPrefix(partition);
  const std::unique_ptr<KvIterator> it = reader.Iterate(Table::kRecords, begin, PrefixEnd(begin));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    if (cancel != nullptr && cancel->load()) return absl::CancelledError("counting was cancelled");
    RecordKeyParts parts;
    if (!ParseRecordKey(it->key(), &parts)) return absl::DataLossError("a record key is damaged");
    const RecordType* const type = registry.Find(parts.type_id);
    const auto stored = DecodeStorage(type, it->value());
    if (!stored.ok() || !IsInSums(*stored)) continue;
    CountIn(partition, stored->base.scope(),
            SumsOf(type, parts.type_id, parts.id, stored->base, policy, stored->untold),
            /*is_added=*/true, &sums);
  }
  RETURN_IF_ERROR(it->status());
  return sums;
}

}  // namespace brigada
