#include "tests/support/fault_env.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/system_clock.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>
#include <vector>

namespace brigada {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

absl::string_view ToView(const Slice& bytes) { return {bytes.data(), bytes.size()}; }

IOStatus ToIoStatus(DiskError error, const std::string& path = "") {
  switch (error) {
    case DiskError::kNone:
      return IOStatus::OK();
    case DiskError::kNotFound:
      return IOStatus::PathNotFound(path, "no such file");
    case DiskError::kExists:
      return IOStatus::IOError(path, "exists");
    case DiskError::kLocked:
      return IOStatus::IOError("While lock file: " + path, "held");
    case DiskError::kIo:
      return IOStatus::IOError(path, "injected failure");
    case DiskError::kFull:
      return IOStatus::NoSpace(path, "injected full disk");
    case DiskError::kPowerOff:
      return IOStatus::IOError(path, "the power is off");
  }
  return IOStatus::NotSupported();
}

// The system's file system names a missing file so where RocksDB asks whether there is one.
IOStatus ToLookupStatus(DiskError error, const std::string& path) {
  return error == DiskError::kNotFound ? IOStatus::NotFound(path) : ToIoStatus(error, path);
}

// "/a//b/" as "/a/b".
std::string Normal(const std::string& path) {
  std::string normal;
  for (const char c : path) {
    if (c != '/' || normal.empty() || normal.back() != '/') normal.push_back(c);
  }
  if (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  return normal;
}

// What the kinds of open files share.
class OpenFile {
 public:
  OpenFile(FaultDisk* disk, FaultDisk::File file) : disk_(disk), file_(std::move(file)) {}

  IOStatus ReadAt(uint64_t offset, size_t n, Slice* result, char* scratch) const {
    std::string bytes;
    const DiskError error = disk_->ReadAt(file_, offset, n, &bytes);
    std::copy(bytes.begin(), bytes.end(), scratch);
    *result = Slice(scratch, bytes.size());
    // As the system's file system says it.
    if (error == DiskError::kIo) return IOStatus::IOError("injected", "Input/output error");
    return ToIoStatus(error);
  }
  IOStatus Append(const Slice& bytes) { return ToIoStatus(disk_->Append(file_, ToView(bytes))); }
  IOStatus WriteAt(uint64_t offset, const Slice& bytes) {
    return ToIoStatus(disk_->WriteAt(file_, offset, ToView(bytes)));
  }
  IOStatus Truncate(uint64_t size) { return ToIoStatus(disk_->Truncate(file_, size)); }
  IOStatus Sync() { return ToIoStatus(disk_->Sync(file_)); }
  uint64_t Size() const {
    uint64_t size = 0;
    disk_->FileSize(file_, &size);
    return size;
  }

 private:
  FaultDisk* const disk_;
  const FaultDisk::File file_;
};

class SequentialFile final : public rocksdb::FSSequentialFile {
 public:
  explicit SequentialFile(OpenFile file) : file_(std::move(file)) {}
  IOStatus Read(size_t n, const IOOptions& /*options*/, Slice* result, char* scratch,
                IODebugContext* /*dbg*/) override {
    IOStatus status = file_.ReadAt(offset_, n, result, scratch);
    offset_ += result->size();
    return status;
  }
  IOStatus Skip(uint64_t n) override {
    offset_ += n;
    return IOStatus::OK();
  }

 private:
  OpenFile file_;
  uint64_t offset_ = 0;
};

class RandomAccessFile final : public rocksdb::FSRandomAccessFile {
 public:
  explicit RandomAccessFile(OpenFile file) : file_(std::move(file)) {}
  IOStatus Read(uint64_t offset, size_t n, const IOOptions& /*options*/, Slice* result,
                char* scratch, IODebugContext* /*dbg*/) const override {
    return file_.ReadAt(offset, n, result, scratch);
  }

 private:
  const OpenFile file_;
};

class WritableFile final : public rocksdb::FSWritableFile {
 public:
  explicit WritableFile(OpenFile file) : file_(std::move(file)) {}
  using FSWritableFile::Append;
  IOStatus Append(const Slice& bytes, const IOOptions& /*options*/,
                  IODebugContext* /*dbg*/) override {
    return file_.Append(bytes);
  }
  IOStatus Truncate(uint64_t size, const IOOptions& /*options*/, IODebugContext* /*dbg*/) override {
    // RocksDB cuts every file it closes to the length it has.
    return size == file_.Size() ? IOStatus::OK() : file_.Truncate(size);
  }
  IOStatus Close(const IOOptions& /*options*/, IODebugContext* /*dbg*/) override {
    return IOStatus::OK();
  }
  IOStatus Flush(const IOOptions& /*options*/, IODebugContext* /*dbg*/) override {
    return IOStatus::OK();
  }
  IOStatus Sync(const IOOptions& /*options*/, IODebugContext* /*dbg*/) override {
    return file_.Sync();
  }
  bool IsSyncThreadSafe() const override { return true; }
  uint64_t GetFileSize(const IOOptions& /*options*/, IODebugContext* /*dbg*/) override {
    return file_.Size();
  }

 private:
  OpenFile file_;
};

class RandomRwFile final : public rocksdb::FSRandomRWFile {
 public:
  explicit RandomRwFile(OpenFile file) : file_(std::move(file)) {}
  IOStatus Write(uint64_t offset, const Slice& bytes, const IOOptions& /*options*/,
                 IODebugContext* /*dbg*/) override {
    return file_.WriteAt(offset, bytes);
  }
  IOStatus Read(uint64_t offset, size_t n, const IOOptions& /*options*/, Slice* result,
                char* scratch, IODebugContext* /*dbg*/) const override {
    return file_.ReadAt(offset, n, result, scratch);
  }
  IOStatus Flush(const IOOptions& /*options*/, IODebugContext* /*dbg*/) override {
    return IOStatus::OK();
  }
  IOStatus Sync(const IOOptions& /*options*/, IODebugContext* /*dbg*/) override {
    return file_.Sync();
  }
  IOStatus Close(const IOOptions& /*options*/, IODebugContext* /*dbg*/) override {
    return IOStatus::OK();
  }

 private:
  OpenFile file_;
};

class Directory final : public rocksdb::FSDirectory {
 public:
  Directory(FaultDisk* disk, std::string path) : disk_(disk), path_(std::move(path)) {}
  IOStatus Fsync(const IOOptions& /*options*/, IODebugContext* /*dbg*/) override {
    return ToIoStatus(disk_->SyncDirectory(path_), path_);
  }
  IOStatus Close(const IOOptions& /*options*/, IODebugContext* /*dbg*/) override {
    return IOStatus::OK();
  }

 private:
  FaultDisk* const disk_;
  const std::string path_;
};

class HeldLock final : public rocksdb::FileLock {
 public:
  explicit HeldLock(std::string path) : path_(std::move(path)) {}
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

class FaultFileSystem final : public rocksdb::FileSystem {
 public:
  explicit FaultFileSystem(std::shared_ptr<FaultDisk> disk) : disk_(std::move(disk)) {}
  const char* Name() const override { return "FaultFileSystem"; }

  IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions& /*options*/,
                             std::unique_ptr<rocksdb::FSSequentialFile>* result,
                             IODebugContext* /*dbg*/) override {
    return OpenAs<SequentialFile>(path, result);
  }
  IOStatus NewRandomAccessFile(const std::string& path, const rocksdb::FileOptions& /*options*/,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                               IODebugContext* /*dbg*/) override {
    return OpenAs<RandomAccessFile>(path, result);
  }
  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& /*options*/,
                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                           IODebugContext* /*dbg*/) override {
    FaultDisk::File file;
    const DiskError error = disk_->Create(Normal(path), &file);
    if (error == DiskError::kNone) {
      *result = std::make_unique<WritableFile>(OpenFile(disk_.get(), file));
    }
    return ToIoStatus(error, path);
  }
  IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& /*options*/,
                              std::unique_ptr<rocksdb::FSWritableFile>* result,
                              IODebugContext* /*dbg*/) override {
    return OpenAs<WritableFile>(path, result);
  }
  IOStatus NewRandomRWFile(const std::string& path, const rocksdb::FileOptions& /*options*/,
                           std::unique_ptr<rocksdb::FSRandomRWFile>* result,
                           IODebugContext* /*dbg*/) override {
    return OpenAs<RandomRwFile>(path, result);
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions& /*options*/,
                        std::unique_ptr<rocksdb::FSDirectory>* result,
                        IODebugContext* /*dbg*/) override {
    bool is_directory = false;
    const DiskError error = disk_->Stat(Normal(path), &is_directory);
    if (error == DiskError::kNone) {
      *result = std::make_unique<Directory>(disk_.get(), Normal(path));
    }
    return ToIoStatus(error, path);
  }
  IOStatus FileExists(const std::string& path, const IOOptions& /*options*/,
                      IODebugContext* /*dbg*/) override {
    bool is_directory = false;
    return ToLookupStatus(disk_->Stat(Normal(path), &is_directory), path);
  }
  IOStatus IsDirectory(const std::string& path, const IOOptions& /*options*/, bool* is_directory,
                       IODebugContext* /*dbg*/) override {
    return ToIoStatus(disk_->Stat(Normal(path), is_directory), path);
  }
  IOStatus GetChildren(const std::string& path, const IOOptions& /*options*/,
                       std::vector<std::string>* names, IODebugContext* /*dbg*/) override {
    return ToLookupStatus(disk_->List(Normal(path), names), path);
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions& /*options*/,
                      IODebugContext* /*dbg*/) override {
    return ToIoStatus(disk_->Remove(Normal(path)), path);
  }
  IOStatus Truncate(const std::string& path, size_t size, const IOOptions& /*options*/,
                    IODebugContext* /*dbg*/) override {
    FaultDisk::File file;
    DiskError error = disk_->Open(Normal(path), &file);
    if (error == DiskError::kNone) error = disk_->Truncate(file, size);
    return ToIoStatus(error, path);
  }
  IOStatus CreateDir(const std::string& path, const IOOptions& /*options*/,
                     IODebugContext* /*dbg*/) override {
    return ToIoStatus(disk_->MakeDirectory(Normal(path)), path);
  }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions& /*options*/,
                              IODebugContext* /*dbg*/) override {
    const DiskError error = disk_->MakeDirectory(Normal(path));
    return error == DiskError::kExists ? IOStatus::OK() : ToIoStatus(error, path);
  }
  IOStatus DeleteDir(const std::string& path, const IOOptions& /*options*/,
                     IODebugContext* /*dbg*/) override {
    return ToIoStatus(disk_->RemoveDirectory(Normal(path)), path);
  }
  IOStatus GetFileSize(const std::string& path, const IOOptions& /*options*/, uint64_t* size,
                       IODebugContext* /*dbg*/) override {
    FaultDisk::File file;
    DiskError error = disk_->Open(Normal(path), &file);
    if (error == DiskError::kNone) error = disk_->FileSize(file, size);
    return ToIoStatus(error, path);
  }
  IOStatus GetFileModificationTime(const std::string& /*path*/, const IOOptions& /*options*/,
                                   uint64_t* modified, IODebugContext* /*dbg*/) override {
    *modified = 0;
    return IOStatus::OK();
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& /*options*/,
                      IODebugContext* /*dbg*/) override {
    return ToIoStatus(disk_->Rename(Normal(from), Normal(to)), from);
  }
  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& /*options*/,
                    IODebugContext* /*dbg*/) override {
    return ToIoStatus(disk_->Link(Normal(from), Normal(to)), from);
  }
  IOStatus LockFile(const std::string& path, const IOOptions& /*options*/, rocksdb::FileLock** lock,
                    IODebugContext* /*dbg*/) override {
    const DiskError error = disk_->Lock(Normal(path));
    *lock = error == DiskError::kNone ? new HeldLock(Normal(path)) : nullptr;
    return ToIoStatus(error, path);
  }
  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions& /*options*/,
                      IODebugContext* /*dbg*/) override {
    const std::unique_ptr<HeldLock> held(static_cast<HeldLock*>(lock));
    disk_->Unlock(held->path());
    return IOStatus::OK();
  }
  IOStatus GetTestDirectory(const IOOptions& /*options*/, std::string* path,
                            IODebugContext* /*dbg*/) override {
    path->assign(1, '/');
    return IOStatus::OK();
  }
  IOStatus GetAbsolutePath(const std::string& path, const IOOptions& /*options*/,
                           std::string* absolute, IODebugContext* /*dbg*/) override {
    *absolute = Normal(path);
    return IOStatus::OK();
  }
  IOStatus GetFreeSpace(const std::string& /*path*/, const IOOptions& /*options*/,
                        uint64_t* free_bytes, IODebugContext* /*dbg*/) override {
    *free_bytes = disk_->free_bytes();
    return IOStatus::OK();
  }

 private:
  template <typename Concrete, typename Interface>
  IOStatus OpenAs(const std::string& path, std::unique_ptr<Interface>* result) {
    FaultDisk::File file;
    const DiskError error = disk_->Open(Normal(path), &file);
    if (error == DiskError::kNone) {
      *result = std::make_unique<Concrete>(OpenFile(disk_.get(), std::move(file)));
    }
    return ToIoStatus(error, path);
  }

  const std::shared_ptr<FaultDisk> disk_;
};

