// A new store in the place of a damaged one, with all that only this device has: its unsent and
// retained change sets and its list of refused ones, out of the outbox mirror (outbox_mirror.h) or,
// where that is damaged too, out of whatever of the two can be read. Records come again from the
// server: the next pull starts from zero.
//
// The replica keeps its id: the chain goes on from where it was, so nothing has to be asked of
// anybody and nothing arrives twice. Should the end of the chain be lost with both copies, the
// server finds the replica to be an old copy of itself (FORKED) and it divides like one. Where the
// count of the folios given may be lost, new ones have another device part (folio.h).
#ifndef REPLICA_STORE_DEVICE_RECOVERY_H_
#define REPLICA_STORE_DEVICE_RECOVERY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replica/base/ids.h"
#include "replica/store/device_store.h"

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace brigada {

// Unsent change sets that are in no copy, by sequence, both ends included.
struct LostChangeSets {
  std::string partition;
  uint64_t first = 0;
  uint64_t last = 0;
};

// Change sets, by what became of them.
struct RestoredOutbox {
  uint64_t unsent = 0;    // in the outbox, without a verdict
  uint64_t retained = 0;  // delivered, kept for a server that goes back
  uint64_t rejected = 0;  // in the rejected list
  uint64_t lost = 0;      // unsent, and in no copy
  std::vector<LostChangeSets> lost_sets;
};

struct RecoveredStore {
  ReplicaId replica;
  RestoredOutbox outbox;
  // Places of the mirror that could not be read.
  uint64_t mirror_damages = 0;
  // Nothing acknowledged can be missing: one copy was whole.
  bool is_whole = false;
  // Where the damaged store lies now. Nothing of it was deleted.
  std::string damaged_path;
};

// Of the store in the directory `path`, which nobody has open. `env` as in RocksKvOptions. The new
// store is made beside it, in PATH.new, and when it is whole and synced, which a note in it then
// says, the old one is renamed and the new one put in its place. A crash before the first renaming
// leaves the old store in its place and all else to be done again; one between the two leaves the
// new one to be put there (FinishRecovery). kUnavailable: open in another process. kNotFound: no
// store there. kDataLoss: not even who the replica is can be read; nothing was changed.
// kResourceExhausted: no room for a second store. kFailedPrecondition: as FinishRecovery.
absl::StatusOr<RecoveredStore> RecoverDeviceStore(const std::string& path,
                                                  const DeviceStoreOptions& options,
                                                  rocksdb::Env* env = nullptr);

// What a recovery that a crash cut short once the old store had been renamed had to say; it is
// finished then. Nullopt: there was none, or it was told before, or the store has been opened
// since.
absl::StatusOr<std::optional<RecoveredStore>> TakeCutShortRecovery(const std::string& path,
                                                                   rocksdb::Env* env = nullptr);

// Puts the new store of a recovery that a crash cut short in its place, if its note says that it is
// whole. Before the store is opened. kFailedPrecondition: the store is not there and the new one is
// not whole: somebody moved the store away, and only with it can the work be recovered.
absl::Status FinishRecovery(const std::string& path, rocksdb::Env* env = nullptr);

// Removes what recoveries that were cut short have left of a store that the caller has open: it is
// older than this store now.
void ForgetRecoveries(const std::string& path, rocksdb::Env* env = nullptr);

}  // namespace brigada

#endif  // REPLICA_STORE_DEVICE_RECOVERY_H_
