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
#include "replica/store/rocks_status.h"

namespace brigada {
namespace {

constexpr absl::string_view kFileName = "OUTBOX_MIRROR";
constexpr absl::string_view kReading = "reading the outbox mirror";
constexpr absl::string_view kWriting = "writing the outbox mirror";
// A record ends once it has so much.
constexpr size_t kRecordBytes = size_t{256} << 10;
constexpr size_t kReadBytes = size_t{64} << 10;
// A mirror smaller than this is not worth writing anew.
constexpr uint64_t kLeastDueBytes = uint64_t{256} << 10;

constexpr std::array<absl::string_view, 10> kMirroredMeta = {
    kFormatKey,  kReplicaKey, kUserKey,  kWelcomeKey,     kPurgeKey,
    kReceiptKey, kFoliosKey,  kClockKey, kOutboxHeadName, kSettingName};
constexpr std::array<Table, 3> kMirroredTables = {Table::kMeta, Table::kOutbox, Table::kRejected};

std::string PathIn(const std::string& directory) { return absl::StrCat(directory, "/", kFileName); }

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

// The records of a file one after the other, past what is damaged. Holds little more than one.
class RecordReader {
 public:
  explicit RecordReader(std::unique_ptr<rocksdb::SequentialFile> file) : file_(std::move(file)) {}

  // False at the end.
  absl::StatusOr<bool> Next(v1::MirroredWrites* writes) {
    while (true) {
      RETURN_IF_ERROR(Fill(kFrameHeadBytes));
      const std::optional<size_t> length = FramedLength(rest());
      if (length.has_value()) RETURN_IF_ERROR(Fill(kFrameHeadBytes + *length));
      const std::optional<absl::string_view> content = ReadFramed(rest());
      if (content.has_value() &&
          writes->ParseFromArray(content->data(), static_cast<int>(content->size()))) {
        at_ += kFrameHeadBytes + content->size();
        damages_ += gap_ == Gap::kNone ? 0 : 1;
        gap_ = Gap::kNone;
        return true;
      }
      if (rest().empty()) break;
      RETURN_IF_ERROR(SkipSome(length));
    }
    damages_ += gap_ == Gap::kDamage ? 1 : 0;
    return false;
  }
  uint64_t damages() const { return damages_; }
  bool is_torn() const { return gap_ == Gap::kTorn; }
  uint64_t bytes() const { return bytes_; }

 private:
  // What lies between the last record and here.
  enum class Gap { kNone, kDamage, kTorn };

  absl::string_view rest() const { return absl::string_view(buffer_).substr(at_); }

  // Past a record whose length can be believed; else it is looked for the next one byte by byte.
  absl::Status SkipSome(std::optional<size_t> length) {
    if (gap_ == Gap::kNone) {
      RETURN_IF_ERROR(Fill(kFrameHeadBytes + kMaxFramedBytes));
      gap_ = is_end_ && IsTornRecord(rest()) ? Gap::kTorn : Gap::kDamage;
    }
    const bool is_whole = length.has_value() && *length <= rest().size() - kFrameHeadBytes;
    at_ += is_whole ? kFrameHeadBytes + *length : 1;
    return absl::OkStatus();
  }

  // So that the rest holds `size` bytes, or all there are.
  absl::Status Fill(size_t size) {
    if (rest().size() >= size || is_end_) return absl::OkStatus();
    buffer_.erase(0, at_);
    at_ = 0;
    std::string chunk(kReadBytes, '\0');
    while (buffer_.size() < size && !is_end_) {
      rocksdb::Slice read;
      RETURN_IF_ERROR(ToStatus(file_->Read(chunk.size(), &read, chunk.data()), kReading));
      is_end_ = read.empty();
      bytes_ += read.size();
      buffer_.append(read.data(), read.size());
    }
    return absl::OkStatus();
  }

