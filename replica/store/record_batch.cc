#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/check.h"
#include "replica/base/status_macros.h"
#include "replica/store/feed_entries.h"
#include "replica/store/keys.h"
#include "replica/store/record_footprint.h"
#include "replica/store/record_table.h"

namespace brigada {
namespace {

// About 2 MiB: the scopes that are written to at one time are few.
constexpr size_t kMaxSumsInMemory = 4096;

void StageIndex(const RecordSlot& slot, const Footprint& before, const Footprint& after,
                KvBatch* batch) {
  const auto key = [&](const IndexTerm& term) {
    return IndexKey(slot.partition, slot.type_id, term.field, term.value, slot.id);
  };
  for (const IndexTerm& term : before.terms) {
    if (!std::binary_search(after.terms.begin(), after.terms.end(), term))
      batch->Delete(Table::kIndex, key(term));
  }
  for (const IndexTerm& term : after.terms) {
    if (!std::binary_search(before.terms.begin(), before.terms.end(), term))
      batch->Put(Table::kIndex, key(term), "");
  }
}

absl::Status DamagedRecord(const absl::Status& status, uint32_t type_id, const RecordId& id) {
  return Annotate(status, absl::StrCat("read record ", id.ToString(), " of type ", type_id));
}

}  // namespace

absl::StatusOr<RecordSlot*> RecordBatch::Open(absl::string_view partition, uint32_t type_id,
                                              const RecordId& id) {
  ASSIGN_OR_RETURN(RecordSlot * slot, OpenStored(partition, type_id, id));
  if (slot != nullptr) return slot;
  return AddSlot(partition, type_id, id);
}

absl::StatusOr<RecordSlot*> RecordBatch::Find(uint32_t type_id, const RecordId& id) {
  std::vector<std::string> partitions = table_->Partitions();
  partitions.insert(partitions.end(), partitions_.begin(), partitions_.end());
  RecordSlot* tombstone = nullptr;
  for (const std::string& partition : partitions) {
    ASSIGN_OR_RETURN(RecordSlot * slot, OpenStored(partition, type_id, id));
    if (slot == nullptr || !slot->state.exists()) continue;
    if (slot->state.visible().is_live()) return slot;
    if (tombstone == nullptr) tombstone = slot;
  }
  return tombstone;
}

absl::StatusOr<RecordSlot*> RecordBatch::OpenStored(absl::string_view partition, uint32_t type_id,
                                                    const RecordId& id) {
  const std::string key = RecordKey(partition, type_id, id);
  const auto known = by_key_.find(key);
  if (known != by_key_.end()) return known->second;
  ASSIGN_OR_RETURN(auto bytes, reader_->Get(Table::kRecords, key));
  if (!bytes.has_value()) return nullptr;
  auto state = DecodeStorage(table_->registry().Find(type_id), *bytes);
  if (!state.ok()) return DamagedRecord(state.status(), type_id, id);
  RecordSlot* slot = AddSlot(partition, type_id, id);
  slot->state = *std::move(state);
  slot->stored_ = *std::move(bytes);
  return slot;
}

RecordSlot* RecordBatch::AddSlot(absl::string_view partition, uint32_t type_id,
                                 const RecordId& id) {
  RecordSlot& slot = slots_.emplace_back();
  slot.partition = std::string(partition);
  slot.type_id = type_id;
  slot.id = id;
  slot.type = table_->registry().Find(type_id);
  by_key_.emplace(RecordKey(partition, type_id, id), &slot);
  if (partitions_.find(partition) == partitions_.end()) partitions_.insert(std::string(partition));
  return &slot;
}

absl::Status RecordBatch::StageSlot(RecordSlot* slot, KvBatch* batch) {
  RecordStorage before;
  if (!slot->stored_.empty()) {
    auto decoded = DecodeStorage(slot->type, slot->stored_);
    if (!decoded.ok()) return DamagedRecord(decoded.status(), slot->type_id, slot->id);
    before = *std::move(decoded);
  }
  const Footprint old_footprint = FootprintOf(slot->type, slot->type_id, before.visible());
  const Footprint new_footprint = FootprintOf(slot->type, slot->type_id, slot->state.visible());
  StageIndex(*slot, old_footprint, new_footprint, batch);
  count_changes_[slot->type_id] +=
      (new_footprint.is_live ? 1 : 0) - (old_footprint.is_live ? 1 : 0);
  open_conflict_change_ +=
      (new_footprint.is_open_conflict ? 1 : 0) - (old_footprint.is_open_conflict ? 1 : 0);
  if (table_->keeps_feeds()) StageFeedEntries(before.base, slot, batch);
  CountBase(*slot, before, /*is_added=*/false);
  CountBase(*slot, slot->state, /*is_added=*/true);
  std::string key = RecordKey(slot->partition, slot->type_id, slot->id);
  if (slot->state.exists()) {
    batch->Put(Table::kRecords, std::move(key), EncodeStorage(slot->state));
  } else if (!slot->stored_.empty()) {
    batch->Delete(Table::kRecords, std::move(key));
  }
  return absl::OkStatus();
}

void RecordBatch::CountBase(const RecordSlot& slot, const RecordStorage& state, bool is_added) {
  const Record& base = state.base;
  if (!IsInSums(state)) return;
  CountIn(slot.partition, base.scope(),
          SumsOf(slot.type, slot.type_id, slot.id, base, table_->sum_policy(), state.untold),
          is_added, &sum_changes_);
}

absl::Status RecordBatch::StageSums(KvBatch* batch) {
  for (const auto& [key, change] : sum_changes_) {
    if (change.is_zero()) continue;
    ClassSums& sums = sums_[key];
    if (const auto known = table_->sums_.find(key); known != table_->sums_.end()) {
      sums = known->second;
    } else {
      ASSIGN_OR_RETURN(sums, ReadClassSums(*reader_, key));
    }
    sums.Add(change);
    if (sums.is_zero()) {
      batch->Delete(Table::kMeta, key);
    } else {
      batch->Put(Table::kMeta, key, EncodeClassSums(sums));
    }
  }
  return absl::OkStatus();
}

void RecordBatch::StageCounts(KvBatch* batch) {
  const MutexLock lock(&table_->mu_);
  for (const auto& [type_id, change] : count_changes_) {
    if (change == 0) continue;
    const auto it = table_->counts_.find(type_id);
    const uint64_t old_count = it == table_->counts_.end() ? 0 : it->second;
    batch->Put(Table::kMeta, CountKey(type_id),
               NumberValue(old_count + static_cast<uint64_t>(change)));
  }
  if (open_conflict_change_ != 0) {
    batch->Put(Table::kMeta, std::string(kOpenConflictsKey),
               NumberValue(table_->open_conflicts_ + static_cast<uint64_t>(open_conflict_change_)));
  }
}

absl::Status RecordBatch::Stage(KvBatch* batch) {
  for (RecordSlot& slot : slots_) {
    if (slot.dirty) RETURN_IF_ERROR(StageSlot(&slot, batch));
  }
  StageCounts(batch);
  return StageSums(batch);
}

void RecordBatch::Committed() {
  if (table_->sums_.size() > kMaxSumsInMemory) table_->sums_.clear();
  for (const auto& [key, sums] : sums_) table_->sums_[key] = sums;
  const MutexLock lock(&table_->mu_);
  for (const RecordSlot& slot : slots_) {
    if (slot.dirty && slot.state.exists() && table_->partitions_.count(slot.partition) == 0)
      table_->partitions_.insert(slot.partition);
  }
  for (const auto& [type_id, change] : count_changes_)
    table_->counts_[type_id] += static_cast<uint64_t>(change);
  table_->open_conflicts_ += static_cast<uint64_t>(open_conflict_change_);
}

}  // namespace brigada
