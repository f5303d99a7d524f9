// The backups the server has made, and what of the work every one of those kept holds.
#ifndef SERVER_BACKUPS_H_
#define SERVER_BACKUPS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "brigada/v1/storage.pb.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/store/authority_store.h"

namespace brigada {

// A backup counts as kept for so long after it was made, and until so many other whole ones hold
// all that it holds, whatever the clock says; the newest one always. Devices hold on to what an
// older kept backup lacks; who restores one that is no longer kept may miss work that devices have
// let go.
inline constexpr absl::Duration kBackupKeptFor = absl::Hours(24 * 35);
inline constexpr int kBackupsKept = 7;

// What a backup that begins now will hold at least.
v1::BackupRecord BackupBegun(const AuthorityStore& store, absl::string_view name, absl::Time now);
// Notes it, and forgets those no longer kept. Before the store is copied: a copy that is put back
// has to know that it is kept itself.
absl::Status NoteBackup(AuthorityStore& store, const v1::BackupRecord& backup, absl::Time now);
// The copy failed.
absl::Status ForgetBackup(AuthorityStore& store, const v1::BackupRecord& backup);
// Per partition the commit sequence that every backup still kept holds; empty without a backup.
absl::StatusOr<std::vector<v1::PartitionHead>> CoveredByBackups(const AuthorityStore& store,
                                                                absl::Time now);

}  // namespace brigada

#endif  // SERVER_BACKUPS_H_
