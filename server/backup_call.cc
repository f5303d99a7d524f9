#include "server/backup_call.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "replica/base/log.h"
#include "replica/base/mutex.h"
#include "replica/base/status_macros.h"
#include "server/backups.h"
#include "server/roles.h"
#include "server/scrub_job.h"
#include "server/write_call.h"

namespace brigada {
namespace {

// A name is one path segment of plain characters: it comes from a caller and becomes a directory.
bool IsPlainName(absl::string_view name) {
  return !name.empty() && name.size() <= 64 && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' ||
                  c == '.';
         });
}

// Two backups of one name would write into each other.
class NameInUse {
 public:
  explicit NameInUse(const std::string& path) : path_(path) {
    const MutexLock lock(&names().mu);
    is_mine_ = names().paths.insert(path).second;
  }
  ~NameInUse() {
    const MutexLock lock(&names().mu);
    if (is_mine_) names().paths.erase(path_);
  }
  NameInUse(const NameInUse&) = delete;
  NameInUse& operator=(const NameInUse&) = delete;
  bool is_mine() const { return is_mine_; }

 private:
  struct Names {
    Mutex mu;
    std::set<std::string> paths;
  };
  static Names& names() {
    static Names* const names = new Names();
    return *names;
  }

  const std::string path_;
  bool is_mine_ = false;
};

absl::Status Execute(const grpc::CallbackServerContext& call, const v1::BackupRequest& request,
                     const BackupContext& context, WriteCall<v1::BackupProgress>* out) {
  AuthorityStore& store = *context.organization->store;
  const absl::Time now = context.clock->Now();
  ASSIGN_OR_RETURN(const Caller caller, CallerOf(call, store, now));
  const std::string nation = "MX";
  if (!IsAdministratorOf(caller.grants, {&nation, 1}, now)) {
    return absl::PermissionDeniedError(
        "a backup holds everything: it needs the administrator role over MX");
  }
  const std::string name = request.name().empty()
                               ? absl::FormatTime("%Y%m%dT%H%M%SZ", now, absl::UTCTimeZone())
                               : request.name();
  if (!IsPlainName(name)) {
    return absl::InvalidArgumentError(
        "a backup's name has up to 64 letters, digits, '-', '_' and '.', no '.' first");
  }
  std::error_code error;
  std::filesystem::create_directories(context.backup_directory, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot make the backup directory: ", error.message()));
  }
  // Told to somebody who does not know where this process runs.
  const std::filesystem::path told = std::filesystem::absolute(context.backup_directory, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot find the backup directory: ", error.message()));
  }
  const std::string path = (told / name).lexically_normal().string();
  if (std::filesystem::exists(path, error))
    return absl::AlreadyExistsError(absl::StrCat("a backup named ", name, " exists"));
  const NameInUse in_use(path);
  if (!in_use.is_mine())
    return absl::AlreadyExistsError(absl::StrCat("a backup named ", name, " is being made"));
  v1::BackupRecord backup = BackupBegun(store, name, now);
  RETURN_IF_ERROR(NoteBackup(store, backup, now));
  uint64_t copied = 0;
  const auto go_on = [&](uint64_t done_bytes) {
    copied = done_bytes;
    v1::BackupProgress progress;
    progress.set_step("copy");
    progress.set_done_bytes(done_bytes);
    // A caller that hung up does not stop the backup.
    out->Write(std::move(progress)).IgnoreError();
    return !*context.stopping;
  };
  const absl::Status made = BackupScrubbed(store, path, go_on, context.stopping);
  if (!made.ok()) {
    // Left behind it does no more than make devices hold on to more than they must.
    ForgetBackup(store, backup).IgnoreError();
    if (absl::IsCancelled(made))
      return absl::UnavailableError("the server stops; make the backup again when it is back");
    return made;
  }
  backup.set_complete(true);
  RETURN_IF_ERROR(NoteBackup(store, backup, now));
  Log(LogLevel::kInfo, "backup made",
      {{"name", name}, {"bytes", copied}, {"by_replica", caller.replica.ToString()}});
  v1::BackupProgress last;
  last.set_step("done");
  last.set_done_bytes(copied);
  last.set_finished(true);
  last.set_path(path);
  return out->Write(std::move(last));
}

}  // namespace

grpc::ServerWriteReactor<v1::BackupProgress>* StartBackup(grpc::CallbackServerContext* call,
                                                          const v1::BackupRequest& request,
                                                          const BackupContext& context) {
  return WriteCall<v1::BackupProgress>::Start(
      call, context.workers,
      [=](WriteCall<v1::BackupProgress>* out) { return Execute(*call, request, context, out); });
}

}  // namespace brigada
