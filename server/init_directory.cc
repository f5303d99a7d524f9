#include "server/init_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "replica/base/status_macros.h"

namespace brigada {
namespace {

namespace fs = std::filesystem;

// The last one is what makes a directory an organization.
constexpr std::array<absl::string_view, 7> kNames = {
    "store", "server.key", "server.pem", "cursor.key", "address", "ca.pem", "ca.key"};

std::string In(absl::string_view directory, absl::string_view name) {
  return absl::StrCat(directory, "/", name);
}

std::string WorkPath(absl::string_view directory) { return In(directory, "init.unfinished"); }

// The names first: while the work directory is there, they are known to be of this try.
void Clear(const std::string& directory) {
  std::error_code ignored;
  for (const absl::string_view name : kNames) fs::remove_all(In(directory, name), ignored);
  fs::remove_all(WorkPath(directory), ignored);
}

absl::Status Sync(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  if (synced) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("the disk did not confirm what was made in ", directory, ": run init again"));
}

absl::Status CheckVacant(const std::string& directory) {
  std::error_code error;
  if (fs::exists(In(directory, kNames.back()), error)) {
    return absl::AlreadyExistsError(absl::StrCat(
        directory,
        " holds an organization already; choose another --dir, or run `brigada-server serve`"));
  }
  // An empty one is what a crash after the last move leaves: then what is there is an
  // organization's.
  if (fs::exists(WorkPath(directory), error) && !fs::is_empty(WorkPath(directory), error))
    return absl::OkStatus();
  for (const absl::string_view name : kNames) {
    if (fs::exists(In(directory, name), error)) {
      return absl::AlreadyExistsError(absl::StrCat(
          In(directory, name),
          " is there already and is no organization's without its ca.key: bring ca.key back from "
          "the copy in the safe, or choose another --dir"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<InitDirectory> InitDirectory::Begin(const std::string& directory) {
  RETURN_IF_ERROR(CheckVacant(directory));
  std::error_code error;
  const bool is_unfinished = fs::exists(WorkPath(directory), error);
  if (is_unfinished) Clear(directory);
  fs::create_directories(directory, error);
  if (!error) fs::permissions(directory, fs::perms::owner_all, error);
  if (!error) fs::create_directory(WorkPath(directory), error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot make ", directory, ": ", error.message(),
                     "; choose another --dir, or run as its owner"));
  }
  return InitDirectory(directory);
}

InitDirectory::InitDirectory(InitDirectory&& other) noexcept
    : directory_(std::exchange(other.directory_, std::string())) {}

InitDirectory::~InitDirectory() {
  if (!directory_.empty()) Clear(directory_);
}

std::string InitDirectory::work_path() const { return WorkPath(directory_); }

absl::Status InitDirectory::Finish() {
  RETURN_IF_ERROR(Sync(work_path()));
  std::error_code error;
  for (const absl::string_view name : kNames) {
    // What it names must be durable before ca.key says that all is there.
    if (name == kNames.back()) RETURN_IF_ERROR(Sync(directory_));
    fs::rename(In(work_path(), name), In(directory_, name), error);
    if (error) {
      return absl::UnavailableError(absl::StrCat("cannot put ", In(directory_, name),
                                                 " in place: ", error.message(),
                                                 "; nothing was made, run init again"));
    }
  }
  RETURN_IF_ERROR(Sync(directory_));
  const std::string work = work_path();
  directory_.clear();
  fs::remove_all(work, error);
  return absl::OkStatus();
}

}  // namespace brigada
