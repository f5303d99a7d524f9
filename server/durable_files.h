// Files that are on the disk when a call returns.
#ifndef SERVER_DURABLE_FILES_H_
#define SERVER_DURABLE_FILES_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"

namespace brigada {

// The names in the directory that holds `path` are on the disk.
absl::Status SyncDirectoryOf(const std::string& path);
// Bytes on the disk so far, and in all.
using CopyProgress = std::function<void(uint64_t done_bytes, uint64_t total_bytes)>;
// Copies the files of the directory `from` into the new directory `to`; all of it is on the disk on
// return. kAlreadyExists: `to` is there. `progress` (may be empty) is told after each file.
absl::Status CopyDirectory(const std::string& from, const std::string& to,
                           const CopyProgress& progress = {});
// Renames, and the new name is on the disk.
absl::Status RenameDurably(const std::string& from, const std::string& to);

}  // namespace brigada

#endif  // SERVER_DURABLE_FILES_H_
