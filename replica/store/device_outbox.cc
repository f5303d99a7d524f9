// Reading the outbox, and what is retained before it, for a push.
#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/store/device_keys.h"
#include "replica/store/keys.h"
#include "replica/store/kv_device_store.h"

namespace brigada {
namespace {

absl::Status Damaged(uint64_t sequence) {
  return absl::DataLossError(absl::StrCat("change set ", sequence, " of the outbox is damaged"));
}

}  // namespace

absl::StatusOr<PendingSet> ParsePendingSet(absl::string_view value, uint64_t sequence) {
  v1::OutboxChangeSet stored;
  PendingSet set;
  if (!stored.ParseFromArray(value.data(), static_cast<int>(value.size())) ||
      !set.header.ParseFromString(stored.change_set().header()) ||
      !set.body.ParseFromString(stored.change_set().has_body() ? stored.change_set().body()
                                                               : stored.remaining()) ||
      set.header.sequence() != sequence) {
    return Damaged(sequence);
  }
  set.change_set = std::move(*stored.mutable_change_set());
  return set;
}

absl::StatusOr<OutboxPage> KvDeviceStore::ReadOutbox(absl::string_view partition,
                                                     uint64_t from_sequence,
                                                     size_t max_bytes) const {
  const std::unique_ptr<const KvReader> snapshot = kv_->Snapshot();
  // A set that was sent and then lost with the power would have its sequence used again for other
  // content, which the server must take for a copy of this device. So nothing leaves before it is
  // on disk.
  RETURN_IF_ERROR(SyncCommits());
  OutboxPage page;
  size_t bytes = 0;
  const v1::OutboxHead head = Head(partition);
  // A commit that is not acknowledged yet may be in the snapshot already.
  const std::unique_ptr<KvIterator> it =
      snapshot->Iterate(Table::kOutbox, ChangeSetKey(partition, from_sequence),
                        ChangeSetKey(partition, head.sequence() + 1));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    if (bytes > 0 && bytes + it->value().size() > max_bytes) return page;
    v1::OutboxChangeSet stored;
    const absl::string_view number = it->key().substr(partition.size() + 1);
    if (number.size() != sizeof(uint64_t)) return absl::DataLossError("a malformed outbox key");
    const uint64_t sequence = BigEndian64(number);
    if (!stored.ParseFromArray(it->value().data(), static_cast<int>(it->value().size()))) {
      return Damaged(sequence);
    }
    // What lies before is gone here: a server that does not have it either cannot ask for it, not
    // even to check this one again.
    const bool is_first_here = sequence > from_sequence || sequence == head.retained_from();
    if (page.last_sequence == 0 && sequence > 1 && is_first_here)
      page.chain_before = head.retained_chain();
    bytes += it->value().size();
    page.last_sequence = sequence;
    if (stored.has_verdict()) {
      v1::Redelivered& judged = page.redelivered.emplace_back();
      *judged.mutable_verdict() = std::move(*stored.mutable_verdict());
      judged.set_epoch(stored.epoch());
    }
    page.chain_after = std::move(*stored.mutable_chain());
    page.change_sets.push_back(std::move(*stored.mutable_change_set()));
  }
  RETURN_IF_ERROR(it->status());
  page.end = true;
  return page;
}

absl::Status KvDeviceStore::SyncCommits() const {
  {
    MutexLock lock(&mu_);
    if (!has_unsynced_commit_) return absl::OkStatus();
  }
  const WriterTurn turn(&writers_);
  // A synced write takes all earlier ones to the disk with it.
  KvBatch batch;
  batch.Put(Table::kMeta, std::string(kClockKey), ClockNow(clock_.last()).SerializeAsString());
  RETURN_IF_ERROR(kv_->Write(batch, Durability::kSync));
  MutexLock lock(&mu_);
  has_unsynced_commit_ = false;
  return absl::OkStatus();
}

}  // namespace brigada
