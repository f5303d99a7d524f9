// The records of an outbox mirror (outbox_mirror.h) one after the other, past those that are
// damaged and past what the disk does not give at all. Holds little more than one of them.
#ifndef REPLICA_STORE_MIRROR_RECORD_READER_H_
#define REPLICA_STORE_MIRROR_RECORD_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "brigada/v1/outbox_mirror.pb.h"

namespace rocksdb {
class RandomAccessFile;
}  // namespace rocksdb

namespace brigada {

class MirrorRecordReader {
 public:
  // Of a file of `size` bytes.
  MirrorRecordReader(std::unique_ptr<rocksdb::RandomAccessFile> file, uint64_t size);
  ~MirrorRecordReader();
  MirrorRecordReader(const MirrorRecordReader&) = delete;
  MirrorRecordReader& operator=(const MirrorRecordReader&) = delete;

  // False at the end.
  bool Next(v1::MirroredWrites* writes);
  // Places so far in which records could not be read.
  uint64_t damages() const { return damages_; }
  // At the end: the last record is cut short.
  bool is_torn() const { return gap_ == Gap::kTorn; }
  // Where the last record that was read ends.
  uint64_t offset() const { return read_to_ - rest().size(); }

 private:
  // What lies between the last record and here.
  enum class Gap { kNone, kDamage, kTorn };

  absl::string_view rest() const { return absl::string_view(buffer_).substr(at_); }
  bool is_end() const { return read_to_ == size_; }
  void SkipSome(std::optional<size_t> length);
  // So that the rest holds `size` bytes, or all there are.
  void Fill(size_t size);
  void ReadSome();

  const std::unique_ptr<rocksdb::RandomAccessFile> file_;
  const uint64_t size_;
  std::string buffer_;
  size_t at_ = 0;
  uint64_t read_to_ = 0;
  // Where the last bytes end that the disk did not give.
  uint64_t unreadable_to_ = 0;
  Gap gap_ = Gap::kNone;
  uint64_t damages_ = 0;
};

}  // namespace brigada

#endif  // REPLICA_STORE_MIRROR_RECORD_READER_H_
