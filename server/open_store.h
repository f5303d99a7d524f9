// How an organization's store is opened: by serve, init and restore.
#ifndef SERVER_OPEN_STORE_H_
#define SERVER_OPEN_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "replica/base/clock.h"
#include "replica/base/random.h"
#include "replica/store/authority_store.h"
#include "replica/store/kv_authority_store.h"
#include "server/journal.h"

namespace brigada {

inline constexpr char kJournalName[] = "journal";
// Where a backup is made ready before it takes the store's place.
inline constexpr char kRestoringName[] = "store.restoring";

struct OpenHow {
  std::string path;
  bool create = false;
  // It is a backup that takes the store's place.
  bool restored = false;
  // Whose last run the store has to know, and which hears of what is written; null: none.
  Journal* journal = nullptr;
};

// The same beside the records of any journal, as they were before it, on any kind of disk:
// `options` has what does not follow from the journal, `note` is AuthorityStoreOptions::
// on_directory_write.
using NoteDirectoryWrites =
    std::function<absl::Status(absl::Span<const DirectoryWrite> writes, uint64_t number)>;
using OpenAuthority = std::function<absl::StatusOr<std::unique_ptr<AuthorityStore>>(
    const AuthorityStoreOptions& options)>;
absl::StatusOr<std::unique_ptr<AuthorityStore>> OpenBesideJournal(
    absl::Span<const v1::JournalRecord> records, const NoteDirectoryWrites& note,
    AuthorityStoreOptions options, const OpenAuthority& open);

// kUnavailable: open elsewhere, or the disk fails.
absl::StatusOr<std::unique_ptr<AuthorityStore>> OpenStore(const OpenHow& how, const Clock& clock,
                                                          Random& random);

}  // namespace brigada

#endif  // SERVER_OPEN_STORE_H_
