#include "replica/store/outbox_mirror.h"

#include <rocksdb/env.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "brigada/v1/outbox_mirror.pb.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/store/device_keys.h"
#include "replica/store/format.h"
#include "replica/store/framed_record.h"
#include "replica/store/keys.h"
#include "replica/store/mirror_record_reader.h"
#include "replica/store/rocks_status.h"

namespace brigada {
namespace {

constexpr absl::string_view kFileName = "OUTBOX_MIRROR";
constexpr absl::string_view kReading = "reading the outbox mirror";
constexpr absl::string_view kWriting = "writing the outbox mirror";
// A record ends once it has so much: what a damaged bit costs.
constexpr size_t kRecordBytes = size_t{4} << 10;
// A mirror smaller than this is not worth writing anew.
constexpr uint64_t kLeastDueBytes = uint64_t{256} << 10;

constexpr std::array<absl::string_view, 11> kMirroredMeta = {
    kFormatKey, kReplicaKey,     kUserKey,  kWelcomeKey,     kPurgeKey,   kReceiptKey,
    kFoliosKey, kFolioDeviceKey, kClockKey, kOutboxHeadName, kSettingName};
constexpr std::array<Table, 3> kMirroredTables = {Table::kMeta, Table::kOutbox, Table::kRejected};

std::string PathIn(const std::string& directory) { return absl::StrCat(directory, "/", kFileName); }
std::string NewPathIn(const std::string& directory) {
  return absl::StrCat(PathIn(directory), ".new");
}

rocksdb::EnvOptions PlainFile() {
  rocksdb::EnvOptions options;
  // A mapped file is longer than what was appended.
  options.use_mmap_writes = false;
  return options;
}

rocksdb::Slice ToSlice(absl::string_view bytes) { return {bytes.data(), bytes.size()}; }

void AddWrite(Table table, absl::string_view key, const std::string* value,
              v1::MirroredWrites* writes) {
  v1::MirroredWrites::Write& write = *writes->add_writes();
  write.set_table(static_cast<uint32_t>(table));
  write.set_key(std::string(key));
  if (value != nullptr) {
    write.set_value(*value);
  } else {
    write.set_is_deletion(true);
  }
}

// Framed records in the order of the writes, each as long as it should be.
class RecordMaker {
 public:
  explicit RecordMaker(uint64_t number) : number_(number) {}
  // Null: a deletion.
  void Add(Table table, absl::string_view key, const std::string* value) {
    if (bytes_ >= kRecordBytes) EndRecord(/*goes_on=*/true);
    bytes_ += key.size() + (value == nullptr ? 0 : value->size());
    AddWrite(table, key, value, &writes_);
  }
  // What there is of them so far; call it again for the rest.
  std::string TakeRecords() { return std::exchange(framed_, {}); }
  std::string Finish() {
    EndRecord(/*goes_on=*/false);
    return TakeRecords();
  }
  bool empty() const { return writes_.writes().empty() && framed_.empty(); }

 private:
  void EndRecord(bool goes_on) {
    writes_.set_goes_on(goes_on);
    writes_.set_number(number_);
    framed_ += FramedRecord(writes_.SerializeAsString());
    writes_.Clear();
    bytes_ = 0;
  }

  const uint64_t number_;
  v1::MirroredWrites writes_;
  size_t bytes_ = 0;
  std::string framed_;
};

void AddTo(const v1::MirroredWrites& writes, KvBatch* batch) {
  for (const v1::MirroredWrites::Write& write : writes.writes()) {
    if (write.table() >= kTableCount) continue;
    const auto table = static_cast<Table>(write.table());
    if (write.is_deletion()) {
      batch->Delete(table, write.key());
    } else {
      batch->Put(table, write.key(), write.value());
    }
  }
}

// The file of a mirror that is written anew.
class NewMirror {
 public:
  NewMirror(rocksdb::Env* env, std::string path, std::string directory, uint64_t min_free_bytes)
      : env_(*env),
        path_(std::move(path)),
        directory_(std::move(directory)),
        min_free_bytes_(min_free_bytes) {}

