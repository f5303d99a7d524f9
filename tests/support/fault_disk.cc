#include "tests/support/fault_disk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "replica/base/check.h"

namespace brigada {
namespace {

std::string ParentOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

struct PendingWrite {
  uint64_t offset = 0;
  std::string bytes;
  bool is_truncate = false;  // to `offset`
};

void Overlay(std::string& data, uint64_t offset, absl::string_view bytes) {
  if (data.size() < offset + bytes.size()) data.resize(offset + bytes.size());
  data.replace(offset, bytes.size(), bytes.data(), bytes.size());
}

void ApplyWrite(const PendingWrite& write, std::string& data) {
  if (write.is_truncate) {
    data.resize(write.offset);
  } else {
    Overlay(data, write.offset, write.bytes);
  }
}

}  // namespace

struct FaultDisk::Inode {
  std::string made_as;  // its first path
  std::string data;
  std::string durable;
  std::vector<PendingWrite> pending;
  bool written_at_random = false;
  uint64_t unreadable_begin = 0;
  uint64_t unreadable_end = 0;

  void Write(PendingWrite write) {
    ApplyWrite(write, data);
    pending.push_back(std::move(write));
  }
  void MakeDurable() {
    for (const PendingWrite& write : pending) ApplyWrite(write, durable);
    pending.clear();
  }
  // The system writes pages back in any order, but a file that only grows gets its length last.
  void LosePower(bool torn, Random& random) {
    if (torn && written_at_random) {
      for (const PendingWrite& write : pending) KeepPart(write, random);
    } else if (torn) {
      const uint64_t whole = random.Uniform(pending.size() + 1);
      for (uint64_t i = 0; i < whole; ++i) ApplyWrite(pending[i], durable);
      if (whole < pending.size()) KeepPart(pending[whole], random);
    }
    pending.clear();
    data = durable;
  }

