// What an erasure or a purge took out of the tables leaves the files beneath them as well. Which
// partitions that is due for is noted in the write batch that took it, so that a crash in between
// leaves it to a later call.
#include <optional>
#include <utility>
#include <vector>

#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/store/device_keys.h"
#include "replica/store/feed_cover.h"
#include "replica/store/kv_device_store.h"
#include "replica/store/scrub_notes.h"

namespace brigada {

absl::Status KvDeviceStore::ScrubFiles(std::atomic<bool>* cancel) {
  ScrubNotes due;
  std::optional<v1::Purge> purge;
  {
    const WriterTurn turn(&writers_);
    ASSIGN_OR_RETURN(due, ReadScrubNotes(*kv_));
    MutexLock lock(&mu_);
    if (purge_step_ == PurgeStep::kFiles) purge = purge_;
  }
  if (due.empty() && !purge.has_value()) return absl::OkStatus();
  // Without a turn: commits go on.
  RETURN_IF_ERROR(kv_->Scrub(
      RangesToScrub(due, {Table::kRecords, Table::kIndex, Table::kOutbox, Table::kRejected}),
      cancel));
  const WriterTurn turn(&writers_);
  KvBatch done;
  RETURN_IF_ERROR(StageScrubbed(*kv_, due, &done));
  // Another welcome may have come in between: what it said is still to be done.
  if (purge.has_value() && IsAtFilesOf(*purge)) return EndPurge(*purge, std::move(done));
  return done.empty() ? absl::OkStatus() : kv_->Write(done, Durability::kMemory);
}

bool KvDeviceStore::IsAtFilesOf(const v1::Purge& purge) const {
  MutexLock lock(&mu_);
  return purge_step_ == PurgeStep::kFiles &&
         purge_.SerializeAsString() == purge.SerializeAsString();
}

// Nothing of what was lost is left on the disk: the receipt may say so.
absl::Status KvDeviceStore::EndPurge(const v1::Purge& purge, KvBatch writes) {
  v1::Receipt receipt = PendingReceipt();
  std::vector<v1::Feed> gone(receipt.feeds().begin(), receipt.feeds().end());
  AddFeeds(purge.lost(), &gone);
  receipt.mutable_feeds()->Assign(gone.begin(), gone.end());
  receipt.set_number(receipt.number() + 1);
  writes.Delete(Table::kMeta, std::string(kPurgeKey));
  writes.Put(Table::kMeta, std::string(kReceiptKey), receipt.SerializeAsString());
  RETURN_IF_ERROR(kv_->Write(writes, Durability::kSync));
  Log(LogLevel::kInfo, "purged", {{"feeds", purge.lost_size()}, {"receipt", receipt.number()}});
  MutexLock lock(&mu_);
  purge_.Clear();
  purge_step_ = PurgeStep::kRecords;
  receipt_ = std::move(receipt);
  return absl::OkStatus();
}

}  // namespace brigada
