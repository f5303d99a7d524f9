#include "replica/store/high_water_mark.h"

#include <rocksdb/env.h>

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/store/rocks_status.h"

namespace brigada {
namespace {

constexpr absl::string_view kFileName = "HIGH_WATER_MARK";
constexpr absl::string_view kMagic = "BRGMARK1";
// A disk writes sectors of 512 bytes whole; each slot has its own.
constexpr size_t kSlotStride = 512;
constexpr size_t kFileBytes = 2 * kSlotStride;
constexpr size_t kCounterBytes = 8;
constexpr size_t kPointBytes = kCounterBytes + sizeof(Sha256Digest);
constexpr size_t kSumBytes = 8;
constexpr size_t kSlotBytes = kMagic.size() + kPointBytes + kSumBytes;

std::string PathIn(const std::string& directory) { return absl::StrCat(directory, "/", kFileName); }

uint64_t SlotOffset(const CommitPoint& point) { return (point.counter % 2) * kSlotStride; }

std::string Checksum(absl::string_view bytes) {
  const Sha256Digest digest = Sha256(bytes);
  return std::string(AsView(digest).substr(0, kSumBytes));
}

std::string EncodeSlot(const CommitPoint& point) {
  std::string slot = absl::StrCat(kMagic, point.Encode());
  slot += Checksum(slot);
  return slot;
}

std::optional<CommitPoint> DecodeSlot(absl::string_view slot) {
  if (slot.size() < kSlotBytes || slot.substr(0, kMagic.size()) != kMagic) return std::nullopt;
  const size_t checked = kMagic.size() + kPointBytes;
  if (slot.substr(checked, kSumBytes) != Checksum(slot.substr(0, checked))) return std::nullopt;
  return CommitPoint::Decode(slot.substr(kMagic.size(), kPointBytes));
}

std::optional<CommitPoint> NewestSlot(absl::string_view content) {
  std::optional<CommitPoint> newest;
  for (size_t offset = 0; offset < content.size() && offset < kFileBytes; offset += kSlotStride) {
    const std::optional<CommitPoint> point = DecodeSlot(content.substr(offset, kSlotStride));
    if (point.has_value() && (!newest.has_value() || point->counter > newest->counter)) {
      newest = point;
    }
  }
  return newest;
}

rocksdb::Status CreateFile(rocksdb::Env& env, const std::string& directory,
                           const CommitPoint& point) {
  std::string content(kFileBytes, '\0');
  content.replace(SlotOffset(point), kSlotBytes, EncodeSlot(point));
  std::unique_ptr<rocksdb::WritableFile> file;
  rocksdb::Status status = env.NewWritableFile(PathIn(directory), &file, rocksdb::EnvOptions());
  if (status.ok()) status = file->Append(content);
  if (status.ok()) status = file->Sync();
  if (status.ok()) status = file->Close();
  std::unique_ptr<rocksdb::Directory> entries;
  if (status.ok()) status = env.NewDirectory(directory, &entries);
  if (status.ok()) status = entries->Fsync();
  return status;
}

}  // namespace

CommitPoint CommitPoint::After(absl::string_view bytes) const {
  return {counter + 1, Sha256Parts({AsView(hash), bytes})};
}

std::string CommitPoint::Encode() const {
  std::string encoded;
  encoded.reserve(kPointBytes);
  for (int shift = 56; shift >= 0; shift -= 8) {
    encoded.push_back(static_cast<char>((counter >> shift) & 0xff));
  }
  absl::StrAppend(&encoded, AsView(hash));
  return encoded;
}

std::optional<CommitPoint> CommitPoint::Decode(absl::string_view encoded) {
  if (encoded.size() != kPointBytes) return std::nullopt;
  CommitPoint point;
  for (size_t i = 0; i < kCounterBytes; ++i) {
    point.counter = (point.counter << 8) | static_cast<unsigned char>(encoded[i]);
  }
  for (size_t i = 0; i < point.hash.size(); ++i) {
    point.hash[i] = static_cast<uint8_t>(encoded[kCounterBytes + i]);
  }
  return point;
}

absl::StatusOr<MarkReading> ReadHighWaterMark(rocksdb::Env& env, const std::string& directory) {
  constexpr absl::string_view kAttempted = "reading the store's high-water mark";
  const std::string path = PathIn(directory);
  const rocksdb::Status found = env.FileExists(path);
  if (found.IsNotFound()) return MarkReading{};
  RETURN_IF_ERROR(ToStatus(found, kAttempted));
  std::unique_ptr<rocksdb::SequentialFile> file;
  RETURN_IF_ERROR(ToStatus(env.NewSequentialFile(path, &file, rocksdb::EnvOptions()), kAttempted));
  std::array<char, kFileBytes> scratch;
  rocksdb::Slice content;
  RETURN_IF_ERROR(ToStatus(file->Read(scratch.size(), &content, scratch.data()), kAttempted));
  return MarkReading{true, NewestSlot({content.data(), content.size()})};
}

absl::Status CheckNotBelow(const CommitPoint& found, const MarkReading& mark) {
  if (!mark.point.has_value() || found.counter > mark.point->counter || found == *mark.point) {
    return absl::OkStatus();
  }
  if (found.counter == mark.point->counter) {
    return absl::DataLossError(
        "the store's files belong to different stores: its content is not what its high-water mark "
        "was written for; keep the directory as it is and restore a backup or sync into a new one");
  }
  return absl::DataLossError(
      absl::StrCat("the store lost acknowledged work: it stands at write ", found.counter,
                   " and had acknowledged ", mark.point->counter,
                   "; keep the directory as it is and restore a backup or sync into a new one"));
}

HighWaterMark::HighWaterMark(std::unique_ptr<rocksdb::RandomRWFile> file)
    : file_(std::move(file)) {}

HighWaterMark::~HighWaterMark() = default;

absl::StatusOr<std::unique_ptr<HighWaterMark>> HighWaterMark::Open(rocksdb::Env& env,
                                                                   const std::string& directory,
                                                                   const CommitPoint& point) {
  constexpr absl::string_view kAttempted = "opening the store's high-water mark";
  const std::string path = PathIn(directory);
  const rocksdb::Status found = env.FileExists(path);
  if (found.IsNotFound()) {
    RETURN_IF_ERROR(ToStatus(CreateFile(env, directory, point), kAttempted));
  } else {
    RETURN_IF_ERROR(ToStatus(found, kAttempted));
  }
  std::unique_ptr<rocksdb::RandomRWFile> file;
  RETURN_IF_ERROR(ToStatus(env.NewRandomRWFile(path, &file, rocksdb::EnvOptions()), kAttempted));
  std::unique_ptr<HighWaterMark> mark(new HighWaterMark(std::move(file)));
  RETURN_IF_ERROR(mark->Advance(point));
  RETURN_IF_ERROR(ToStatus(mark->file_->Sync(), kAttempted));
  return mark;
}

absl::Status HighWaterMark::Advance(const CommitPoint& point) {
  return ToStatus(file_->Write(SlotOffset(point), EncodeSlot(point)),
                  "writing the store's high-water mark");
}

}  // namespace brigada
