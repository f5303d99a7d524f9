// How a long copy is watched, and ended.
#ifndef REPLICA_STORE_CONTINUE_COPY_H_
#define REPLICA_STORE_CONTINUE_COPY_H_

#include <cstdint>
#include <functional>

namespace brigada {

// Called after each piece with the bytes copied so far; false ends the copy. May be empty.
using ContinueCopy = std::function<bool(uint64_t done_bytes)>;

}  // namespace brigada

#endif  // REPLICA_STORE_CONTINUE_COPY_H_
