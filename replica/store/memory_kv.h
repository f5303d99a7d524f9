// A Kv in memory with the contract of the one on disk, for simulation and tests: nothing outlives
// the object, so kSync and kMemory mean the same.
#ifndef REPLICA_STORE_MEMORY_KV_H_
#define REPLICA_STORE_MEMORY_KV_H_

#include <memory>

#include "replica/store/kv.h"

namespace brigada {

// Thread safe. Snapshots and iterators cost O(1) to make: every key keeps the versions that a live
// one can still see. CopyTo is kUnimplemented.
std::unique_ptr<Kv> NewMemoryKv();

}  // namespace brigada

#endif  // REPLICA_STORE_MEMORY_KV_H_
