#include "server/scrub_job.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"

namespace brigada {
namespace {

// An operator looks at what has not come about for so long.
constexpr absl::Duration kLong = absl::Hours(1);
// Each waits two seconds for who reads an older state.
constexpr int kTriesBeforeBackup = 15;

absl::Status ScrubPatiently(AuthorityStore& store, std::atomic<bool>* cancel) {
  absl::Status scrubbed = absl::DeadlineExceededError("not tried");
  for (int i = 0; i < kTriesBeforeBackup && absl::IsDeadlineExceeded(scrubbed); ++i)
    scrubbed = store.ScrubFiles(cancel).status();
  return scrubbed;
}

absl::Status RemoveCopy(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("cannot remove a backup that holds what was erased: ", error.message()));
}

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
  absl::Status holds_none;
  for (int copies = 1;; ++copies) {
    const uint64_t erasures = store.erasures();
    holds_none = ScrubPatiently(store, cancel);
    RETURN_IF_ERROR(store.Backup(path, go_on));
    if (!holds_none.ok() || store.erasures() == erasures) break;
    holds_none = absl::AbortedError("erased while it was copied");
    if (copies == kMostCopies || (cancel != nullptr && *cancel)) break;
    Log(LogLevel::kInfo, "backup_made_anew", {{"why", holds_none.message()}});
    RETURN_IF_ERROR(RemoveCopy(path));
  }
  if (!holds_none.ok() && !absl::IsCancelled(holds_none))
    Log(LogLevel::kWarning, "backup_holds_erased", {{"code", CodeOf(holds_none)}});
  return absl::OkStatus();
}

}  // namespace brigada
