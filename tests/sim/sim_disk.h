// The disk of one simulated machine with a store on it, and what can go wrong with it: RocksDB over
// the fault file system, or a Kv in memory that loses the same things a disk does.
#ifndef TESTS_SIM_SIM_DISK_H_
#define TESTS_SIM_SIM_DISK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "replica/store/device_recovery.h"
#include "replica/store/device_store.h"
#include "replica/store/format.h"
#include "replica/store/kv.h"

namespace brigada {

// One thread. Stores opened on it must be gone before PowerLoss, the next Open and its end.
class SimDisk {
 public:
  virtual ~SimDisk() = default;

  virtual absl::StatusOr<std::unique_ptr<Kv>> Open() = 0;

  // The power goes off in the middle of an operation, some operations from now; everything fails
  // from then on until PowerLoss.
  virtual void CutPowerSoon(uint64_t draw) = 0;
  virtual bool has_power() const = 0;
  // The machine starts again with what was durable, and with some of the rest.
  virtual void PowerLoss(uint64_t draw) = 0;
  // A write or sync fails soon; what it was for may turn up after the next Open.
  virtual void FailSoon(uint64_t draw) = 0;
  // Writes find no room: at once, or once the space that is left is said to be none, as `draw`
  // says.
  virtual void SetFull(bool full, uint64_t draw) = 0;
  // No fault is pending any more.
  virtual void Heal() = 0;

  // A bit of a file turns; it may show now, later or never. `is_open`: of a table, which is read
  // when it is needed. False: there is nothing yet that could be damaged.
  virtual bool FlipBit(uint64_t draw, bool is_open) = 0;
  // Of a device: what the database consists of is gone, its outbox mirror is not.
  virtual void LoseDatabase() = 0;
  // What `brigada verify` finds in the files: kDataLoss, or they can all be read.
  virtual absl::Status Verify() = 0;
  // Of a device, what `brigada recover` does.
  virtual absl::StatusOr<RecoveredStore> Recover(const DeviceStoreOptions& options) = 0;
};

// A device's has an outbox mirror.
std::unique_ptr<SimDisk> NewMemorySimDisk(StoreKind kind);
// All that a store holds, as one write of another; an error when some of it does not read.
absl::StatusOr<KvBatch> ContentOf(const KvReader& store);
// Puts it on a new disk.
void FillDisk(const KvBatch& content, SimDisk* disk);
std::unique_ptr<SimDisk> NewRocksSimDisk(StoreKind kind);

}  // namespace brigada

#endif  // TESTS_SIM_SIM_DISK_H_
