// The rejected list: refused change sets with their content and verdict; and the counts.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/store/device_keys.h"
#include "replica/store/keys.h"
#include "replica/store/kv_device_store.h"

namespace brigada {
namespace {

bool IsReadable(const v1::RejectedChangeSet& entry) {
  v1::ChangeSetHeader header;
  v1::ChangeSetBody body;
  return header.ParseFromString(entry.change_set().header()) &&
         body.ParseFromString(entry.change_set().body());
}

// What cannot be read is listed by its number, so that it can be discarded.
v1::RejectedChangeSet DamagedRejection(absl::string_view key) {
  v1::ChangeSetHeader header;
  header.set_partition(std::string(PartitionOfKey(key)));
  if (key.size() >= sizeof(uint64_t))
    header.set_sequence(BigEndian64(key.substr(key.size() - sizeof(uint64_t))));
  v1::RejectedChangeSet entry;
  entry.mutable_change_set()->set_header(header.SerializeAsString());
  entry.mutable_verdict()->set_sequence(header.sequence());
  entry.mutable_verdict()->set_outcome(v1::REJECTED);
  v1::Refusal& refusal = *entry.mutable_verdict()->add_refusals();
  refusal.set_reason(v1::UNREADABLE_BODY);
  refusal.set_detail("the stored copy is damaged");
  return entry;
}

}  // namespace

absl::Status KvDeviceStore::LoadRejectedCount() {
  const std::unique_ptr<KvIterator> it = kv_->Iterate(Table::kRejected, "", "");
  MutexLock lock(&mu_);
  for (it->SeekToFirst(); it->Valid(); it->Next()) ++rejected_;
  return it->status();
}

absl::StatusOr<std::vector<v1::RejectedChangeSet>> KvDeviceStore::Rejected() const {
  std::vector<v1::RejectedChangeSet> all;
  const std::unique_ptr<KvIterator> it = kv_->Iterate(Table::kRejected, "", "");
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const absl::string_view value = it->value();
    if (!all.emplace_back().ParseFromArray(value.data(), static_cast<int>(value.size())) ||
        !IsReadable(all.back()))
      all.back() = DamagedRejection(it->key());
  }
  RETURN_IF_ERROR(it->status());
  return all;
}

absl::Status KvDeviceStore::DiscardRejected(absl::string_view partition, uint64_t sequence) {
  const WriterTurn turn(&writers_);
  const std::string key = ChangeSetKey(partition, sequence);
  ASSIGN_OR_RETURN(const std::optional<std::string> stored, kv_->Get(Table::kRejected, key));
  if (!stored) {
    return absl::NotFoundError(
        absl::StrCat("no rejected change set ", sequence, " in ", partition));
  }
  KvBatch batch;
  batch.Delete(Table::kRejected, key);
  RETURN_IF_ERROR(kv_->Write(batch, Durability::kSync));
  MutexLock lock(&mu_);
  --rejected_;
  return absl::OkStatus();
}

absl::StatusOr<StoreCounts> KvDeviceStore::Counts() const {
  StoreCounts counts;
  std::vector<std::string> oldest_keys;
  std::vector<uint64_t> oldest_sequences;
  {
    MutexLock lock(&mu_);
    counts.rejected = rejected_;
    for (const auto& [partition, state] : partitions_) {
      const uint64_t pending = state.head.sequence() - state.head.confirmed();
      counts.pending += pending;
      if (pending == 0) continue;
      oldest_sequences.push_back(state.head.confirmed() + 1);
      oldest_keys.push_back(ChangeSetKey(partition, oldest_sequences.back()));
    }
  }
  counts.open_conflicts = table_.open_conflicts();
  for (size_t i = 0; i < oldest_keys.size(); ++i) {
    ASSIGN_OR_RETURN(const std::optional<std::string> value,
                     kv_->Get(Table::kOutbox, oldest_keys[i]));
    if (!value) continue;  // its verdict came meanwhile
    ASSIGN_OR_RETURN(const PendingSet set, ParsePendingSet(*value, oldest_sequences[i]));
    counts.oldest_pending = std::min(counts.oldest_pending, Hlc{set.header.stamp()}.ToTime());
  }
  return counts;
}

}  // namespace brigada
