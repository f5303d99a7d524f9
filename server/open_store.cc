#include "server/open_store.h"

#include <utility>
#include <vector>

#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/store/authority_database.h"

namespace brigada {

absl::StatusOr<std::unique_ptr<AuthorityStore>> OpenBesideJournal(
    absl::Span<const v1::JournalRecord> records, const NoteDirectoryWrites& note,
    AuthorityStoreOptions options, const OpenAuthority& open) {
  options.expected_run = LastRun(records);
  options.expected_directory_writes = LastDirectoryWrite(records);
  options.foreign_epochs = EpochsOf(records);
  options.on_directory_write = note;
  ASSIGN_OR_RETURN(std::unique_ptr<AuthorityStore> store, open(options));
  // An empty one is new, or stands for one that was lost. A live epoch that it does not have is one
  // of a crash in between.
  bool is_known = records.empty() || store->CurrentEpoch().is_live();
  const std::string epoch = store->CurrentEpoch().epoch();
  for (const v1::EpochRecord& noted : options.foreign_epochs)
    is_known = is_known || noted.epoch() == epoch;
  if (is_known) {
    ASSIGN_OR_RETURN(const auto missing, NotNoted(records, *store));
    RETURN_IF_ERROR(note(missing, LastDirectoryWrite(records)));
    return store;
  }
  Log(LogLevel::kWarning, "epoch_begun",
      {{"why", options.restored ? "restored" : "the store is older than the journal"},
       {"epoch", store->epoch().ToString()}});
  RETURN_IF_ERROR(ReplayDirectory(records, *store));
  return store;
}

absl::StatusOr<std::unique_ptr<AuthorityStore>> OpenStore(const OpenHow& how, const Clock& clock,
                                                          Random& random) {
  AuthorityStoreOptions options;
  options.registry = &Registry::BuiltIn();
  options.random = &random;
  options.now = clock.Now();
  options.restored = how.restored;
  const OpenAuthority open = [&](const AuthorityStoreOptions& beside) {
    return OpenAuthorityDatabase(how.path, how.create, beside);
  };
  if (how.journal == nullptr) return open(options);
  return OpenBesideJournal(
      how.journal->records(),
      [journal = how.journal](absl::Span<const DirectoryWrite> writes, uint64_t number) {
        return journal->NoteDirectory(writes, number);
      },
      std::move(options), open);
}

}  // namespace brigada
