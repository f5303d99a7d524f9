// Files that hold a secret (a private key, a MAC key): few, small, written seldom, and their loss
// costs an enrolment or a whole organization.
#ifndef REPLICA_CRYPTO_SECRET_FILE_H_
#define REPLICA_CRYPTO_SECRET_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace brigada {

enum class IfFileExists { kRefuse, kReplace };

// Writes `content` to `path`, readable and writable by the owner only. Once it returns OK, the file
// survives a power cut; a crash on the way leaves the old file or the new one whole, perhaps beside
// a stray `path`.tmp-* (owner only), which may be deleted. kInvalidArgument: `content` is empty.
// kAlreadyExists: the file is there and `if_exists` is kRefuse; it is untouched. kNotFound: no such
// folder. kPermissionDenied, kResourceExhausted (disk full): as the system says; an old file is
// untouched. kDataLoss: the disk did not confirm the write; what is there after a power cut is
// unknown. Every message names the file and the way out.
absl::Status WriteSecretFile(const std::string& path, absl::string_view content,
                             IfFileExists if_exists);

// kNotFound, kPermissionDenied: as the system says. kFailedPrecondition: not a regular file.
// kDataLoss: empty, or unreadable on the disk. kInvalidArgument: longer than `max_bytes`.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path, size_t max_bytes);

// Takes all rights to a directory of such files from everybody but its owner (mode 0700).
// kNotFound, kPermissionDenied: as the system says.
absl::Status CloseDirectoryToOthers(const std::string& path);

}  // namespace brigada

#endif  // REPLICA_CRYPTO_SECRET_FILE_H_
