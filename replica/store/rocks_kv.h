// A Kv on disk: one RocksDB database per store, one column family per table.
//
// What a crash leaves: every write acknowledged with kSync, whole batches only, and of the kMemory
// writes a beginning of their order. Damage in the middle is refused (kDataLoss), never opened with
// less: the log must replay to its end but for a torn tail, and the state must reach the high-water
// mark (high_water_mark.h).
#ifndef REPLICA_STORE_ROCKS_KV_H_
#define REPLICA_STORE_ROCKS_KV_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "replica/store/kv.h"

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace brigada {

struct RocksKvOptions {
  enum Profile {
    kDevice,  // at most 24 MB of memory for buffers, cache and open files; one background thread
    kServer,  // some hundred MB, two background threads
  };

  // The store's directory; its parent must exist.
  std::string path;
  bool create_if_missing = false;
  Profile profile = kDevice;
  // Changes no file. The store is kept from other processes all the same, as what they write would
  // not be seen. Writes are refused (kFailedPrecondition).
  bool read_only = false;
  // With read_only: opens a damaged store all the same, past what is damaged in its log and without
  // asking whether it has all it acknowledged. What it shows may be older than it should be.
  bool salvages = false;
  // A write that finds less free space than this on the disk is refused with kResourceExhausted
  // before it touches anything, so that the store stays usable and can be worked with again as soon
  // as there is space. Nothing set: the profile's reserve. Too low, and a disk that fills up stops
  // the store until it is reopened.
  std::optional<uint64_t> min_free_bytes = std::nullopt;
  // Files, clock and threads come from here; null: the system's. It must outlive the store. For
  // tests.
  rocksdb::Env* env = nullptr;
};

// What the database itself may still have to write after the last write that was taken: all its
// write buffers, and the output of its largest merge of fresh files into the level below. kDevice:
// 28 MiB, kServer: 512 MiB.
uint64_t ReserveBytes(RocksKvOptions::Profile profile);

// kNotFound: nothing there and !create_if_missing. kUnavailable: open in another process (close it
// there), or the disk failed. kResourceExhausted: disk full. kDataLoss: files are damaged, or work
// that was acknowledged is missing. kFailedPrecondition: not a store of this version.
//
// Writers that arrive while another one syncs share the next sync (group commit).
absl::StatusOr<std::unique_ptr<Kv>> OpenRocksKv(const RocksKvOptions& options);

// Reads every block of every file of the store in `path`, which nobody else has open, and changes
// none. kDataLoss: a checksum failed; names the file. Other errors as OpenRocksKv.
absl::Status VerifyRocksFiles(const std::string& path, rocksdb::Env* env = nullptr);

}  // namespace brigada

#endif  // REPLICA_STORE_ROCKS_KV_H_
