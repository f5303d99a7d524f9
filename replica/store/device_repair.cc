// A repair on a device: what it has between two keys, and what the server wants to be otherwise.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/merge/apply.h"
#include "replica/store/batch_in_progress.h"
#include "replica/store/device_keys.h"
#include "replica/store/keys.h"

namespace brigada {
namespace {

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("malformed repair: ", what));
}

bool IsBetween(absl::string_view key, absl::string_view begin, absl::string_view end) {
  return key.size() == kRangeKeyBytes && key >= begin && (end.empty() || key < end);
}

}  // namespace

RangeReader KvDeviceStore::RangesOf(absl::string_view partition) const {
  RangeReader who{.registry = options_.registry,
                  .reader = kv_.get(),
                  .partition = std::string(partition),
                  .feeds = {},
                  .policy = table_.sum_policy()};
  const PartitionState state = StateOf(partition);
  if (state.cursor) who.feeds.assign(state.cursor->feeds().begin(), state.cursor->feeds().end());
  return who;
}

absl::StatusOr<std::vector<v1::RecordRange>> KvDeviceStore::CutRange(absl::string_view partition,
                                                                     absl::string_view begin,
                                                                     absl::string_view end,
                                                                     uint64_t records_per_part,
                                                                     size_t max_parts) const {
  return brigada::CutRange(RangesOf(partition), begin, end, records_per_part, max_parts);
}

absl::StatusOr<DeviceStore::ListedRange> KvDeviceStore::ListRange(absl::string_view partition,
                                                                  absl::string_view begin,
                                                                  absl::string_view end,
                                                                  size_t max_items) const {
  ListedRange listed;
  listed.end = std::string(end);
  const RangeReader who = RangesOf(partition);
  RangeScan scan(who, begin, end);
  while (true) {
    ASSIGN_OR_RETURN(std::optional<ScannedRecord> record, scan.Next());
    if (!record.has_value()) return listed;
    if (!record->is_counted) continue;
    if (listed.items.size() == max_items) {
      listed.end = std::move(record->key);
      return listed;
    }
    v1::RangeItems::Item& item = listed.items.emplace_back();
    item.set_key(std::move(record->key));
    item.set_fingerprint(record->sum.Fingerprint());
    item.set_created(record->state.base.created().sequence);
    item.set_sequence(record->state.base.sequence);
  }
}

absl::StatusOr<RepairEffect> KvDeviceStore::ApplyRepair(absl::string_view partition,
                                                        absl::string_view begin,
                                                        absl::string_view end,
                                                        const v1::RepairBody& body) {
  RepairEffect effect;
  {
    const WriterTurn turn(&writers_);
    BatchInProgress work(&table_, kv_.get());
    work.partition = std::string(partition);
    work.state = StateOf(partition);
    work.clock = clock_;
    if (!work.state.cursor) return absl::FailedPreconditionError("a repair without a cursor");
    for (const v1::Entry& entry : body.entries()) {
      ASSIGN_OR_RETURN(const CheckedEntry checked,
                       CheckEntry(*options_.registry, 0, work.state.cursor->scanned(), entry));
      if (!checked.is_whole || !checked.moved_to.empty() ||
          !IsBetween(RangeKey(checked.type_id, checked.id), begin, end))
        return Malformed("an entry out of place");
      RETURN_IF_ERROR(TakeWhole(checked, &effect, &work));
    }
    for (const std::string& key : body.gone()) {
      if (!IsBetween(key, begin, end)) return Malformed("a record out of place");
      RETURN_IF_ERROR(TakeAway(key, /*is_kept=*/false, &effect, &work));
    }
    for (const std::string& key : body.kept()) {
      if (!IsBetween(key, begin, end)) return Malformed("a record out of place");
      RETURN_IF_ERROR(TakeAway(key, /*is_kept=*/true, &effect, &work));
    }
    RETURN_IF_ERROR(ScrubErased(&work));
    for (RecordSlot& slot : work.records.slots()) {
      if (slot.dirty) RETURN_IF_ERROR(RebuildView(&slot, &work));
    }
    RETURN_IF_ERROR(WriteRepair(&work));
  }
  notifier_.Deliver();
  return effect;
}

absl::Status KvDeviceStore::TakeWhole(const CheckedEntry& entry, RepairEffect* effect,
                                      BatchInProgress* work) {
  ASSIGN_OR_RETURN(RecordSlot* const slot,
                   work->records.Open(work->partition, entry.type_id, entry.id));
  ++effect->brought;
  if (!IsInSums(slot->state)) ++effect->missing;
  return ApplyEntry(entry, work);
}

// Pending work keeps its view: what becomes of it the verdict tells.
absl::Status KvDeviceStore::TakeAway(absl::string_view key, bool is_kept, RepairEffect* effect,
                                     BatchInProgress* work) {
  ASSIGN_OR_RETURN(RecordSlot* const slot,
                   work->records.Open(work->partition, TypeOfRangeKey(key), IdOfRangeKey(key)));
  RecordStorage& state = slot->state;
  if (!IsInSums(state)) return absl::OkStatus();
  slot->dirty = true;
  ++(is_kept ? effect->kept : effect->removed);
  state.is_kept = is_kept;
  if (is_kept) return absl::OkStatus();
  state.base = Record();
  state.seen = 0;
  return absl::OkStatus();
}

absl::Status KvDeviceStore::WriteRepair(BatchInProgress* work) {
  const v1::DeviceClock now = ClockNow(work->clock.last());
  work->writes.Put(Table::kMeta, std::string(kClockKey), now.SerializeAsString());
  // An erasure may have taken of what is retained.
  if (work->state.head.sequence() > 0) {
    work->writes.Put(Table::kMeta, NamedMetaKey(kOutboxHeadName, work->partition),
                     work->state.head.SerializeAsString());
  }
  RETURN_IF_ERROR(StageRecords(work));
  RETURN_IF_ERROR(kv_->Write(work->writes, Durability::kSync));
  TakeClock(now);
  TellOfChanges(&work->records);
  MutexLock lock(&mu_);
  partitions_[work->partition].head = work->state.head;
  rejected_ = static_cast<uint64_t>(static_cast<int64_t>(rejected_) + work->rejected_gain);
  has_unsynced_commit_ = false;
  return absl::OkStatus();
}

absl::Status KvDeviceStore::EndRepair(absl::string_view partition, const RepairEffect& effect) {
  const WriterTurn turn(&writers_);
  v1::RepairNotes notes = Repairs();
  const auto due = std::find(notes.due().begin(), notes.due().end(), partition);
  if (due != notes.due().end()) notes.mutable_due()->erase(due);
  notes.set_repaired_ms(ServerTimeNow());
  notes.set_brought(notes.brought() + effect.brought);
  notes.set_removed(notes.removed() + effect.removed);
  return WriteRepairNotes(std::move(notes));
}

}  // namespace brigada
