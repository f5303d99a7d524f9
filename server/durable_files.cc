#include "server/durable_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"

namespace brigada {
namespace {

namespace fs = std::filesystem;

absl::Status SyncPath(const std::string& path, int flags) {
  const int file = open(path.c_str(), flags | O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return absl::UnavailableError(absl::StrCat("cannot open ", path, ": ", std::strerror(errno)));
  const int synced = fsync(file);
  const int error = errno;
  close(file);
  if (synced == 0) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("cannot write ", path, " to the disk: ", std::strerror(error)));
}

}  // namespace

absl::Status SyncDirectoryOf(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  return SyncPath(parent.empty() ? "." : parent, O_DIRECTORY);
}

absl::Status CopyDirectory(const std::string& from, const std::string& to) {
  std::error_code error;
  if (fs::exists(to, error)) return absl::AlreadyExistsError(absl::StrCat(to, " is there already"));
  fs::create_directories(to, error);
  for (auto entry = fs::directory_iterator(from, error);
       !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (!entry->is_regular_file(error)) continue;
    const std::string copy = absl::StrCat(to, "/", entry->path().filename().string());
    fs::copy_file(entry->path(), copy, error);
    if (error) break;
    RETURN_IF_ERROR(SyncPath(copy, 0));
  }
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot copy ", from, " to ", to, ": ", error.message()));
  }
  RETURN_IF_ERROR(SyncPath(to, O_DIRECTORY));
  return SyncDirectoryOf(to);
}

absl::Status RenameDurably(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot rename ", from, " to ", to, ": ", error.message()));
  }
  return SyncDirectoryOf(to);
}

}  // namespace brigada
