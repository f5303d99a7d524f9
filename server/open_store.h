// How an organization's store is opened: by serve, init and restore.
#ifndef SERVER_OPEN_STORE_H_
#define SERVER_OPEN_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "replica/base/clock.h"
#include "replica/base/random.h"
#include "replica/store/authority_store.h"
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

// kUnavailable: open elsewhere, or the disk fails.
absl::StatusOr<std::unique_ptr<AuthorityStore>> OpenStore(const OpenHow& how, const Clock& clock,
                                                          Random& random);

}  // namespace brigada

#endif  // SERVER_OPEN_STORE_H_
