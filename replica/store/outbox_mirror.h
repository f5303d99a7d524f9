// The second copy of what a device has not handed over yet: its unsent and retained change sets,
// its list of refused ones, and what it takes to go on with them (identity, heads, clock,
// settings). A file of its own in the store's directory, OUTBOX_MIRROR, which no damage of
// RocksDB's files reaches. What the server can give again, records above all, is not in it.
//
// It is appended to: each write batch of the store that touches the mirrored tables adds a
// v1::MirroredWrites in one or more framed records (framed_record.h), after the batch is in the
// store. Replayed in order they give the tables. So that it stays small it is written anew from the
// store when it has grown to twice what it was then; the new file takes the old one's place in one
// step. Each write has a number, which the store has too: at an open they must be the same.
//
// What a crash leaves: every write that a Sync after it returned for, and of the others a beginning
// of their order. A last record that is cut short was not acknowledged. After a failed sync a
// system may show bytes that are not on the disk and that no later sync brings there; so a mirror
// that was not closed with all its syncs well is written anew when it is opened.
#ifndef REPLICA_STORE_OUTBOX_MIRROR_H_
#define REPLICA_STORE_OUTBOX_MIRROR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "replica/store/kv.h"

namespace rocksdb {
class Env;
class WritableFile;
}  // namespace rocksdb

namespace brigada {

// True when the mirror keeps what is under the key.
bool IsMirrored(Table table, absl::string_view key);

// What reading a mirror found.
struct MirrorFindings {
  bool exists = false;
  uint64_t bytes = 0;
  uint64_t writes = 0;
  uint64_t last_number = 0;
  // Of `bytes`, what the first write takes: all there was when the file was made.
  uint64_t first_bytes = 0;
  // Ends with the mark of a mirror that was closed with all its syncs well.
  bool was_closed = false;
  // Places in which records could not be read, because bytes are others or the disk does not give
  // them; a last one cut short is none.
  uint64_t damages = 0;
  // The last record is cut short: nothing may be appended behind it.
  bool is_torn = false;
};

// Calls `replay` with each write of the mirror in `directory`, in order, past what is damaged. An
// error of `replay` ends it; kUnavailable: the file cannot be opened.
absl::StatusOr<MirrorFindings> ReadOutboxMirror(
    rocksdb::Env& env, const std::string& directory,
    const std::function<absl::Status(const KvBatch&)>& replay);

// One thread at a time.
class OutboxMirror {
 public:
  // Goes on with the mirror in `directory` when that is whole, was closed well and is at `number`,
  // the last one of `store`; else writes it anew. Rewriting leaves `min_free_bytes` on the disk.
  // kResourceExhausted: there is no room; kDataLoss: what has to be read of the store is damaged;
  // the old mirror stays.
  static absl::StatusOr<std::unique_ptr<OutboxMirror>> Open(rocksdb::Env& env,
                                                            const std::string& directory,
                                                            const KvReader& store, uint64_t number,
                                                            uint64_t min_free_bytes);
  // Marks it as closed well, if nothing failed.
  ~OutboxMirror();
  OutboxMirror(const OutboxMirror&) = delete;
  OutboxMirror& operator=(const OutboxMirror&) = delete;

  // Adds what `batch`, which is the store's write `number`, did to the mirrored tables.
  absl::Status Append(const KvBatch& batch, uint64_t number);
  // All that was appended before is on the disk.
  absl::Status Sync();
  // True when it has grown enough to be written anew.
  bool is_due() const { return bytes_ >= due_bytes_; }
  // Writes it anew from `store`, which is at `number`: what was deleted or overwritten is in no
  // file after it. After an error that leaves it sound (no room, what has to be read of the store
  // is damaged, the new file cannot be written) the old one is there and is appended to as before.
  absl::Status Rewrite(const KvReader& store, uint64_t number);
  // False after an error that leaves unknown what a power cut would find: open it again.
  bool is_sound() const { return is_sound_; }

 private:
  OutboxMirror(rocksdb::Env* env, std::string directory, uint64_t min_free_bytes);
  // Passes on what appending or syncing said.
  absl::Status Note(absl::Status status);

  rocksdb::Env* const env_;
  const std::string directory_;
  const uint64_t min_free_bytes_;
  std::unique_ptr<rocksdb::WritableFile> file_;
  uint64_t number_ = 0;
  uint64_t bytes_ = 0;
  uint64_t due_bytes_ = 0;
  bool is_sound_ = true;
};

}  // namespace brigada

#endif  // REPLICA_STORE_OUTBOX_MIRROR_H_
