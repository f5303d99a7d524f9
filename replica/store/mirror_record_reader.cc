#include "replica/store/mirror_record_reader.h"

#include <rocksdb/env.h>

#include <algorithm>
#include <utility>

#include "replica/store/framed_record.h"

namespace brigada {
namespace {

constexpr uint64_t kReadBytes = uint64_t{64} << 10;
// Where a read fails what lies around is read in pieces of this size, that of a disk's block.
constexpr uint64_t kBlockBytes = uint64_t{4} << 10;
// Stands for what the disk does not give; no record looks like it.
constexpr char kUnreadable = '\xff';

}  // namespace

MirrorRecordReader::MirrorRecordReader(std::unique_ptr<rocksdb::RandomAccessFile> file,
                                       uint64_t size)
    : file_(std::move(file)), size_(size) {}

MirrorRecordReader::~MirrorRecordReader() = default;

bool MirrorRecordReader::Next(v1::MirroredWrites* writes) {
  while (true) {
    Fill(kFrameHeadBytes);
    const std::optional<size_t> length = FramedLength(rest());
    if (length.has_value()) Fill(kFrameHeadBytes + *length);
    const std::optional<absl::string_view> content = ReadFramed(rest());
    if (content.has_value() &&
        writes->ParseFromArray(content->data(), static_cast<int>(content->size()))) {
      at_ += kFrameHeadBytes + content->size();
      damages_ += gap_ == Gap::kNone ? 0 : 1;
      gap_ = Gap::kNone;
      return true;
    }
    if (rest().empty()) break;
    SkipSome(length);
  }
  damages_ += gap_ == Gap::kDamage ? 1 : 0;
  return false;
}

// Past a record whose length can be believed; else it is looked for the next one byte by byte.
void MirrorRecordReader::SkipSome(std::optional<size_t> length) {
  if (gap_ == Gap::kNone) {
    Fill(kFrameHeadBytes + kMaxFramedBytes);
    const bool is_torn = is_end() && unreadable_to_ <= offset() && IsTornRecord(rest());
    gap_ = is_torn ? Gap::kTorn : Gap::kDamage;
  }
  const bool is_whole = length.has_value() && *length <= rest().size() - kFrameHeadBytes;
  at_ += is_whole ? kFrameHeadBytes + *length : 1;
}

void MirrorRecordReader::Fill(size_t size) {
  if (rest().size() >= size || is_end()) return;
  buffer_.erase(0, at_);
  at_ = 0;
  while (buffer_.size() < size && !is_end()) ReadSome();
}

void MirrorRecordReader::ReadSome() {
  const uint64_t end = std::min(size_, read_to_ + kReadBytes);
  std::string chunk(end - read_to_, '\0');
  rocksdb::Slice read;
  uint64_t step = end - read_to_;
  while (read_to_ < end) {
    const uint64_t bytes = std::min(step, end - read_to_);
    if (file_->Read(read_to_, bytes, &read, chunk.data()).ok() && read.size() == bytes) {
      buffer_.append(read.data(), read.size());
    } else if (step > kBlockBytes) {
      step = kBlockBytes;
      continue;
    } else {
      buffer_.append(bytes, kUnreadable);
      unreadable_to_ = read_to_ + bytes;
    }
    read_to_ += bytes;
  }
}

}  // namespace brigada
