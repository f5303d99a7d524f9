// The high-water mark: how far the store had come, kept beside the database's own files, so that a
// database that opens without an error but with less than it acknowledged is found out.
//
// Every group of kSync writes raises a counter and a hash chain over the written bytes (the commit
// point); the database holds it in the same batch. After the sync the point is also written here,
// in one of two slots in turn, so that a torn write leaves the other slot whole:
//
//   offset 0, 512:  magic (8) | counter (8, big endian) | hash (32) | first 8 bytes of SHA-256 over
//   those
//
// The counter is what finds a loss: its group comes in the log behind all that it acknowledges, so
// a database that lost some of that stands at a lower one. The hash is stored and never made again
// from the content; it tells two histories of the same length apart, which is one store's files
// beside another's mark. On a device it cannot: what is synced was written before (by MirroredKv),
// the group is empty, and the hashes follow from the counter. There another replica's files are
// found by who they are (WRONG_REPLICA), and a copy's that went its own way by its chain (FORKED).
//
// The slot is written without a sync, so the mark costs no second fsync. It is still sound: a slot
// is written only after its commit point is durable in the database, hence no crash leaves a mark
// ahead of the database; and a slot that a crash lost only leaves an older mark, which refuses
// nothing. What remains unguarded is damage that comes together with a power loss, for the marks
// not yet written back by the system (some 30 s of work).
#ifndef REPLICA_STORE_HIGH_WATER_MARK_H_
#define REPLICA_STORE_HIGH_WATER_MARK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "replica/base/sha256.h"

namespace rocksdb {
class Env;
class RandomRWFile;
}  // namespace rocksdb

namespace brigada {

struct CommitPoint {
  uint64_t counter = 0;
  Sha256Digest hash = {};

  // The point after one more group, which wrote `bytes`.
  CommitPoint After(absl::string_view bytes) const;
  std::string Encode() const;
  static std::optional<CommitPoint> Decode(absl::string_view encoded);
  bool operator==(const CommitPoint&) const = default;
};

// What the side file says. `exists` with no point: both slots are unreadable (a torn crash can do
// that); the file still shows that there was a store.
struct MarkReading {
  bool exists = false;
  std::optional<CommitPoint> point;
};
absl::StatusOr<MarkReading> ReadHighWaterMark(rocksdb::Env& env, const std::string& directory);

// kDataLoss when a database at `found` cannot be the one that left `mark`.
absl::Status CheckNotBelow(const CommitPoint& found, const MarkReading& mark);

// One thread at a time.
class HighWaterMark {
 public:
  // Makes the side file in `directory` when it is missing, and lays `point` down durably: it must
  // be durable in the database.
  static absl::StatusOr<std::unique_ptr<HighWaterMark>> Open(rocksdb::Env& env,
                                                             const std::string& directory,
                                                             const CommitPoint& point);
  ~HighWaterMark();

  // `point` must be durable in the database. Survives the process, not power loss.
  absl::Status Advance(const CommitPoint& point);

 private:
  explicit HighWaterMark(std::unique_ptr<rocksdb::RandomRWFile> file);

  const std::unique_ptr<rocksdb::RandomRWFile> file_;
};

}  // namespace brigada

#endif  // REPLICA_STORE_HIGH_WATER_MARK_H_