  // All of the mirrored tables as `store` has them, synced.
  absl::Status Write(const KvReader& store, uint64_t number) {
    RETURN_IF_ERROR(ToStatus(env_.NewWritableFile(path_, &file_, PlainFile()), kWriting));
    RecordMaker maker(number);
    for (const Table table : kMirroredTables) {
      const std::unique_ptr<KvIterator> it = store.Iterate(table, "", "");
      for (it->SeekToFirst(); it->Valid(); it->Next()) {
        if (!IsMirrored(table, it->key())) continue;
        const std::string value(it->value());
        maker.Add(table, it->key(), &value);
        RETURN_IF_ERROR(Append(maker.TakeRecords()));
      }
      RETURN_IF_ERROR(it->status());
    }
    RETURN_IF_ERROR(Append(maker.Finish()));
    return ToStatus(file_->Sync(), kWriting);
  }
  std::unique_ptr<rocksdb::WritableFile> TakeFile() { return std::move(file_); }
  uint64_t bytes() const { return bytes_; }

 private:
  absl::Status Append(const std::string& records) {
    if (records.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(CheckRoom(records.size()));
    bytes_ += records.size();
    return ToStatus(file_->Append(records), kWriting);
  }
  // A copy must not take the room that the store itself needs to go on.
  absl::Status CheckRoom(uint64_t bytes) const {
    uint64_t free_bytes = 0;
    // A file system that cannot tell is written to until it refuses.
    if (!env_.GetFreeSpace(directory_, &free_bytes).ok()) return absl::OkStatus();
    if (free_bytes >= min_free_bytes_ + bytes) return absl::OkStatus();
    return absl::ResourceExhaustedError(
        "the disk is too full for a new copy of the unsent work; free some space: nothing that "
        "was acknowledged is lost");
  }

  rocksdb::Env& env_;
  const std::string path_;
  const std::string directory_;
  const uint64_t min_free_bytes_;
  std::unique_ptr<rocksdb::WritableFile> file_;
  uint64_t bytes_ = 0;
};

}  // namespace

bool IsMirrored(Table table, absl::string_view key) {
  if (table == Table::kOutbox || table == Table::kRejected) return true;
  if (table != Table::kMeta) return false;
  const absl::string_view name = key.substr(0, key.find('\0'));
  return std::find(kMirroredMeta.begin(), kMirroredMeta.end(), name) != kMirroredMeta.end();
}

absl::StatusOr<MirrorFindings> ReadOutboxMirror(
    rocksdb::Env& env, const std::string& directory,
    const std::function<absl::Status(const KvBatch&)>& replay) {
  const std::string path = PathIn(directory);
  MirrorFindings findings;
  const rocksdb::Status found = env.FileExists(path);
  if (found.IsNotFound()) return findings;
  RETURN_IF_ERROR(ToStatus(found, kReading));
  std::unique_ptr<rocksdb::RandomAccessFile> file;
  RETURN_IF_ERROR(ToStatus(env.NewRandomAccessFile(path, &file, PlainFile()), kReading));
  findings.exists = true;
  RETURN_IF_ERROR(ToStatus(env.GetFileSize(path, &findings.bytes), kReading));
  MirrorRecordReader reader(std::move(file), findings.bytes);
  KvBatch batch;
  bool is_begun = false;
  uint64_t damages_before = 0;  // when the write began
  v1::MirroredWrites writes;
  while (true) {
    const uint64_t damages = reader.damages();
    if (!is_begun) damages_before = damages;
    if (!reader.Next(&writes)) break;
    findings.was_closed = writes.closed();
    if (writes.closed()) continue;
    // Of a write of which a part is damaged what can be read still counts.
    const bool is_broken = is_begun && reader.damages() != damages;
    if (is_broken) {
      RETURN_IF_ERROR(replay(batch));
      batch = KvBatch();
    }
    AddTo(writes, &batch);
    is_begun = writes.goes_on();
    // The first write was there before the file had its name: no crash leaves a part of it, and it
    // may be large.
    if (is_begun && findings.writes > 0) continue;
    RETURN_IF_ERROR(replay(batch));
    batch = KvBatch();
    if (is_begun) continue;
    if (findings.writes++ == 0) findings.first_bytes = reader.offset();
    findings.last_number = writes.number();
  }
  // The rest of a write is damaged, and not cut short.
  if (is_begun && reader.damages() != damages_before) RETURN_IF_ERROR(replay(batch));
  findings.damages = reader.damages();
  findings.is_torn = reader.is_torn() || is_begun;
  return findings;
}

OutboxMirror::OutboxMirror(rocksdb::Env* env, std::string directory, uint64_t min_free_bytes)
    : env_(env), directory_(std::move(directory)), min_free_bytes_(min_free_bytes) {}

OutboxMirror::~OutboxMirror() {
  if (file_ == nullptr || !is_sound_) return;
  v1::MirroredWrites end;
  end.set_number(number_);
  end.set_closed(true);
  file_->Append(FramedRecord(end.SerializeAsString())).PermitUncheckedError();
}

absl::StatusOr<std::unique_ptr<OutboxMirror>> OutboxMirror::Open(rocksdb::Env& env,
                                                                 const std::string& directory,
                                                                 const KvReader& store,
                                                                 uint64_t number,
                                                                 uint64_t min_free_bytes) {
  const absl::StatusOr<MirrorFindings> read =
      ReadOutboxMirror(env, directory, [](const KvBatch&) { return absl::OkStatus(); });
  std::unique_ptr<OutboxMirror> mirror(new OutboxMirror(&env, directory, min_free_bytes));
  // Of a rewriting that was killed; it holds what an erasure may have taken since.
  env.DeleteFile(NewPathIn(directory)).PermitUncheckedError();
  // A copy that cannot be read must not keep the store closed: it has all of it.
  const MirrorFindings findings = read.value_or(MirrorFindings());
  if (!read.ok() || findings.damages > 0)
    Log(LogLevel::kError, "outbox_mirror_damaged", {{"places", findings.damages}});
  const bool is_whole = findings.exists && findings.damages == 0 && !findings.is_torn;
  if (!is_whole || !findings.was_closed || findings.last_number != number) {
    RETURN_IF_ERROR(mirror->Rewrite(store, number));
    return mirror;
  }
  RETURN_IF_ERROR(
      ToStatus(env.ReopenWritableFile(PathIn(directory), &mirror->file_, PlainFile()), kWriting));
  mirror->number_ = number;
  mirror->bytes_ = findings.bytes;
  mirror->due_bytes_ = std::max(kLeastDueBytes, 2 * findings.first_bytes);
  return mirror;
}

absl::Status OutboxMirror::Append(const KvBatch& batch, uint64_t number) {
  RecordMaker maker(number);
  for (const KvBatch::Op& op : batch.ops()) {
    if (IsMirrored(op.table, op.key))
      maker.Add(op.table, op.key, op.is_delete ? nullptr : &op.value);
  }
  const std::string records = maker.Finish();
  number_ = number;
  bytes_ += records.size();
  return Note(ToStatus(file_->Append(ToSlice(records)), kWriting));
}

absl::Status OutboxMirror::Sync() { return Note(ToStatus(file_->Sync(), kWriting)); }

absl::Status OutboxMirror::Note(absl::Status status) {
  is_sound_ = is_sound_ && status.ok();
  return status;
}

absl::Status OutboxMirror::Rewrite(const KvReader& store, uint64_t number) {
  const std::string new_path = NewPathIn(directory_);
  // Should it fail, the next try comes when it has grown as much again.
  due_bytes_ = 2 * bytes_;
  NewMirror anew(env_, new_path, directory_, min_free_bytes_);
  if (absl::Status written = anew.Write(store, number); !written.ok()) {
    anew.TakeFile().reset();
    env_->DeleteFile(new_path).PermitUncheckedError();
    return written;
  }
  // From here on it is not known which one a power cut leaves.
  RETURN_IF_ERROR(Note(ToStatus(env_->RenameFile(new_path, PathIn(directory_)), kWriting)));
  file_ = anew.TakeFile();
  number_ = number;
  bytes_ = anew.bytes();
  due_bytes_ = std::max(kLeastDueBytes, 2 * bytes_);
  std::unique_ptr<rocksdb::Directory> entries;
  rocksdb::Status named = env_->NewDirectory(directory_, &entries);
  if (named.ok()) named = entries->Fsync();
  if (named.ok()) return absl::OkStatus();
  return Note(absl::UnavailableError(absl::StrCat(kWriting, ": ", named.ToString())));
}

}  // namespace brigada
