#include "replica/store/device_recovery.h"

#include <rocksdb/env.h>

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/store/in_use.h"
#include "replica/store/keys.h"
#include "replica/store/kv_device_store.h"
#include "replica/store/last_success.h"
#include "replica/store/mirrored_kv.h"
#include "replica/store/outbox_mirror.h"
#include "replica/store/outbox_salvage.h"
#include "replica/store/recovery_note.h"
#include "replica/store/rocks_database.h"
#include "replica/store/rocks_kv.h"
#include "replica/store/rocks_status.h"

namespace brigada {
namespace {

constexpr absl::string_view kRecovering = "recovering the store";

std::string NewPath(const std::string& path) { return absl::StrCat(path, ".new"); }

// What cannot be looked at counts as there: nothing must be put in its place.
bool Exists(rocksdb::Env& env, const std::string& path) {
  return !env.FileExists(path).IsNotFound();
}

absl::Status Rename(rocksdb::Env& env, const std::string& from, const std::string& to) {
  RETURN_IF_ERROR(ToStatus(env.RenameFile(from, to), kRecovering));
  std::unique_ptr<rocksdb::Directory> parent;
  RETURN_IF_ERROR(ToStatus(env.NewDirectory(ParentDirectory(to), &parent), kRecovering));
  return ToStatus(parent->Fsync(), kRecovering);
}

// The note first: what is left is not whole any more.
absl::Status RemoveStore(rocksdb::Env& env, const std::string& path) {
  if (!Exists(env, path)) return absl::OkStatus();
  RETURN_IF_ERROR(RemoveRecoveryNote(env, path));
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
  for (int number = 2; env.FileExists(free).ok(); ++number)
    free = absl::StrCat(path, ".damaged-", number);
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
    recovered_.damaged_path = FreePath(env_, path_);
    if (made.ok()) made = WriteRecoveryNote(env_, new_path_, recovered_);
    if (!made.ok()) {
      RemoveStore(env_, new_path_).IgnoreError();
      return made;
    }
    RETURN_IF_ERROR(Rename(env_, path_, recovered_.damaged_path));
    RETURN_IF_ERROR(Rename(env_, new_path_, path_));
    RemoveRecoveryNote(env_, path_).IgnoreError();
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
    RocksKvOptions how{.path = path_, .read_only = true, .env = &env_};
    absl::StatusOr<std::unique_ptr<Kv>> damaged = OpenRocksKv(how);
    if (IsInUse(damaged.status())) return damaged.status();
    const bool opens_well = damaged.ok();
    how.salvages = true;
    if (!opens_well) damaged = OpenRocksKv(how);
    if (!damaged.ok()) {
      recovered_.is_whole = reads_well;
      knows_all_folios_ = reads_well && findings.was_closed;
      return absl::OkStatus();
    }
    const absl::StatusOr<uint64_t> last = LastMirroredWrite(**damaged);
    if (reads_well && (!last.ok() || findings.last_number >= *last)) {
      recovered_.is_whole = true;
      knows_all_folios_ = last.ok() || findings.was_closed;
      return absl::OkStatus();
    }
    // One that opens well has all writes, though perhaps not all of what they wrote; but for one
    // that somebody has put back.
    const bool is_behind = last.ok() && *last < findings.last_number;
    if (opens_well && !is_behind) {
      ASSIGN_OR_RETURN(recovered_.is_whole, TakeWhole(**damaged));
      knows_all_folios_ = recovered_.is_whole;
      if (recovered_.is_whole) return absl::OkStatus();
      return Salvage(**damaged, /*is_later=*/true);
    }
    return Salvage(**damaged, last.ok() && *last > findings.last_number);
  }

  // True: the mirrored tables of `store` can be read, and the new one has them and nothing else:
  // nothing that the mirror has and the store has let go of.
  absl::StatusOr<bool> TakeWhole(const Kv& store) {
    if (!CanReadMirroredTables(store)) return false;
    kv_.reset();
    ASSIGN_OR_RETURN(kv_, MakeStore());
    RETURN_IF_ERROR(CopyMirroredTables(store, kv_.get()));
    return true;
  }

  absl::Status Salvage(const Kv& store, bool is_later) {
    if (!MayBeSameReplica(store, *kv_)) {
      // It has divided since the older of the two.
      if (!is_later) return absl::OkStatus();
      kv_.reset();
      ASSIGN_OR_RETURN(kv_, MakeStore());
    }
    return SalvageOutbox(store, is_later, kv_.get());
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
    if (!knows_all_folios_) RETURN_IF_ERROR(store.ChangeFolioDevice());
    RETURN_IF_ERROR(store.RestoreOutbox(&recovered_.outbox));
    // It was so with the records, which the next sync brings.
    RETURN_IF_ERROR(store.PutSetting(kLastSuccess, ""));
    recovered_.replica = store.replica();
    return absl::OkStatus();
  }

  const std::string path_;
  const std::string new_path_;
  const DeviceStoreOptions options_;
  rocksdb::Env& env_;
  std::unique_ptr<Kv> kv_;
  RecoveredStore recovered_;
  // No copy can have been cut short behind which folios were given.
  bool knows_all_folios_ = false;
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

absl::StatusOr<std::optional<RecoveredStore>> TakeCutShortRecovery(const std::string& path,
                                                                   rocksdb::Env* env) {
  rocksdb::Env& files = *OrDefault(env);
  RETURN_IF_ERROR(FinishRecovery(path, &files));
  std::optional<RecoveredStore> told = ReadRecoveryNote(files, path);
  if (told.has_value()) RETURN_IF_ERROR(RemoveRecoveryNote(files, path));
  return told;
}

absl::Status FinishRecovery(const std::string& path, rocksdb::Env* env) {
  rocksdb::Env& files = *OrDefault(env);
  const std::string new_path = NewPath(path);
  if (Exists(files, path) || !Exists(files, new_path)) return absl::OkStatus();
  if (ReadRecoveryNote(files, new_path).has_value()) return Rename(files, new_path, path);
  return absl::FailedPreconditionError(
      absl::StrCat("the store in ", path, " is not there, and ", new_path,
                   " is of a recovery that was cut short before it was whole; put the store back "
                   "in its place and recover it again, or remove what is not whole if the store is "
                   "gone for good"));
}

void ForgetRecoveries(const std::string& path, rocksdb::Env* env) {
  rocksdb::Env& files = *OrDefault(env);
  RemoveRecoveryNote(files, path).IgnoreError();
  RemoveStore(files, NewPath(path)).IgnoreError();
}

}  // namespace brigada
