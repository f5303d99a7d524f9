#include "replica/store/rocks_copy.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/metadata.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/secret_file.h"
#include "replica/store/rocks_status.h"

namespace brigada {
namespace {

constexpr uint64_t kChunkBytes = uint64_t{1} << 20;

class DirectoryCopy {
 public:
  DirectoryCopy(rocksdb::Env& env, std::string target, const ContinueCopy& go_on)
      : env_(env), target_(std::move(target)), go_on_(go_on), chunk_(kChunkBytes, '\0') {}

  // Removes what an interrupted copy left.
  rocksdb::Status Clear() {
    std::vector<std::string> names;
    rocksdb::Status status = env_.GetChildren(target_, &names);
    if (status.IsNotFound()) return rocksdb::Status::OK();
    for (const std::string& name : names) {
      if (!status.ok()) return status;
      if (name != "." && name != "..") status = env_.DeleteFile(target_ + "/" + name);
    }
    return status;
  }

  rocksdb::Status Copy(const rocksdb::LiveFileStorageInfo& info) {
    std::unique_ptr<rocksdb::WritableFile> file;
    rocksdb::Status status = env_.NewWritableFile(
        absl::StrCat(target_, "/", info.relative_filename), &file, rocksdb::EnvOptions());
    if (!status.ok()) return status;
    if (info.replacement_contents.empty()) {
      status = Fill(info, *file);
    } else {
      status = Append(info.replacement_contents, *file);
    }
    if (status.ok()) status = file->Sync();
    if (status.ok()) status = file->Close();
    return status;
  }

  rocksdb::Status Sync() {
    std::unique_ptr<rocksdb::Directory> directory;
    rocksdb::Status status = env_.NewDirectory(target_, &directory);
    if (status.ok()) status = directory->Fsync();
    return status;
  }

 private:
  rocksdb::Status Fill(const rocksdb::LiveFileStorageInfo& info, rocksdb::WritableFile& file) {
    std::unique_ptr<rocksdb::SequentialFile> source;
    rocksdb::Status status = env_.NewSequentialFile(
        absl::StrCat(info.directory, "/", info.relative_filename), &source, rocksdb::EnvOptions());
    uint64_t left = info.size;
    while (status.ok() && left > 0) {
      rocksdb::Slice read;
      status = source->Read(std::min(left, kChunkBytes), &read, chunk_.data());
      if (!status.ok()) break;
      if (read.empty()) {
        return rocksdb::Status::Corruption("shorter than the database knows it",
                                           info.relative_filename);
      }
      left -= read.size();
      status = Append(read, file);
    }
    return status;
  }

  rocksdb::Status Append(const rocksdb::Slice& bytes, rocksdb::WritableFile& file) {
    rocksdb::Status status = file.Append(bytes);
    if (!status.ok()) return status;
    done_bytes_ += bytes.size();
    if (go_on_ && !go_on_(done_bytes_)) return rocksdb::Status::Aborted();
    return status;
  }

  rocksdb::Env& env_;
  const std::string target_;
  const ContinueCopy& go_on_;
  std::string chunk_;
  uint64_t done_bytes_ = 0;
};

rocksdb::Status CopyLiveFiles(rocksdb::DB& db, DirectoryCopy& copy) {
  rocksdb::LiveFilesStorageInfoOptions wanted;
  wanted.wal_size_for_flush = 0;  // flush first: copying a log that is being written has had bugs
  std::vector<rocksdb::LiveFileStorageInfo> files;
  rocksdb::Status status = db.GetLiveFilesStorageInfo(wanted, &files);
  for (const rocksdb::LiveFileStorageInfo& file : files) {
    if (status.ok()) status = copy.Copy(file);
  }
  if (status.ok()) status = copy.Sync();
  return status;
}

rocksdb::Status VerifyCopy(rocksdb::DB& db, const std::string& path) {
  rocksdb::Options options = db.GetOptions();
  options.listeners.clear();
  // A running database's options name its own directories: with them the copy would be checked
  // against the original's files.
  options.db_paths.clear();
  options.cf_paths.clear();
  options.wal_dir.clear();
  std::vector<std::string> names;
  rocksdb::Status status = rocksdb::DB::ListColumnFamilies(options, path, &names);
  if (!status.ok()) return status;
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  families.reserve(names.size());
  for (const std::string& name : names) families.emplace_back(name, options);
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  status = rocksdb::DB::OpenForReadOnly(options, path, families, &handles, &opened);
  if (!status.ok()) return status;
  const std::unique_ptr<rocksdb::DB> copy(opened);
  status = copy->VerifyChecksum();
  for (rocksdb::ColumnFamilyHandle* handle : handles) copy->DestroyColumnFamilyHandle(handle);
  return status;
}

}  // namespace

absl::Status CopyRocksDatabase(rocksdb::DB& db, const std::string& path,
                               const ContinueCopy& go_on) {
  rocksdb::Env& env = *db.GetEnv();
  if (env.FileExists(path).ok()) {
    return absl::AlreadyExistsError(
        absl::StrCat(path, " is there already; choose a new directory for the copy"));
  }
  const std::string attempted = absl::StrCat("copying the store to ", path);
  const std::string partial = absl::StrCat(path, ".partial");
  DirectoryCopy copy(env, partial, go_on);
  RETURN_IF_ERROR(ToStatus(copy.Clear(), attempted));
  RETURN_IF_ERROR(ToStatus(env.CreateDirIfMissing(partial), attempted));
  // Before anything is in it. An Env of a test may hold its files elsewhere than on the disk.
  if (&env == rocksdb::Env::Default()) RETURN_IF_ERROR(CloseDirectoryToOthers(partial));
  RETURN_IF_ERROR(ToStatus(db.DisableFileDeletions(), attempted));
  const rocksdb::Status copied = CopyLiveFiles(db, copy);
  const rocksdb::Status enabled = db.EnableFileDeletions(/*force=*/false);
  if (copied.IsAborted()) {
    RETURN_IF_ERROR(ToStatus(copy.Clear(), attempted));
    RETURN_IF_ERROR(ToStatus(env.DeleteDir(partial), attempted));
    return absl::CancelledError(absl::StrCat(attempted, " was ended before it was whole"));
  }
  RETURN_IF_ERROR(ToStatus(copied, attempted));
  RETURN_IF_ERROR(ToStatus(enabled, attempted));
  RETURN_IF_ERROR(ToStatus(VerifyCopy(db, partial), attempted));
  RETURN_IF_ERROR(ToStatus(env.RenameFile(partial, path), attempted));
  const size_t slash = path.find_last_of('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  std::unique_ptr<rocksdb::Directory> directory;
  RETURN_IF_ERROR(ToStatus(env.NewDirectory(parent, &directory), attempted));
  return ToStatus(directory->Fsync(), attempted);
}

}  // namespace brigada
