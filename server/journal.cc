#include "server/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "brigada/v1/administration_service.pb.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/store/framed_record.h"
#include "server/durable_files.h"

namespace brigada {
namespace {

std::string Framed(const v1::JournalRecord& record) {
  return FramedRecord(record.SerializeAsString());
}

absl::Status FileError(absl::string_view what, const std::string& path) {
  return absl::UnavailableError(absl::StrCat(what, " ", path, ": ", std::strerror(errno)));
}

// More than a server notes in days; beyond it the store alone remembers until the next opening.
constexpr size_t kMaxUnwrittenBytes = size_t{4} << 20;

// 0, or the errno of what failed.
int AppendDurably(int file, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(file, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return EIO;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return fdatasync(file) == 0 ? 0 : errno;
}

// The record at the beginning of `rest`, with the bytes that it takes.
std::optional<std::pair<v1::JournalRecord, size_t>> ReadRecord(absl::string_view rest) {
  const std::optional<absl::string_view> content = ReadFramed(rest);
  if (!content.has_value()) return std::nullopt;
  std::pair<v1::JournalRecord, size_t> read{{}, kFrameHeadBytes + content->size()};
  if (!read.first.ParseFromArray(content->data(), static_cast<int>(content->size())))
    return std::nullopt;
  return read;
}

// Reads the records of `bytes`; `good` is where one begins that was not written whole.
absl::Status ReadRecords(absl::string_view bytes, const std::string& path, size_t* good,
                         std::vector<v1::JournalRecord>* records) {
  *good = 0;
  while (*good < bytes.size()) {
    auto read = ReadRecord(bytes.substr(*good));
    if (!read.has_value()) {
      if (IsTornRecord(bytes.substr(*good))) return absl::OkStatus();
      return absl::DataLossError(absl::StrCat(
          "the journal ", path, " is damaged at byte ", *good,
          ": put back a copy of it, or move it away and check devices and grants by hand"));
    }
    records->push_back(std::move(read->first));
    *good += read->second;
  }
  return absl::OkStatus();
}

// When a device synced last, with what and how far, is no reason to write; nor what it purged.
void TakeLastSync(const v1::DeviceRecord& from, v1::DeviceRecord* device) {
  device->set_last_sync_ms(from.last_sync_ms());
  device->set_bytes_received(from.bytes_received());
  device->set_bytes_sent(from.bytes_sent());
  device->set_device_time_ms(from.device_time_ms());
  device->set_software(from.software());
  *device->mutable_acknowledged() = from.acknowledged();
  // A device tells of its purge again until it hears that it was noted.
  device->set_receipt(from.receipt());
  device->set_purged_ms(from.purged_ms());
  *device->mutable_purged_scopes() = from.purged_scopes();
}

bool IsNews(const DirectoryWrite& write) {
  if (write.kind != DirectoryKind::kDevice || !write.value.has_value()) return true;
  if (!write.expected.has_value() || !write.expected->has_value()) return true;
  v1::DeviceRecord now;
  v1::DeviceRecord before;
  if (!now.ParseFromString(*write.value) || !before.ParseFromString(**write.expected)) return true;
  TakeLastSync(before, &now);
  return now.SerializeAsString() != before.SerializeAsString();
}

// The journal's device, with what it leaves out as the store has it.
std::string WithLastSyncOf(const std::optional<std::string>& own, std::string journaled) {
  v1::DeviceRecord device;
  v1::DeviceRecord before;
  if (!own.has_value() || !before.ParseFromString(*own) || !device.ParseFromString(journaled))
    return journaled;
  TakeLastSync(before, &device);
  return device.SerializeAsString();
}

constexpr std::array<DirectoryKind, 5> kJournaledKinds = {
    DirectoryKind::kDevice, DirectoryKind::kInvitation, DirectoryKind::kSetting,
    DirectoryKind::kUser, DirectoryKind::kBackup};

// By kind and key.
using LastRecords = std::map<std::pair<uint32_t, std::string>, const v1::JournalRecord*>;

// Writes of one time may stand in the journal in another order than in the store.
LastRecords LastOf(absl::Span<const v1::JournalRecord> records) {
  LastRecords last;
  for (const v1::JournalRecord& record : records) {
    if (record.kind() == 0) continue;
    const v1::JournalRecord*& latest = last[{record.kind(), record.key()}];
    if (latest == nullptr || record.number() >= latest->number()) latest = &record;
  }
  return last;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(const std::string& path,
                                                       const Clock* clock) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) return FileError("cannot open the journal", path);
  std::unique_ptr<Journal> journal(new Journal(file, clock));
  std::string bytes;
  std::string chunk(size_t{64} << 10, '\0');
  while (true) {
    const ssize_t read = pread(file, chunk.data(), chunk.size(), static_cast<off_t>(bytes.size()));
    if (read < 0) return FileError("cannot read the journal", path);
    if (read == 0) break;
    bytes.append(chunk, 0, static_cast<size_t>(read));
  }
  size_t good = 0;
  RETURN_IF_ERROR(ReadRecords(bytes, path, &good, &journal->records_));
  if (good < bytes.size()) {
    Log(LogLevel::kWarning, "journal_tail_cut", {{"bytes", bytes.size() - good}});
    if (ftruncate(file, static_cast<off_t>(good)) != 0)
      return FileError("cannot cut the journal", path);
  }
  if (fsync(file) != 0) return FileError("cannot write the journal", path);
  RETURN_IF_ERROR(SyncDirectoryOf(path));
  const MutexLock lock(&journal->mu_);
  journal->length_ = good;
  return journal;
}

Journal::~Journal() { close(file_); }

absl::Status Journal::Append(std::vector<v1::JournalRecord> records) {
  std::string bytes;
  for (v1::JournalRecord& record : records) {
    record.set_at_ms(absl::ToUnixMillis(clock_->Now()));
    absl::StrAppend(&bytes, Framed(record));
  }
  const MutexLock lock(&mu_);
  RETURN_IF_ERROR(failure_);
  absl::StrAppend(&unwritten_, bytes);
  return WriteAll();
}

absl::Status Journal::Mend() {
  const MutexLock lock(&mu_);
  if (failure_.ok() && !unwritten_.empty() && WriteAll().ok())
    Log(LogLevel::kWarning, "journal_mended", {{"bytes", length_}});
  return failure_;
}

absl::Status Journal::WriteAll() {
  const int error = AppendDurably(file_, unwritten_);
  if (error == 0) {
    length_ += unwritten_.size();
    unwritten_.clear();
    told_ = 0;
    return absl::OkStatus();
  }
  const absl::Status status(
      error == ENOSPC || error == EDQUOT || error == EFBIG ? absl::StatusCode::kResourceExhausted
                                                           : absl::StatusCode::kUnavailable,
      absl::StrCat("the journal beside the store cannot be written (", std::strerror(error),
                   "): what was asked for is in force, but a restored backup would not know of it "
                   "until the disk takes it"));
  // What a failed sync left in the page cache counts as written there for ever: it goes, and all
  // of it is written again.
  const bool is_cut = ftruncate(file_, static_cast<off_t>(length_)) == 0;
  if (!is_cut || unwritten_.size() > kMaxUnwrittenBytes) failure_ = status;
  // Mend tries every second: what it finds unchanged is no news.
  if (told_ != unwritten_.size() || !failure_.ok()) {
    told_ = unwritten_.size();
    Log(LogLevel::kError, "journal_failed", {{"error", std::strerror(error)}, {"bytes", told_}});
  }
  return status;
}

std::vector<v1::JournalRecord> RecordsOf(absl::Span<const DirectoryWrite> writes, uint64_t number) {
  std::vector<v1::JournalRecord> records;
  for (const DirectoryWrite& write : writes) {
    if (!IsNews(write)) continue;
    v1::JournalRecord& record = records.emplace_back();
    record.set_kind(static_cast<uint32_t>(write.kind));
    record.set_key(write.key);
    record.set_deleted(!write.value.has_value());
    record.set_number(number);
    record.set_value(write.value.value_or(""));
  }
  return records;
}

v1::JournalRecord StartRecord(const AuthorityStore& store) {
  v1::JournalRecord record;
  *record.mutable_epoch() = store.CurrentEpoch();
  record.set_run(store.run().AsBytes());
  return record;
}

absl::Status Journal::NoteDirectory(absl::Span<const DirectoryWrite> writes, uint64_t number) {
  std::vector<v1::JournalRecord> records = RecordsOf(writes, number);
  return records.empty() ? absl::OkStatus() : Append(std::move(records));
}

absl::Status Journal::NoteStart(const AuthorityStore& store) {
  return Append({StartRecord(store)});
}

std::string LastRun(absl::Span<const v1::JournalRecord> records) {
  for (size_t i = records.size(); i > 0; --i)
    if (!records[i - 1].run().empty()) return records[i - 1].run();
  return "";
}

uint64_t LastDirectoryWrite(absl::Span<const v1::JournalRecord> records) {
  uint64_t last = 0;
  for (const v1::JournalRecord& record : records) last = std::max(last, record.number());
  return last;
}

std::vector<v1::EpochRecord> EpochsOf(absl::Span<const v1::JournalRecord> records) {
  std::vector<v1::EpochRecord> epochs;
  for (const v1::JournalRecord& record : records)
    if (record.has_epoch()) epochs.push_back(record.epoch());
  return epochs;
}

absl::StatusOr<std::vector<DirectoryWrite>> NotNoted(absl::Span<const v1::JournalRecord> records,
                                                     const AuthorityStore& store) {
  std::map<std::pair<uint32_t, std::string>, std::string> noted;
  for (const auto& [name, record] : LastOf(records))
    if (!record->deleted()) noted[name] = record->value();
  std::vector<DirectoryWrite> missing;
  for (const DirectoryKind kind : kJournaledKinds) {
    ASSIGN_OR_RETURN(auto entries, store.ListEntries(kind));
    for (auto& [key, value] : entries) {
      DirectoryWrite write{kind, std::move(key), std::move(value), std::nullopt};
      const auto known = noted.find({static_cast<uint32_t>(kind), write.key});
      if (known != noted.end()) {
        write.expected = std::move(known->second);
        noted.erase(known);
      }
      const bool is_same = write.expected.has_value() && *write.expected == write.value;
      if (!is_same && IsNews(write)) missing.push_back(std::move(write));
    }
  }
  for (auto& [name, value] : noted) {
    missing.push_back(
        {static_cast<DirectoryKind>(name.first), name.second, std::nullopt, std::nullopt});
  }
  return missing;
}

absl::Status ReplayDirectory(absl::Span<const v1::JournalRecord> records, AuthorityStore& store) {
  const LastRecords last = LastOf(records);
  std::vector<DirectoryWrite> writes;
  writes.reserve(last.size());
  for (const auto& [name, record] : last) {
    std::optional<std::string> value;
    if (!record->deleted()) value = record->value();
    if (value.has_value() && record->kind() == static_cast<uint32_t>(DirectoryKind::kDevice)) {
      ASSIGN_OR_RETURN(const auto own, store.GetEntry(DirectoryKind::kDevice, record->key()));
      value = WithLastSyncOf(own, *std::move(value));
    }
    writes.push_back({static_cast<DirectoryKind>(name.first), name.second, value, std::nullopt});
  }
  return writes.empty() ? absl::OkStatus() : store.WriteEntries(writes);
}

}  // namespace brigada
