#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/store/in_use.h"
#include "server/durable_files.h"
#include "server/erasures.h"
#include "server/open_store.h"
#include "server/organization.h"

namespace brigada {
namespace {

namespace fs = std::filesystem;

// The epoch, and what the journal knows better, are on the disk before the store takes its place: a
// crash in between leaves the old one untouched.
absl::Status MakeReady(const std::string& incoming, absl::Span<const DirectoryWrite> erasures,
                       Journal* journal, const Clock& clock, Random& random) {
  ASSIGN_OR_RETURN(
      const std::unique_ptr<AuthorityStore> store,
      OpenStore({.path = incoming, .create = false, .restored = true, .journal = journal}, clock,
                random));
  if (!erasures.empty()) RETURN_IF_ERROR(store->WriteEntries(erasures));
  return journal->NoteStart(*store);
}

}  // namespace

absl::StatusOr<std::string> RestoreOrganization(const std::string& directory,
                                                const std::string& backup_path, const Clock& clock,
                                                Random& random, const CopyProgress& progress) {
  std::error_code error;
  if (!fs::exists(absl::StrCat(directory, "/ca.key"), error)) {
    return absl::NotFoundError(absl::StrCat(
        directory, " holds no organization: copy its keys there first (ca, server, cursor)"));
  }
  if (!fs::is_directory(backup_path, error))
    return absl::NotFoundError(absl::StrCat("no backup at ", backup_path));
  const std::string store = absl::StrCat(directory, "/store");
  // Opening it proves that no server runs on it.
  std::vector<DirectoryWrite> erasures;
  {
    const absl::StatusOr<std::unique_ptr<AuthorityStore>> old_store = OpenStore(
        {.path = store, .create = false, .restored = false, .journal = nullptr}, clock, random);
    // One that cannot be opened for any other reason is no obstacle to its replacement.
    if (IsInUse(old_store.status())) return old_store.status();
    // What was erased since the backup must not come back with it.
    if (old_store.ok()) {
      ASSIGN_OR_RETURN(erasures, NotedErasures(**old_store));
    }
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<Journal> journal,
                   Journal::Open(absl::StrCat(directory, "/", kJournalName), &clock));
  const std::string incoming = absl::StrCat(directory, "/", kRestoringName);
  // What an interrupted restore left.
  fs::remove_all(incoming, error);
  RETURN_IF_ERROR(CopyDirectory(backup_path, incoming, progress));
  RETURN_IF_ERROR(Annotate(MakeReady(incoming, erasures, journal.get(), clock, random),
                           "the backup does not open"));
  const std::string stamped = absl::StrCat(
      store, ".before-", absl::FormatTime("%Y%m%dT%H%M%S", clock.Now(), absl::UTCTimeZone()));
  // Somebody may restore twice within a second.
  std::string old = stamped;
  for (int number = 2; fs::exists(old, error); ++number) old = absl::StrCat(stamped, "-", number);
  // On a new machine, and after an interrupted restore, there is none.
  if (fs::exists(store, error)) {
    RETURN_IF_ERROR(Annotate(RenameDurably(store, old), "cannot set the old store aside"));
  } else {
    old.clear();
  }
  RETURN_IF_ERROR(Annotate(RenameDurably(incoming, store),
                           "cannot put the restored store in place; run the restore again"));
  return old;
}

}  // namespace brigada