 private:
  void KeepPart(const PendingWrite& write, Random& random) {
    if (write.is_truncate) return;
    const uint64_t kept = random.Uniform(write.bytes.size() + 1);
    if (kept > 0) Overlay(durable, write.offset, absl::string_view(write.bytes).substr(0, kept));
  }
};

FaultDisk::FaultDisk() {
  live_["/"] = Entry{};
  durable_["/"] = Entry{};
}

FaultDisk::~FaultDisk() = default;

uint64_t FaultDisk::mutating_ops() const {
  MutexLock lock(&mu_);
  return ops_;
}

void FaultDisk::CrashAt(uint64_t op) {
  MutexLock lock(&mu_);
  crash_at_ = op;
}

void FaultDisk::FailSync(uint64_t nth, SyncFailure failure, const std::string& ending) {
  MutexLock lock(&mu_);
  failing_ending_ = ending;
  syncs_until_failure_ = nth;
  sync_failure_ = failure;
}

void FaultDisk::FailWrite(uint64_t nth) {
  MutexLock lock(&mu_);
  writes_until_failure_ = nth;
}

void FaultDisk::FailRead(uint64_t nth) {
  MutexLock lock(&mu_);
  reads_until_failure_ = nth;
}

void FaultDisk::SetUnreadable(const std::string& path, uint64_t begin, uint64_t end) {
  MutexLock lock(&mu_);
  Inode& inode = *live_.at(path).inode;
  inode.unreadable_begin = begin;
  inode.unreadable_end = end;
}

bool FaultDisk::TakePendingFailure() {
  MutexLock lock(&mu_);
  const bool pending =
      syncs_until_failure_ > 0 || writes_until_failure_ > 0 || reads_until_failure_ > 0;
  syncs_until_failure_ = 0;
  writes_until_failure_ = 0;
  reads_until_failure_ = 0;
  return pending;
}

void FaultDisk::SetFull(bool full) {
  MutexLock lock(&mu_);
  full_ = full;
  writes_until_full_ = 0;
}
void FaultDisk::FillUpAt(uint64_t nth) {
  MutexLock lock(&mu_);
  writes_until_full_ = nth;
}

void FaultDisk::SetLyingSyncs(bool lying) {
  MutexLock lock(&mu_);
  lying_syncs_ = lying;
}

void FaultDisk::SetFreeBytes(uint64_t free_bytes) {
  MutexLock lock(&mu_);
  free_bytes_ = free_bytes;
  counts_room_ = false;
}

void FaultDisk::SetRoom(uint64_t bytes) {
  MutexLock lock(&mu_);
  free_bytes_ = bytes;
  counts_room_ = true;
}

uint64_t FaultDisk::free_bytes() const {
  MutexLock lock(&mu_);
  return free_bytes_;
}

void FaultDisk::PowerLoss(uint64_t seed, bool torn) {
  MutexLock lock(&mu_);
  SeededRandom random(seed);
  if (torn) {
    const uint64_t kept = random.Uniform(names_.size() + 1);
    for (uint64_t i = 0; i < kept; ++i) ApplyName(names_[i], durable_);
  }
  names_.clear();
  // A name whose directory is gone is out of reach. Parents sort before what they hold.
  for (auto it = durable_.begin(); it != durable_.end();) {
    it = durable_.count(ParentOf(it->first)) == 0 ? durable_.erase(it) : std::next(it);
  }
  live_ = durable_;
  for (auto& [path, entry] : live_) {
    if (entry.inode != nullptr) entry.inode->LosePower(torn, random);
  }
  Reboot();
}

void FaultDisk::Reboot() {
  ++boot_;
  locked_.clear();
  power_off_ = false;
  crash_at_ = 0;
  syncs_until_failure_ = 0;
  writes_until_failure_ = 0;
  reads_until_failure_ = 0;
}

FaultDisk::Image FaultDisk::Save() const {
  MutexLock lock(&mu_);
  Image image;
  for (const auto& [path, entry] : live_) {
    image[path] = entry.inode == nullptr ? std::nullopt : std::make_optional(entry.inode->data);
  }
  return image;
}

void FaultDisk::Restore(const Image& image) {
  MutexLock lock(&mu_);
  live_.clear();
  names_.clear();
  for (const auto& [path, content] : image) {
    Entry& entry = live_[path];
    if (!content.has_value()) continue;
    entry.inode = std::make_shared<Inode>();
    entry.inode->data = *content;
    entry.inode->durable = *content;
  }
  durable_ = live_;
  Reboot();
}

std::vector<std::string> FaultDisk::Files(const std::string& directory) const {
  MutexLock lock(&mu_);
  std::vector<std::string> paths;
  for (const auto& [path, entry] : live_) {
    if (entry.inode != nullptr && ParentOf(path) == directory) paths.push_back(path);
  }
  return paths;
}

uint64_t FaultDisk::Size(const std::string& path) const {
  MutexLock lock(&mu_);
  return live_.at(path).inode->data.size();
}

void FaultDisk::FlipBit(const std::string& path, uint64_t byte, int bit) {
  MutexLock lock(&mu_);
  Inode& inode = *live_.at(path).inode;
  for (std::string* view : {&inode.data, &inode.durable}) {
    if (byte < view->size()) (*view)[byte] = static_cast<char>((*view)[byte] ^ (1 << bit));
  }
}

// Counts an operation. When the power goes off in its middle it still takes effect on what is not
// durable, so that a torn loss may leave a part of it; every caller reports the error afterwards.
DiskError FaultDisk::Begin() {
  if (power_off_) return DiskError::kPowerOff;
  ++ops_;
  if (ops_ == crash_at_) power_off_ = true;
  return DiskError::kNone;
}

DiskError FaultDisk::CheckOpen(const File& file) const {
  return power_off_ || file.boot != boot_ ? DiskError::kPowerOff : DiskError::kNone;
}

DiskError FaultDisk::BeginWrite(const File& file, uint64_t end) {
  DiskError error = CheckOpen(file);
  if (error == DiskError::kNone) error = Begin();
  if (error != DiskError::kNone) return error;
  if (writes_until_full_ > 0 && --writes_until_full_ == 0) full_ = true;
  if (full_) return DiskError::kFull;
  if (writes_until_failure_ > 0 && --writes_until_failure_ == 0) return DiskError::kIo;
  if (!counts_room_) return DiskError::kNone;
  const uint64_t size = file.inode->data.size();
  const uint64_t growth = end > size ? end - size : 0;
  if (growth > free_bytes_) return DiskError::kFull;
  free_bytes_ -= growth;
  return DiskError::kNone;
}

// What a file took, once its last name goes.
void FaultDisk::GiveBack(const Entry& entry) {
  if (!counts_room_ || entry.inode == nullptr) return;
  const auto names = std::count_if(
      live_.begin(), live_.end(),
      [&](const std::pair<const std::string, Entry>& e) { return e.second.inode == entry.inode; });
  if (names == 1) free_bytes_ += entry.inode->data.size();
}

void FaultDisk::ApplyName(const NameChange& change, Tree& tree) {
  if (!change.entry.has_value()) {
    tree.erase(change.path);
    return;
  }
  tree[change.path] = *change.entry;
  if (change.renamed_from.empty()) return;
  tree.erase(change.renamed_from);
  const std::string prefix = change.renamed_from + "/";
  auto it = tree.lower_bound(prefix);
  while (it != tree.end() && it->first.compare(0, prefix.size(), prefix) == 0) {
    tree[change.path + "/" + it->first.substr(prefix.size())] = it->second;
    it = tree.erase(it);
  }
}

void FaultDisk::ChangeName(NameChange change) {
  ApplyName(change, live_);
  names_.push_back(std::move(change));
}

void FaultDisk::OnCreate(std::function<void(const std::string& path)> on_create) {
  MutexLock lock(&mu_);
  on_create_ = std::move(on_create);
}

DiskError FaultDisk::Create(const std::string& path, File* file) {
  MutexLock lock(&mu_);
  if (power_off_) return DiskError::kPowerOff;
  if (live_.count(ParentOf(path)) == 0) return DiskError::kNotFound;
  if (full_) return DiskError::kFull;
  Begin();
  if (on_create_) on_create_(path);
  file->inode = std::make_shared<Inode>();
  file->inode->made_as = path;
  file->boot = boot_;
  ChangeName({path, Entry{file->inode}, ""});
  return CheckOpen(*file);
}

DiskError FaultDisk::Open(const std::string& path, File* file) {
  MutexLock lock(&mu_);
  if (power_off_) return DiskError::kPowerOff;
  const auto found = live_.find(path);
  if (found == live_.end() || found->second.inode == nullptr) return DiskError::kNotFound;
  *file = File{found->second.inode, boot_};
  return DiskError::kNone;
}

DiskError FaultDisk::Append(const File& file, absl::string_view bytes) {
  MutexLock lock(&mu_);
  const DiskError error = BeginWrite(file, file.inode->data.size() + bytes.size());
  if (error != DiskError::kNone) return error;
  file.inode->Write({file.inode->data.size(), std::string(bytes), false});
  return CheckOpen(file);
}

DiskError FaultDisk::WriteAt(const File& file, uint64_t offset, absl::string_view bytes) {
  MutexLock lock(&mu_);
  const DiskError error = BeginWrite(file, offset + bytes.size());
  if (error != DiskError::kNone) return error;
  file.inode->written_at_random = true;
  file.inode->Write({offset, std::string(bytes), false});
  return CheckOpen(file);
}

DiskError FaultDisk::Truncate(const File& file, uint64_t size) {
  MutexLock lock(&mu_);
  const DiskError error = BeginWrite(file, size);
  if (error != DiskError::kNone) return error;
  file.inode->Write({size, "", true});
  return CheckOpen(file);
}

DiskError FaultDisk::Sync(const File& file) {
  MutexLock lock(&mu_);
  DiskError error = CheckOpen(file);
  if (error == DiskError::kNone) error = Begin();
  if (error == DiskError::kNone) error = CheckOpen(file);
  if (error != DiskError::kNone) return error;
  if (syncs_until_failure_ > 0 && absl::EndsWith(file.inode->made_as, failing_ending_) &&
      --syncs_until_failure_ == 0) {
    if (sync_failure_ == SyncFailure::kForgets) file.inode->pending.clear();
    return DiskError::kIo;
  }
  if (!lying_syncs_) file.inode->MakeDurable();
  return DiskError::kNone;
}

DiskError FaultDisk::ReadAt(const File& file, uint64_t offset, size_t size,
                            std::string* bytes) const {
  MutexLock lock(&mu_);
  bytes->clear();
  DiskError error = CheckOpen(file);
  if (error == DiskError::kNone && reads_until_failure_ > 0 && --reads_until_failure_ == 0)
    error = DiskError::kIo;
  if (offset < file.inode->unreadable_end && offset + size > file.inode->unreadable_begin)
    error = DiskError::kIo;
  if (error == DiskError::kNone && offset < file.inode->data.size()) {
    *bytes = file.inode->data.substr(offset, size);
  }
  return error;
}

DiskError FaultDisk::FileSize(const File& file, uint64_t* size) const {
  MutexLock lock(&mu_);
  *size = file.inode->data.size();
  return CheckOpen(file);
}

DiskError FaultDisk::Remove(const std::string& path) {
  MutexLock lock(&mu_);
  if (power_off_) return DiskError::kPowerOff;
  const auto found = live_.find(path);
  if (found == live_.end() || found->second.inode == nullptr) return DiskError::kNotFound;
  Begin();
  GiveBack(found->second);
  ChangeName({path, std::nullopt, ""});
  return power_off_ ? DiskError::kPowerOff : DiskError::kNone;
}

DiskError FaultDisk::Rename(const std::string& from, const std::string& to) {
  MutexLock lock(&mu_);
  if (power_off_) return DiskError::kPowerOff;
  const auto found = live_.find(from);
  if (found == live_.end() || live_.count(ParentOf(to)) == 0) return DiskError::kNotFound;
  Begin();
  if (const auto replaced = live_.find(to); replaced != live_.end()) GiveBack(replaced->second);
  ChangeName({to, found->second, from});
  return power_off_ ? DiskError::kPowerOff : DiskError::kNone;
}

DiskError FaultDisk::Link(const std::string& from, const std::string& to) {
  MutexLock lock(&mu_);
  if (power_off_) return DiskError::kPowerOff;
  const auto found = live_.find(from);
  if (found == live_.end()) return DiskError::kNotFound;
  if (live_.count(to) > 0) return DiskError::kExists;
  Begin();
  ChangeName({to, found->second, ""});
  return power_off_ ? DiskError::kPowerOff : DiskError::kNone;
}

DiskError FaultDisk::MakeDirectory(const std::string& path) {
  MutexLock lock(&mu_);
  if (power_off_) return DiskError::kPowerOff;
  if (live_.count(path) > 0) return DiskError::kExists;
  if (live_.count(ParentOf(path)) == 0) return DiskError::kNotFound;
  Begin();
  ChangeName({path, Entry{}, ""});
  return power_off_ ? DiskError::kPowerOff : DiskError::kNone;
}

DiskError FaultDisk::RemoveDirectory(const std::string& path) {
  MutexLock lock(&mu_);
  if (power_off_) return DiskError::kPowerOff;
  if (live_.count(path) == 0) return DiskError::kNotFound;
  Begin();
  ChangeName({path, std::nullopt, ""});
  return power_off_ ? DiskError::kPowerOff : DiskError::kNone;
}

DiskError FaultDisk::SyncDirectory(const std::string& path) {
  MutexLock lock(&mu_);
  if (power_off_) return DiskError::kPowerOff;
  Begin();
  if (power_off_) return DiskError::kPowerOff;
  if (lying_syncs_) return DiskError::kNone;
  std::vector<NameChange> rest;
  for (NameChange& change : names_) {
    if (ParentOf(change.path) == path) {
      ApplyName(change, durable_);
    } else {
      rest.push_back(std::move(change));
    }
  }
  names_ = std::move(rest);
  return DiskError::kNone;
}

DiskError FaultDisk::List(const std::string& path, std::vector<std::string>* names) const {
  MutexLock lock(&mu_);
  names->clear();
  if (power_off_) return DiskError::kPowerOff;
  if (live_.count(path) == 0) return DiskError::kNotFound;
  for (const auto& [child, entry] : live_) {
    if (child != "/" && ParentOf(child) == path) {
      names->push_back(child.substr(child.find_last_of('/') + 1));
    }
  }
  return DiskError::kNone;
}

DiskError FaultDisk::Stat(const std::string& path, bool* is_directory) const {
  MutexLock lock(&mu_);
  if (power_off_) return DiskError::kPowerOff;
  const auto found = live_.find(path);
  if (found == live_.end()) return DiskError::kNotFound;
  *is_directory = found->second.inode == nullptr;
  return DiskError::kNone;
}

DiskError FaultDisk::Lock(const std::string& path) {
  MutexLock lock(&mu_);
  if (power_off_) return DiskError::kPowerOff;
  if (live_.count(ParentOf(path)) == 0) return DiskError::kNotFound;
  return locked_.insert(path).second ? DiskError::kNone : DiskError::kLocked;
}

void FaultDisk::Unlock(const std::string& path) {
  MutexLock lock(&mu_);
  locked_.erase(path);
}

}  // namespace brigada
