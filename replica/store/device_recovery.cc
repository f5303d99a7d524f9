#include "replica/store/device_recovery.h"

#include <rocksdb/env.h>

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/store/keys.h"
#include "replica/store/kv_device_store.h"
#include "replica/store/mirrored_kv.h"
#include "replica/store/outbox_mirror.h"
#include "replica/store/rocks_database.h"
#include "replica/store/rocks_kv.h"
#include "replica/store/rocks_status.h"

namespace brigada {
namespace {

constexpr absl::string_view kRecovering = "recovering the store";
constexpr size_t kBatchBytes = size_t{1} << 20;
constexpr std::array<Table, 3> kMirroredTables = {Table::kMeta, Table::kOutbox, Table::kRejected};

std::string NewPath(const std::string& path) { return absl::StrCat(path, ".new"); }

bool Exists(rocksdb::Env& env, const std::string& path) { return env.FileExists(path).ok(); }

absl::Status Rename(rocksdb::Env& env, const std::string& from, const std::string& to) {
  RETURN_IF_ERROR(ToStatus(env.RenameFile(from, to), kRecovering));
  std::unique_ptr<rocksdb::Directory> parent;
  RETURN_IF_ERROR(ToStatus(env.NewDirectory(ParentDirectory(to), &parent), kRecovering));
  return ToStatus(parent->Fsync(), kRecovering);
}

absl::Status RemoveStore(rocksdb::Env& env, const std::string& path) {
  if (!Exists(env, path)) return absl::OkStatus();
  std::vector<std::string> names;
  RETURN_IF_ERROR(ToStatus(env.GetChildren(path, &names), kRecovering));
  for (const std::string& name : names) {
    if (name == "." || name == "..") continue;
    RETURN_IF_ERROR(ToStatus(env.DeleteFile(absl::StrCat(path, "/", name)), kRecovering));
  }
  return ToStatus(env.DeleteDir(path), kRecovering);
}

std::string FreePath(rocksdb::Env& env, const std::string& path) {
  std::string free = absl::StrCat(path, ".damaged");
  for (int number = 2; Exists(env, free); ++number) free = absl::StrCat(path, ".damaged-", number);
  return free;
}

// Keeps other processes from the store in a directory.
class StoreLock {
 public:
  StoreLock(rocksdb::Env* env, const std::string& path) : env_(env), file_(path + "/LOCK") {}
  ~StoreLock() { Release(); }
  StoreLock(const StoreLock&) = delete;
  StoreLock& operator=(const StoreLock&) = delete;

  absl::Status Take() {
    if (env_->LockFile(file_, &lock_).ok()) return absl::OkStatus();
    lock_ = nullptr;
    return absl::UnavailableError(
        "the store is open in another process; close that one, or choose another directory");
  }
  void Release() {
    if (lock_ != nullptr) env_->UnlockFile(lock_).PermitUncheckedError();
    lock_ = nullptr;
  }

 private:
  rocksdb::Env* const env_;
  const std::string file_;
  rocksdb::FileLock* lock_ = nullptr;
};

// Puts what can be read of the mirrored tables of `from` into `to`. True: all of it could.
absl::StatusOr<bool> CopyMirrored(const KvReader& from, Kv* to) {
  bool is_whole = true;
  for (const Table table : kMirroredTables) {
    KvBatch batch;
    const std::unique_ptr<KvIterator> it = from.Iterate(table, "", "");
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      if (IsMirrored(table, it->key()))
        batch.Put(table, std::string(it->key()), std::string(it->value()));
      if (batch.bytes() < kBatchBytes) continue;
      RETURN_IF_ERROR(to->Write(batch, Durability::kMemory));
      batch = KvBatch();
    }
    is_whole = is_whole && it->status().ok();
    RETURN_IF_ERROR(to->Write(batch, Durability::kMemory));
  }
  return is_whole;
}

// One recovery of the store at `path` into the one at `new_path`.
class Recovery {
 public:
  Recovery(std::string path, const DeviceStoreOptions& options, rocksdb::Env* env)
      : path_(std::move(path)), new_path_(NewPath(path_)), options_(options), env_(*env) {}

