// The ordered key-value store under a node: RocksDB on disk (rocks_kv.h), or memory for simulation
// and tests (memory_kv.h), with one contract. Keys compare as bytes.
#ifndef REPLICA_STORE_KV_H_
#define REPLICA_STORE_KV_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "replica/store/continue_copy.h"

namespace brigada {

// Each is a RocksDB column family of the same name. docs/on-disk-format.md has the key grammar.
enum class Table : uint8_t {
  kMeta,
  kRecords,
  kFeeds,
  kIndex,
  kOutbox,
  kVerdicts,
  kRejected,
  kDirectory
};
inline constexpr int kTableCount = 8;
absl::string_view TableName(Table table);

// Writes that happen together or not at all, in order.
class KvBatch {
 public:
  struct Op {
    Table table;
    bool is_delete;
    std::string key;
    std::string value;
  };
  void Put(Table table, std::string key, std::string value) {
    bytes_ += key.size() + value.size();
    ops_.push_back({table, false, std::move(key), std::move(value)});
  }
  void Delete(Table table, std::string key) {
    bytes_ += key.size();
    ops_.push_back({table, true, std::move(key), {}});
  }
  const std::vector<Op>& ops() const { return ops_; }
  size_t bytes() const { return bytes_; }
  bool empty() const { return ops_.empty(); }

 private:
  std::vector<Op> ops_;
  size_t bytes_ = 0;
};

// The keys in [begin, end) of a table; an empty `end` means to the end of it.
struct KvRange {
  Table table;
  std::string begin;
  std::string end;
};

// Over the keys in [begin, end) of one table at one moment; it must not outlive its reader. One
// thread.
class KvIterator {
 public:
  virtual ~KvIterator() = default;
  virtual void SeekToFirst() = 0;
  virtual void Seek(absl::string_view target) = 0;
  virtual void SeekToLast() = 0;
  virtual bool Valid() const = 0;
  virtual void Next() = 0;
  virtual void Prev() = 0;
  virtual absl::string_view key() const = 0;
  virtual absl::string_view value() const = 0;
  // kDataLoss: a checksum failed. Check it when Valid() turns false.
  virtual absl::Status status() const = 0;
};

class KvReader {
 public:
  virtual ~KvReader() = default;
  // Nullopt: no such key. kDataLoss: a checksum failed.
  virtual absl::StatusOr<std::optional<std::string>> Get(Table table,
                                                         absl::string_view key) const = 0;
  // An empty `end` means to the end of the table.
  virtual std::unique_ptr<KvIterator> Iterate(Table table, absl::string_view begin,
                                              absl::string_view end) const = 0;
};

enum class Durability {
  kSync,    // on disk before Write returns: survives power loss
  kMemory,  // survives the process (the system has it), not power loss: the last such writes, never
            // a middle one, may be gone
};

// Thread safe. After a failed write or sync the store refuses further writes (kFailedPrecondition,
// "reopen") because what reached the disk is unknown; reads go on. Disk full (kResourceExhausted)
// is told apart from other failures.
class Kv : public KvReader {
 public:
  virtual absl::Status Write(const KvBatch& batch, Durability durability) = 0;
  // A view of this moment; keep it short-lived, it holds old data on disk. It must not outlive the
  // store. Any thread.
  virtual std::unique_ptr<const KvReader> Snapshot() const = 0;
  // OK while writes are accepted; afterwards what stopped them, until the store is reopened.
  virtual absl::Status health() const { return absl::OkStatus(); }
  // A consistent copy of the store in a new directory `path`. kCancelled: `go_on` ended it; then
  // nothing is left behind.
  virtual absl::Status CopyTo(const std::string& path, const ContinueCopy& go_on) = 0;
  // What was deleted or overwritten under `ranges` before the call is in no file of the store: not
  // in a table, the log or the list of files. (A copy that is being made, and an iterator from
  // before, hold their files until they are done.) Rewrites what lies under the ranges, so it may
  // be long; writes go on meanwhile. kDeadlineExceeded: somebody still reads an older snapshot; try
  // again later. kResourceExhausted: too little room on the disk to write a range anew.
  // kCancelled: `cancel`, unless null, became true. After an error some of it may be done.
  virtual absl::Status Scrub(absl::Span<const KvRange> /*ranges*/, std::atomic<bool>* /*cancel*/) {
    return absl::OkStatus();
  }
  // Bytes on disk, roughly.
  virtual uint64_t ApproximateBytes() const = 0;
};

// First key after every key that starts with `prefix`; empty when there is none (all 0xff).
std::string PrefixEnd(absl::string_view prefix);

}  // namespace brigada

#endif  // REPLICA_STORE_KV_H_
