#include "replica/store/rocks_database.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/secret_file.h"
#include "replica/store/in_use.h"
#include "replica/store/rocks_manifest.h"
#include "replica/store/rocks_options.h"
#include "replica/store/rocks_status.h"

namespace brigada {
namespace {

// RocksDB makes its files readable for everybody; their directory lets nobody else in. An Env of a
// test may hold its files elsewhere than on the disk.
absl::Status CloseToOthers(rocksdb::Env& env, const std::string& path) {
  return &env == rocksdb::Env::Default() ? CloseDirectoryToOthers(path) : absl::OkStatus();
}

// RocksDB syncs what lies in the store's directory, not the directory's own entry: without this a
// power loss takes a new store away whole.
absl::Status MakeDirectory(rocksdb::Env& env, const std::string& path) {
  constexpr absl::string_view kAttempted = "creating the store's directory";
  RETURN_IF_ERROR(ToStatus(env.CreateDirIfMissing(path), kAttempted));
  RETURN_IF_ERROR(CloseToOthers(env, path));
  std::unique_ptr<rocksdb::Directory> parent;
  RETURN_IF_ERROR(ToStatus(env.NewDirectory(ParentDirectory(path), &parent), kAttempted));
  return ToStatus(parent->Fsync(), kAttempted);
}

// Whether there is a database to open; creates the directory for a new one when allowed.
absl::Status Prepare(rocksdb::Env& env, const RocksKvOptions& options, const MarkReading& mark) {
  const rocksdb::Status current = env.FileExists(absl::StrCat(options.path, "/CURRENT"));
  if (current.ok()) return CloseToOthers(env, options.path);
  if (!current.IsNotFound()) return ToStatus(current, absl::StrCat("opening ", options.path));
  // The mark is made after the database, so this is no store that was never finished.
  if (mark.exists) {
    return absl::DataLossError(absl::StrCat(
        options.path,
        " holds a high-water mark but no database: the store's files were removed; restore "
        "a backup or sync into a new directory"));
  }
  if (!options.create_if_missing) {
    return absl::NotFoundError(absl::StrCat("there is no store in ", options.path));
  }
  return MakeDirectory(env, options.path);
}

constexpr absl::string_view kInUse = " is open in another process";

absl::Status OpenError(const rocksdb::Status& status, const std::string& path) {
  // RocksDB has no code of its own for a lock that somebody else holds.
  const std::string message = status.ToString();
  if (status.IsIOError() && (absl::StrContains(message, "lock file") ||
                             absl::StrContains(message, "lock hold by current process"))) {
    return absl::UnavailableError(absl::StrCat("the store in ", path, kInUse,
                                               "; close that one, or choose another directory"));
  }
  // The database is there, so this is one of its files.
  if (status.IsPathNotFound()) {
    return absl::DataLossError(absl::StrCat(
        "the store in ", path,
        " lacks one of its files; keep the directory as it is and restore a backup or sync into a "
        "new one: ",
        message));
  }
  if (status.IsInvalidArgument()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " holds no store that this version can read: ", message));
  }
  return ToStatus(status, absl::StrCat("opening the store in ", path));
}

absl::Status OpenTables(const RocksKvOptions& options, RocksDatabase& database) {
  rocksdb::Options settings = MakeRocksOptions(options);
  settings.listeners.push_back(MakeHealthListener(database.health));
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  families.emplace_back(rocksdb::kDefaultColumnFamilyName, settings);
  for (int i = 0; i < kTableCount; ++i) {
    families.emplace_back(std::string(TableName(static_cast<Table>(i))), settings);
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      options.read_only
          ? rocksdb::DB::OpenForReadOnly(settings, options.path, families, &handles, &db)
          : rocksdb::DB::Open(settings, options.path, families, &handles, &db);
  if (!status.ok()) return OpenError(status, options.path);
  database.db.reset(db);
  database.own = handles[0];
  for (size_t i = 0; i < database.tables.size(); ++i) database.tables[i] = handles[i + 1];
  return absl::OkStatus();
}

// RocksDB reads a store that somebody else writes without a word, and sees what is no longer there.
absl::Status LockForReading(rocksdb::Env& env, const std::string& path, RocksDatabase& database) {
  database.env = &env;
  const rocksdb::Status locked = env.LockFile(absl::StrCat(path, "/LOCK"), &database.lock);
  return locked.ok() ? absl::OkStatus() : OpenError(locked, path);
}

absl::StatusOr<CommitPoint> ReadCommitPoint(const RocksDatabase& database) {
  std::string encoded;
  const rocksdb::Status status =
      database.db->Get(rocksdb::ReadOptions(), database.own,
                       rocksdb::Slice(kCommitPointKey.data(), kCommitPointKey.size()), &encoded);
  if (status.IsNotFound()) return CommitPoint{};
  RETURN_IF_ERROR(ToStatus(status, "reading the store's commit point"));
  const std::optional<CommitPoint> point = CommitPoint::Decode(encoded);
  if (!point.has_value()) return absl::DataLossError("the store's commit point is damaged");
  return *point;
}

// Without the checks that a damaged one does not pass.
absl::StatusOr<std::unique_ptr<RocksDatabase>> OpenToSalvage(const RocksKvOptions& options,
                                                             rocksdb::Env& env) {
  auto database = std::make_unique<RocksDatabase>();
  RETURN_IF_ERROR(LockForReading(env, options.path, *database));
  RETURN_IF_ERROR(OpenTables(options, *database));
  return database;
}

}  // namespace

std::string ParentDirectory(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool IsInUse(const absl::Status& status) {
  return absl::IsUnavailable(status) && absl::StrContains(status.message(), kInUse);
}

RocksDatabase::~RocksDatabase() {
  if (db != nullptr) {
    for (rocksdb::ColumnFamilyHandle* handle : tables) db->DestroyColumnFamilyHandle(handle);
    db->DestroyColumnFamilyHandle(own);
    db.reset();
  }
  if (lock != nullptr) env->UnlockFile(lock).PermitUncheckedError();
}

absl::StatusOr<std::unique_ptr<RocksDatabase>> OpenRocksDatabase(const RocksKvOptions& options) {
  rocksdb::Env& env = options.env == nullptr ? *rocksdb::Env::Default() : *options.env;
  if (options.salvages) return OpenToSalvage(options, env);
  ASSIGN_OR_RETURN(const MarkReading mark, ReadHighWaterMark(env, options.path));
  RETURN_IF_ERROR(Prepare(env, options, mark));
  RETURN_IF_ERROR(CheckManifest(env, options.path));
  auto database = std::make_unique<RocksDatabase>();
  if (options.read_only) RETURN_IF_ERROR(LockForReading(env, options.path, *database));
  RETURN_IF_ERROR(OpenTables(options, *database));
  ASSIGN_OR_RETURN(database->point, ReadCommitPoint(*database));
  RETURN_IF_ERROR(CheckNotBelow(database->point, mark));
  if (options.read_only) return database;
  ASSIGN_OR_RETURN(database->mark, HighWaterMark::Open(env, options.path, database->point));
  return database;
}

}  // namespace brigada
