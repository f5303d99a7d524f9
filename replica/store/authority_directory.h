// Devices, grants, invitations, settings and users: small entries that the services own.
#ifndef REPLICA_STORE_AUTHORITY_DIRECTORY_H_
#define REPLICA_STORE_AUTHORITY_DIRECTORY_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "replica/base/mutex.h"
#include "replica/store/authority_store.h"
#include "replica/store/kv.h"

namespace brigada {

// The directory part of AuthorityStore, with its contract. Thread safe.
class AuthorityDirectory {
 public:
  explicit AuthorityDirectory(Kv* kv) : kv_(kv) {}

  absl::StatusOr<std::optional<std::string>> Get(DirectoryKind kind, absl::string_view key) const;
  absl::StatusOr<std::vector<std::pair<std::string, std::string>>> List(DirectoryKind kind) const;
  // Returns how many writes there have been with this one.
  absl::StatusOr<uint64_t> Write(absl::Span<const DirectoryWrite> writes);

 private:
  Kv* const kv_;
  // Held from the check of the expectations to the end of the write.
  Mutex write_mu_;
};

}  // namespace brigada

#endif  // REPLICA_STORE_AUTHORITY_DIRECTORY_H_
