// Files that are on the disk when a call returns.
#ifndef SERVER_DURABLE_FILES_H_
#define SERVER_DURABLE_FILES_H_

#include <string>

#include "absl/status/status.h"

namespace brigada {

// The names in the directory that holds `path` are on the disk.
absl::Status SyncDirectoryOf(const std::string& path);
// Copies the files of the directory `from` into the new directory `to`; all of it is on the disk on
// return. kAlreadyExists: `to` is there.
absl::Status CopyDirectory(const std::string& from, const std::string& to);
// Renames, and the new name is on the disk.
absl::Status RenameDurably(const std::string& from, const std::string& to);

}  // namespace brigada

#endif  // SERVER_DURABLE_FILES_H_