  const std::unique_ptr<rocksdb::SequentialFile> file_;
  std::string buffer_;
  size_t at_ = 0;
  bool is_end_ = false;
  Gap gap_ = Gap::kNone;
  uint64_t damages_ = 0;
  uint64_t bytes_ = 0;
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

// All of the mirrored tables as `store` has them.
absl::Status WriteAll(const KvReader& store, uint64_t number, rocksdb::WritableFile* file,
                      uint64_t* bytes) {
  RecordMaker maker(number);
  const auto append = [&](const std::string& records) {
    *bytes += records.size();
    return records.empty() ? absl::OkStatus() : ToStatus(file->Append(records), kWriting);
  };
  for (const Table table : kMirroredTables) {
    const std::unique_ptr<KvIterator> it = store.Iterate(table, "", "");
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      if (!IsMirrored(table, it->key())) continue;
      const std::string value(it->value());
      maker.Add(table, it->key(), &value);
      RETURN_IF_ERROR(append(maker.TakeRecords()));
    }
    RETURN_IF_ERROR(it->status());
  }
  return append(maker.Finish());
}

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
  std::unique_ptr<rocksdb::SequentialFile> file;
  RETURN_IF_ERROR(ToStatus(env.NewSequentialFile(path, &file, PlainFile()), kReading));
  findings.exists = true;
  RecordReader reader(std::move(file));
  KvBatch batch;
  bool is_begun = false;
  v1::MirroredWrites writes;
  while (true) {
    const uint64_t damages = reader.damages();
    ASSIGN_OR_RETURN(const bool is_there, reader.Next(&writes));
    if (!is_there) break;
    // Of a write of which a part is damaged what can be read still counts.
    const bool is_broken = is_begun && reader.damages() != damages;
    if (is_broken) {
      RETURN_IF_ERROR(replay(batch));
      batch = KvBatch();
    }
    AddTo(writes, &batch);
    is_begun = writes.goes_on();
    if (is_begun) continue;
    RETURN_IF_ERROR(replay(batch));
    batch = KvBatch();
    ++findings.writes;
    findings.last_number = writes.number();
  }
  findings.bytes = reader.bytes();
  findings.damages = reader.damages();
  findings.is_torn = reader.is_torn() || is_begun;
  return findings;
}

OutboxMirror::OutboxMirror(rocksdb::Env* env, std::string directory)
    : env_(env), directory_(std::move(directory)) {}

OutboxMirror::~OutboxMirror() = default;

absl::StatusOr<std::unique_ptr<OutboxMirror>> OutboxMirror::Open(rocksdb::Env& env,
                                                                 const std::string& directory,
                                                                 const KvReader& store,
                                                                 uint64_t number) {
  const absl::StatusOr<MirrorFindings> read =
      ReadOutboxMirror(env, directory, [](const KvBatch&) { return absl::OkStatus(); });
  std::unique_ptr<OutboxMirror> mirror(new OutboxMirror(&env, directory));
  // A copy that cannot be read must not keep the store closed: it has all of it.
  const MirrorFindings findings = read.value_or(MirrorFindings());
  if (!read.ok() || findings.damages > 0)
    Log(LogLevel::kError, "outbox_mirror_damaged", {{"places", findings.damages}});
  const bool is_whole = findings.exists && findings.damages == 0 && !findings.is_torn;
  if (!is_whole || findings.last_number != number) {
    RETURN_IF_ERROR(mirror->Rewrite(store, number));
    return mirror;
  }
  RETURN_IF_ERROR(
      ToStatus(env.ReopenWritableFile(PathIn(directory), &mirror->file_, PlainFile()), kWriting));
  mirror->bytes_ = findings.bytes;
  mirror->due_bytes_ = std::max(kLeastDueBytes, 2 * findings.bytes);
  return mirror;
}

absl::Status OutboxMirror::Append(const KvBatch& batch, uint64_t number, Durability durability) {
  RecordMaker maker(number);
  for (const KvBatch::Op& op : batch.ops()) {
    if (IsMirrored(op.table, op.key))
      maker.Add(op.table, op.key, op.is_delete ? nullptr : &op.value);
  }
  const std::string records = maker.Finish();
  RETURN_IF_ERROR(ToStatus(file_->Append(ToSlice(records)), kWriting));
  bytes_ += records.size();
  return durability == Durability::kSync ? ToStatus(file_->Sync(), kWriting) : absl::OkStatus();
}

absl::Status OutboxMirror::Rewrite(const KvReader& store, uint64_t number) {
  const std::string path = PathIn(directory_);
  const std::string new_path = absl::StrCat(path, ".new");
  // Should it fail, the next try comes when it has grown as much again.
  due_bytes_ = 2 * bytes_;
  std::unique_ptr<rocksdb::WritableFile> file;
  RETURN_IF_ERROR(ToStatus(env_->NewWritableFile(new_path, &file, PlainFile()), kWriting));
  uint64_t bytes = 0;
  absl::Status written = WriteAll(store, number, file.get(), &bytes);
  if (written.ok()) written = ToStatus(file->Sync(), kWriting);
  if (written.ok()) written = ToStatus(env_->RenameFile(new_path, path), kWriting);
  if (!written.ok()) {
    file.reset();
    env_->DeleteFile(new_path).PermitUncheckedError();
    return written;
  }
  file_ = std::move(file);
  bytes_ = bytes;
  due_bytes_ = std::max(kLeastDueBytes, 2 * bytes);
  std::unique_ptr<rocksdb::Directory> entries;
  rocksdb::Status named = env_->NewDirectory(directory_, &entries);
  if (named.ok()) named = entries->Fsync();
  if (named.ok()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(kWriting, ": ", named.ToString()));
}

}  // namespace brigada
