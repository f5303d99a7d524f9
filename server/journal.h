// The journal beside the store: what a restored store must not forget. Enrolments, revocations,
// grants, used invitations, erasures and backups; and which epochs and runs there were. A backup
// put back in the store's place is brought up to date with it before it serves.
//
// One file, appended to, of framed records (replica/store/framed_record.h) with a v1::JournalRecord
// each. A last one that a power cut left in part was never acknowledged: it is cut off. Whatever
// else does not fit its sums is damage, and refused: what was cut off then could be a revocation.
#ifndef SERVER_JOURNAL_H_
#define SERVER_JOURNAL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "brigada/v1/storage.pb.h"
#include "replica/base/clock.h"
#include "replica/base/mutex.h"
#include "replica/store/authority_store.h"

namespace brigada {

// Thread safe.
class Journal {
 public:
  // Makes the file when it is missing. kDataLoss: a record is damaged.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(const std::string& path, const Clock* clock);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // What was there when it was opened, in order.
  const std::vector<v1::JournalRecord>& records() const { return records_; }
  // On the disk when it returns. kResourceExhausted (the disk is full) or kUnavailable: not yet;
  // the records are kept, within bounds, and written with the next ones or by Mend.
  absl::Status Append(std::vector<v1::JournalRecord> records);
  // Writes what an earlier Append could not. OK too while that fails again; otherwise the file can
  // only be gone on with once it is opened again, which notes what is missing from the store.
  absl::Status Mend();

  // Notes what of `writes` has to survive a restore. For AuthorityStoreOptions.
  absl::Status NoteDirectory(absl::Span<const DirectoryWrite> writes, uint64_t number);
  // Notes the store's epoch and run.
  absl::Status NoteStart(const AuthorityStore& store);

 private:
  Journal(int file, const Clock* clock) : file_(file), clock_(clock) {}
  // OK: nothing is unwritten.
  absl::Status WriteAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const int file_;
  const Clock* const clock_;
  std::vector<v1::JournalRecord> records_;
  Mutex mu_;
  uint64_t length_ ABSL_GUARDED_BY(mu_) = 0;  // of what is on the disk
  std::string unwritten_ ABSL_GUARDED_BY(mu_);
  size_t told_ ABSL_GUARDED_BY(mu_) = 0;       // bytes of the failure that was logged last
  absl::Status failure_ ABSL_GUARDED_BY(mu_);  // that only an opening mends
};

// What of `writes` has to survive a restore, as it is noted.
std::vector<v1::JournalRecord> RecordsOf(absl::Span<const DirectoryWrite> writes, uint64_t number);
// The store's epoch and run.
v1::JournalRecord StartRecord(const AuthorityStore& store);

// The run noted last; empty when there is none.
std::string LastRun(absl::Span<const v1::JournalRecord> records);
// The greatest number of a write of the directory; 0 when there is none.
uint64_t LastDirectoryWrite(absl::Span<const v1::JournalRecord> records);
// What `store` says otherwise than the journal: a crash may keep a write from it. When the store
// went back it is the journal that knows better.
absl::StatusOr<std::vector<DirectoryWrite>> NotNoted(absl::Span<const v1::JournalRecord> records,
                                                     const AuthorityStore& store);
// Every epoch noted.
std::vector<v1::EpochRecord> EpochsOf(absl::Span<const v1::JournalRecord> records);
// Brings the directory of a store that went back to what the journal says.
absl::Status ReplayDirectory(absl::Span<const v1::JournalRecord> records, AuthorityStore& store);

}  // namespace brigada

#endif  // SERVER_JOURNAL_H_
