// A disk in memory that forgets what was not synced. It keeps two views: what programs read (with
// the system's cache) and what is durable. A file's bytes become durable by syncing the file; its
// name, a rename or a removal by syncing the directory. PowerLoss leaves the durable view and, when
// torn, part of what came after it.
#ifndef TESTS_SUPPORT_FAULT_DISK_H_
#define TESTS_SUPPORT_FAULT_DISK_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "replica/base/mutex.h"
#include "replica/base/random.h"

namespace brigada {

enum class DiskError { kNone, kNotFound, kExists, kLocked, kIo, kFull, kPowerOff };

// What a failed sync does with the bytes it was for. Systems differ: some keep them for the next
// sync, others count them as written and forget.
enum class SyncFailure { kKeeps, kForgets };

// Thread safe. Paths are absolute; "/" always exists.
class FaultDisk {
 public:
  struct Inode;

  // An open file. Dead after PowerLoss.
  struct File {
    std::shared_ptr<Inode> inode;
    uint64_t boot = 0;
  };

  FaultDisk();
  ~FaultDisk();

  // Faults. Operations that change something are counted from 1, over the disk's whole life;
  // the power goes off in the middle of number `op`, and stays off until PowerLoss().
  uint64_t mutating_ops() const;
  void CrashAt(uint64_t op);
  // The `nth` sync from now (1: the next) of a file that was made under a name with this ending
  // fails, the following ones succeed. A store's threads sync tables whenever they like: name the
  // log where a write is to be the one that fails.
  void FailSync(uint64_t nth, SyncFailure failure, const std::string& ending = "");
  // The `nth` write to a file from now fails.
  void FailWrite(uint64_t nth);
  // The `nth` read of a file's bytes from now fails.
  void FailRead(uint64_t nth);
  // Reads that touch the bytes [begin, end) of a file fail from now on, whatever its name becomes.
  void SetUnreadable(const std::string& path, uint64_t begin, uint64_t end);
  // Whether a sync, write or read is still to fail. Cancels it.
  bool TakePendingFailure();
  // Writes fail for lack of space until set back.
  void SetFull(bool full);
  // As SetFull(true) from the `nth` write on (1: the next).
  void FillUpAt(uint64_t nth);
  // Syncs succeed without doing anything.
  void SetLyingSyncs(bool lying);
  // What is told to who asks how much is free, and nothing else.
  void SetFreeBytes(uint64_t free_bytes);
  // Called with the path of each file that is made, on the thread that makes it; it must not come
  // back to the disk.
  void OnCreate(std::function<void(const std::string& path)> on_create);
  // So much more fits: what files grow by is taken from it (and told), what is removed comes back,
  // and a write beyond it fails for lack of space. Until SetFreeBytes.
  void SetRoom(uint64_t bytes);
  // The machine starts again. Torn: of the bytes and names that were not synced a random part is
  // there, in files written at the end a beginning.
  void PowerLoss(uint64_t seed, bool torn);

  // The whole disk, path to content (no content: a directory), to come back to.
  using Image = std::map<std::string, std::optional<std::string>>;
  Image Save() const;
  // As PowerLoss, into the state of `image`, all of it durable.
  void Restore(const Image& image);

  // Damage and inspection of the view that programs read.
  std::vector<std::string> Files(const std::string& directory) const;
  uint64_t Size(const std::string& path) const;
  void FlipBit(const std::string& path, uint64_t byte, int bit);

  // What a file system calls.
  DiskError Create(const std::string& path, File* file);
  DiskError Open(const std::string& path, File* file);
  DiskError Append(const File& file, absl::string_view bytes);
  DiskError WriteAt(const File& file, uint64_t offset, absl::string_view bytes);
  DiskError Truncate(const File& file, uint64_t size);
  DiskError Sync(const File& file);
  DiskError ReadAt(const File& file, uint64_t offset, size_t size, std::string* bytes) const;
  DiskError FileSize(const File& file, uint64_t* size) const;
  DiskError Remove(const std::string& path);
  DiskError Rename(const std::string& from, const std::string& to);
  DiskError Link(const std::string& from, const std::string& to);
  DiskError MakeDirectory(const std::string& path);
  DiskError RemoveDirectory(const std::string& path);
  DiskError SyncDirectory(const std::string& path);
  DiskError List(const std::string& path, std::vector<std::string>* names) const;
  DiskError Stat(const std::string& path, bool* is_directory) const;
  DiskError Lock(const std::string& path);
  void Unlock(const std::string& path);
  uint64_t free_bytes() const;

 private:
  struct Entry {
    std::shared_ptr<Inode> inode;  // null: a directory
  };
  using Tree = std::map<std::string, Entry>;
  // A change of names that is not durable yet; no entry: removal. A rename takes along what is
  // below the old name in the view that it is applied to.
  struct NameChange {
    std::string path;
    std::optional<Entry> entry;
    std::string renamed_from;
  };

  void Reboot() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  DiskError Begin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  DiskError CheckOpen(const File& file) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Of `end`, the file's size after it where it grows.
  DiskError BeginWrite(const File& file, uint64_t end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void GiveBack(const Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ChangeName(NameChange change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static void ApplyName(const NameChange& change, Tree& tree);

  mutable Mutex mu_;
  std::function<void(const std::string&)> on_create_ ABSL_GUARDED_BY(mu_);
  Tree live_ ABSL_GUARDED_BY(mu_);
  Tree durable_ ABSL_GUARDED_BY(mu_);
  std::vector<NameChange> names_ ABSL_GUARDED_BY(mu_);
  std::set<std::string> locked_ ABSL_GUARDED_BY(mu_);
  uint64_t boot_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t ops_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t crash_at_ ABSL_GUARDED_BY(mu_) = 0;             // 0: never
  uint64_t syncs_until_failure_ ABSL_GUARDED_BY(mu_) = 0;  // 0: none fails
  uint64_t writes_until_failure_ ABSL_GUARDED_BY(mu_) = 0;
  mutable uint64_t reads_until_failure_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t writes_until_full_ ABSL_GUARDED_BY(mu_) = 0;  // 0: never
  uint64_t free_bytes_ ABSL_GUARDED_BY(mu_) = uint64_t{1} << 40;
  SyncFailure sync_failure_ ABSL_GUARDED_BY(mu_) = SyncFailure::kKeeps;
  std::string failing_ending_ ABSL_GUARDED_BY(mu_);
  bool power_off_ ABSL_GUARDED_BY(mu_) = false;
  bool full_ ABSL_GUARDED_BY(mu_) = false;
  bool lying_syncs_ ABSL_GUARDED_BY(mu_) = false;
  bool counts_room_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace brigada

#endif  // TESTS_SUPPORT_FAULT_DISK_H_