// The system's time plus everything that was slept through: waits with a deadline stay right.
class SkippingClock final : public rocksdb::SystemClock {
 public:
  const char* Name() const override { return "SkippingClock"; }
  uint64_t NowMicros() override { return Default()->NowMicros() + skipped_micros_; }
  void SleepForMicroseconds(int micros) override {
    skipped_micros_ += static_cast<uint64_t>(std::max(micros, 0));
  }
  rocksdb::Status GetCurrentTime(int64_t* unix_time) override {
    *unix_time = static_cast<int64_t>(NowMicros() / 1'000'000);
    return rocksdb::Status::OK();
  }
  std::string TimeToString(uint64_t time) override { return Default()->TimeToString(time); }

 private:
  std::atomic<uint64_t> skipped_micros_{0};
};

class FaultRocksEnv final : public rocksdb::EnvWrapper {
 public:
  explicit FaultRocksEnv(const std::shared_ptr<rocksdb::FileSystem>& files)
      : EnvWrapper(rocksdb::NewCompositeEnv(files)) {
    file_system_ = files;
    system_clock_ = std::make_shared<SkippingClock>();
  }
  uint64_t NowMicros() override { return system_clock_->NowMicros(); }
  uint64_t NowNanos() override { return system_clock_->NowNanos(); }
  void SleepForMicroseconds(int micros) override { system_clock_->SleepForMicroseconds(micros); }
};

}  // namespace

FaultEnv::FaultEnv()
    : disk_(std::make_shared<FaultDisk>()),
      env_(std::make_unique<FaultRocksEnv>(std::make_shared<FaultFileSystem>(disk_))) {}

FaultEnv::~FaultEnv() = default;

}  // namespace brigada
