#include "replica/crypto/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "replica/base/random.h"
#include "replica/base/status_macros.h"

namespace brigada {
namespace {

constexpr mode_t kOwnerOnly = S_IRUSR | S_IWUSR;

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_;
};

absl::string_view WayOut(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return "check the path, and that its folder exists";
    case EACCES:
    case EPERM:
    case EROFS:
      return "run as the owner of the folder, or name another folder";
    case ENOSPC:
    case EDQUOT:
      return "free some space and run it again";
    case EEXIST:
      return "it was left as it is: move it away first, or name another file";
    case EIO:
      return "the disk may be failing: copy what matters to another one";
    default:
      return "nothing was changed";
  }
}

absl::Status SystemError(int error, absl::string_view attempt, absl::string_view path) {
  const absl::StatusCode code =
      error == EIO ? absl::StatusCode::kDataLoss : absl::ErrnoToStatusCode(error);
  return absl::Status(
      code, absl::StrCat(attempt, " ", path, ": ", std::generic_category().message(error), "; ",
                         WayOut(error)));
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string TemporaryName(const std::string& path) {
  std::array<uint8_t, 8> suffix{};
  SystemRandom().Fill(absl::MakeSpan(suffix));
  const absl::string_view bytes(reinterpret_cast<const char*>(suffix.data()), suffix.size());
  return absl::StrCat(path, ".tmp-", absl::BytesToHexString(bytes));
}

int Fsync(int fd) {
  // Apple's fsync stops at the drive's cache.
#ifdef F_FULLFSYNC
  if (::fcntl(fd, F_FULLFSYNC) == 0) return 0;
#endif
  return ::fsync(fd);
}

absl::Status WriteAll(int fd, absl::string_view content, absl::string_view path) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError(errno, "write", path);
    content.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status WriteTemporary(const std::string& temporary, absl::string_view content,
                            const std::string& path) {
  const FileDescriptor file(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly));
  if (!file.is_open()) return SystemError(errno, "write", path);
  // The process may run with a mask that takes even the owner's bits away.
  if (::fchmod(file.get(), kOwnerOnly) != 0) return SystemError(errno, "write", path);
  RETURN_IF_ERROR(WriteAll(file.get(), content, path));
  // After a failed fsync the pages count as clean: trying again would report a success that is
  // none.
  if (Fsync(file.get()) != 0) return SystemError(errno, "write", path);
  return absl::OkStatus();
}

// Gives `temporary` its name. Without kReplace the check and the rename are one step where the
// system can.
int Rename(const std::string& temporary, const std::string& path, IfFileExists if_exists) {
  if (if_exists == IfFileExists::kRefuse) {
#ifdef RENAME_NOREPLACE
    if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0)
      return 0;
    if (errno != EINVAL && errno != ENOSYS) return errno;
#endif
    struct stat existing {};
    if (::lstat(path.c_str(), &existing) == 0) return EEXIST;
  }
  return ::rename(temporary.c_str(), path.c_str()) == 0 ? 0 : errno;
}

absl::Status SyncFolder(const std::string& path) {
  const FileDescriptor folder(::open(FolderOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some file systems (a memory card's) have no fsync of folders and say EINVAL.
  if (folder.is_open() && (Fsync(folder.get()) == 0 || errno == EINVAL)) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      "write ", path, ": the file is in place but the disk did not confirm it (",
      std::generic_category().message(errno), "); check the disk, then write it again"));
}

}  // namespace

absl::Status WriteSecretFile(const std::string& path, absl::string_view content,
                             IfFileExists if_exists) {
  if (content.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("write ", path, ": there is no secret to write"));
  }
  // An early answer for the common case; Rename decides.
  struct stat existing {};
  if (if_exists == IfFileExists::kRefuse && ::lstat(path.c_str(), &existing) == 0)
    return SystemError(EEXIST, "write", path);
  const std::string temporary = TemporaryName(path);
  auto remove_temporary = absl::MakeCleanup([&] { ::unlink(temporary.c_str()); });
  RETURN_IF_ERROR(WriteTemporary(temporary, content, path));
  const int error = Rename(temporary, path, if_exists);
  if (error != 0) return SystemError(error, "write", path);
  std::move(remove_temporary).Cancel();
  return SyncFolder(path);
}

absl::StatusOr<std::string> ReadSecretFile(const std::string& path, size_t max_bytes) {
  // Without O_NONBLOCK a named pipe in the file's place would hold us for ever.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) return SystemError(errno, "read", path);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return SystemError(errno, "read", path);
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat("read ", path, ": not a regular file; name the file itself"));
  }
  std::string content;
  std::array<char, 4096> block{};
  while (content.size() <= max_bytes) {
    const ssize_t read = ::read(file.get(), block.data(), block.size());
    if (read < 0 && errno == EINTR) continue;
    if (read < 0) return SystemError(errno, "read", path);
    if (read == 0) break;
    content.append(block.data(), static_cast<size_t>(read));
  }
  if (content.size() > max_bytes) {
    return absl::InvalidArgumentError(absl::StrCat("read ", path, ": longer than ", max_bytes,
                                                   " bytes, so it is another kind of file"));
  }
  if (content.empty()) {
    return absl::DataLossError(
        absl::StrCat("read ", path, ": the file is empty; restore it from a backup"));
  }
  return content;
}

absl::Status CloseDirectoryToOthers(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return SystemError(errno, "read", path);
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) == 0) return absl::OkStatus();
  return ::chmod(path.c_str(), S_IRWXU) == 0 ? absl::OkStatus()
                                             : SystemError(errno, "cannot protect", path);
}

}  // namespace brigada
