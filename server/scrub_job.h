// Takes what was erased out of the files beneath the store, and makes copies that hold none of it.
#ifndef SERVER_SCRUB_JOB_H_
#define SERVER_SCRUB_JOB_H_

#include <atomic>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "replica/store/authority_store.h"

namespace brigada {

// Whoever erases one record often erases more.
inline constexpr absl::Duration kBetweenScrubs = absl::Minutes(5);
// What could not be done is tried again after this, then after twice as long, up to the above.
inline constexpr absl::Duration kRetryScrubAfter = absl::Seconds(10);

// One thread at a time, one that nobody waits for: it may take as long as writing the partitions
// anew in which something was erased.
class ScrubJob {
 public:
  // `store` outlives it.
  explicit ScrubJob(AuthorityStore* store) : store_(store) {}

  // At once after a start: something may be left from before. Logs `files_scrubbed`, or
  // `files_not_scrubbed` with the code and for how long it has been due.
  void RunWhenDue(absl::Duration monotonic, std::atomic<bool>* cancel);

 private:
  AuthorityStore* const store_;
  std::optional<absl::Duration> next_;  // monotonic
  absl::Duration retry_after_ = kRetryScrubAfter;
  std::optional<absl::Duration> failing_since_;  // monotonic
};

// AuthorityStore::Backup of a store whose files are scrubbed first, made anew when something is
// erased until it is whole. Where the files cannot be scrubbed now, or something is erased during
// each of kMostCopies, the copy is kept all the same, since it is what the work rests on, and
// logged as `backup_holds_erased`.
inline constexpr int kMostCopies = 3;
absl::Status BackupScrubbed(AuthorityStore& store, const std::string& path,
                            const ContinueCopy& go_on, std::atomic<bool>* cancel);

}  // namespace brigada

#endif  // SERVER_SCRUB_JOB_H_
