// What kind of store a directory holds and in which version of the on-disk format.
#ifndef REPLICA_STORE_FORMAT_H_
#define REPLICA_STORE_FORMAT_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replica/store/kv.h"

namespace brigada {

// The version this program writes. docs/on-disk-format.md says what makes a new one.
inline constexpr uint32_t kFormatVersion = 1;

enum class StoreKind : uint8_t { kAuthority = 'a', kDevice = 'd' };

// True: `reader` is a store of `kind` in a version this program reads. False: it is empty, and the
// caller makes it (PutFormat in its first batch). kFailedPrecondition: the store of another kind,
// or of a newer version: names both versions and the way out. kDataLoss: not empty, but the format
// is missing or damaged.
absl::StatusOr<bool> CheckFormat(const KvReader& reader, StoreKind kind);
void PutFormat(StoreKind kind, KvBatch* batch);

}  // namespace brigada

#endif  // REPLICA_STORE_FORMAT_H_
