#include "server/scrub_job.h"

#include <algorithm>

#include "replica/base/log.h"

namespace brigada {
namespace {

// An operator looks at what has not come about for so long.
constexpr absl::Duration kLong = absl::Hours(1);
// Each waits two seconds for who reads an older state.
constexpr int kTriesBeforeBackup = 15;

std::string CodeOf(const absl::Status& status) { return absl::StatusCodeToString(status.code()); }

}  // namespace

void ScrubJob::RunWhenDue(absl::Duration monotonic, std::atomic<bool>* cancel) {
  if (next_.has_value() && monotonic < *next_) return;
  const absl::StatusOr<uint64_t> partitions = store_->ScrubFiles(cancel);
  if (partitions.ok()) {
    if (*partitions > 0) Log(LogLevel::kInfo, "files_scrubbed", {{"partitions", *partitions}});
    failing_since_.reset();
    retry_after_ = kRetryScrubAfter;
    next_ = monotonic + kBetweenScrubs;
    return;
  }
  if (!failing_since_.has_value()) failing_since_ = monotonic;
  const absl::Duration due_for = monotonic - *failing_since_;
  Log(due_for < kLong ? LogLevel::kInfo : LogLevel::kWarning, "files_not_scrubbed",
      {{"code", CodeOf(partitions.status())}, {"due_for_s", absl::ToInt64Seconds(due_for)}});
  next_ = monotonic + retry_after_;
  retry_after_ = std::min(2 * retry_after_, kBetweenScrubs);
}

absl::Status BackupScrubbed(AuthorityStore& store, const std::string& path,
                            const ContinueCopy& go_on, std::atomic<bool>* cancel) {
  absl::Status scrubbed = absl::DeadlineExceededError("not tried");
  for (int i = 0; i < kTriesBeforeBackup && absl::IsDeadlineExceeded(scrubbed); ++i)
    scrubbed = store.ScrubFiles(cancel).status();
  if (!scrubbed.ok() && !absl::IsCancelled(scrubbed))
    Log(LogLevel::kWarning, "backup_holds_erased", {{"code", CodeOf(scrubbed)}});
  return store.Backup(path, go_on);
}

}  // namespace brigada
