// A device's store on disk: RocksDB with an outbox mirror (outbox_mirror.h) beside it.
//
// A write batch goes to the store first, so that one the store refuses (a full disk) leaves no
// trace in the mirror; then both are synced, at the same time, and a kSync write is acknowledged
// once both have it on the disk. So whichever of the two is damaged, the other has every
// acknowledged change set. Readers see a write before it is acknowledged. When the mirror cannot be
// written the store stops as after a failed write of its own.
#ifndef REPLICA_STORE_MIRRORED_KV_H_
#define REPLICA_STORE_MIRRORED_KV_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "replica/store/kv.h"
#include "replica/store/rocks_kv.h"

namespace brigada {

// As OpenRocksKv. A mirror that is missing, damaged or behind is made anew from the store. On a
// full disk the store opens without one, and takes no write before there is one. With `read_only`
// the mirror is left alone.
absl::StatusOr<std::unique_ptr<Kv>> OpenMirroredKv(const RocksKvOptions& options);

// The number of the last write of `store` that its mirror should have; 0: none. kDataLoss: damaged.
absl::StatusOr<uint64_t> LastMirroredWrite(const KvReader& store);

}  // namespace brigada

#endif  // REPLICA_STORE_MIRRORED_KV_H_