  absl::StatusOr<RecoveredStore> Run() {
    RETURN_IF_ERROR(FinishRecovery(path_, &env_));
    if (!Exists(env_, path_)) return absl::NotFoundError(absl::StrCat("no store in ", path_));
    StoreLock lock(&env_, path_);
    RETURN_IF_ERROR(lock.Take());
    absl::Status made = Fill(&lock);
    if (made.ok()) made = Restore();
    if (!made.ok()) {
      RemoveStore(env_, new_path_).IgnoreError();
      return made;
    }
    recovered_.damaged_path = FreePath(env_, path_);
    RETURN_IF_ERROR(Rename(env_, path_, recovered_.damaged_path));
    RETURN_IF_ERROR(Rename(env_, new_path_, path_));
    return recovered_;
  }

 private:
  absl::StatusOr<std::unique_ptr<Kv>> MakeStore() {
    RETURN_IF_ERROR(RemoveStore(env_, new_path_));
    return OpenMirroredKv({.path = new_path_, .create_if_missing = true, .env = &env_});
  }

  absl::Status Fill(StoreLock* lock) {
    ASSIGN_OR_RETURN(kv_, MakeStore());
    const auto replay = [&](const KvBatch& batch) {
      return kv_->Write(batch, Durability::kMemory);
    };
    const absl::StatusOr<MirrorFindings> read = ReadOutboxMirror(env_, path_, replay);
    // What cannot be read of it is damage too; what cannot be written to the new store is not.
    if (!read.ok() && !absl::IsUnavailable(read.status())) return read.status();
    const MirrorFindings findings = read.value_or(MirrorFindings{.damages = 1});
    recovered_.mirror_damages = findings.damages;
    lock->Release();
    RETURN_IF_ERROR(FillFromStore(findings));
    return lock->Take();
  }

  // The damaged store may still open, and the outbox lie in a part of it that is whole. It tells
  // too whether the mirror goes as far as it should: one that was cut short looks whole.
  absl::Status FillFromStore(const MirrorFindings& findings) {
    const bool reads_well = findings.damages == 0 && findings.writes > 0;
    const auto damaged = OpenRocksKv({.path = path_, .read_only = true, .env = &env_});
    if (!damaged.ok()) {
      recovered_.is_whole = reads_well;
      return absl::OkStatus();
    }
    const absl::StatusOr<uint64_t> last = LastMirroredWrite(**damaged);
    if (reads_well && (!last.ok() || findings.last_number >= *last)) {
      recovered_.is_whole = true;
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(recovered_.is_whole, CopyMirrored(**damaged, kv_.get()));
    if (!recovered_.is_whole) return absl::OkStatus();
    // Without what the mirror has and the store has let go of.
    kv_.reset();
    ASSIGN_OR_RETURN(kv_, MakeStore());
    return CopyMirrored(**damaged, kv_.get()).status();
  }

  absl::Status Restore() {
    ASSIGN_OR_RETURN(const auto format, kv_->Get(Table::kMeta, kFormatKey));
    if (!format.has_value()) {
      return absl::DataLossError(absl::StrCat("nothing of the unsent work in ", path_,
                                              " can be read, neither in the store nor in its "
                                              "mirror; keep the directory as it is"));
    }
    KvDeviceStore store(std::move(kv_), options_);
    RETURN_IF_ERROR(store.Open());
    RETURN_IF_ERROR(store.RestoreOutbox(&recovered_.outbox));
    recovered_.replica = store.replica();
    return absl::OkStatus();
  }

  const std::string path_;
  const std::string new_path_;
  const DeviceStoreOptions options_;
  rocksdb::Env& env_;
  std::unique_ptr<Kv> kv_;
  RecoveredStore recovered_;
};

rocksdb::Env* OrDefault(rocksdb::Env* env) {
  return env == nullptr ? rocksdb::Env::Default() : env;
}

}  // namespace

absl::StatusOr<RecoveredStore> RecoverDeviceStore(const std::string& path,
                                                  const DeviceStoreOptions& options,
                                                  rocksdb::Env* env) {
  return Recovery(path, options, OrDefault(env)).Run();
}

// The old store is moved away only when the new one is complete.
absl::Status FinishRecovery(const std::string& path, rocksdb::Env* env) {
  rocksdb::Env& files = *OrDefault(env);
  if (Exists(files, path) || !Exists(files, NewPath(path))) return absl::OkStatus();
  return Rename(files, NewPath(path), path);
}

}  // namespace brigada
