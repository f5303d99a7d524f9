#include "server/durable_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

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

absl::Status CopyDirectory(const std::string& from, const std::string& to,
                           const CopyProgress& progress) {
  std::error_code error;
  if (fs::exists(to, error)) return absl::AlreadyExistsError(absl::StrCat(to, " is there already"));
  uint64_t total = 0;
  std::vector<fs::path> files;
  for (auto entry = fs::directory_iterator(from, error);
       !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (!entry->is_regular_file(error)) continue;
    total += entry->file_size(error);
    files.push_back(entry->path());
  }
  if (!error) fs::create_directories(to, error);
  uint64_t done = 0;
  for (const fs::path& file : files) {
    if (error) break;
    const std::string copy = absl::StrCat(to, "/", file.filename().string());
    fs::copy_file(file, copy, error);
    if (error) break;
    RETURN_IF_ERROR(SyncPath(copy, 0));
    done += fs::file_size(copy, error);
    if (progress) progress(done, total);
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
