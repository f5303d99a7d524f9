// What sessions aim their batches at, by what the links before them carried.
#ifndef CLIENT_LIB_BATCH_TARGET_H_
#define CLIENT_LIB_BATCH_TARGET_H_

#include <algorithm>
#include <cstddef>

#include "replica/base/limits.h"

namespace brigada {

// A batch counts once it has come whole, and one larger than what a link carries before it breaks
// never does: after each break that left nothing done, the next session asks for and sends a
// quarter. One thread at a time.
class BatchTarget {
 public:
  // About ten people. What a session says before its first batch is of that size too, so less would
  // not help.
  static constexpr size_t kSmallest = size_t{4} << 10;

  // Before compression, as PeerLimits means it.
  size_t bytes() const { return bytes_; }
  // A session that had begun lost its link, and nothing of it stays done.
  void OnBarrenBreak() { bytes_ = std::max(bytes_ / 4, kSmallest); }
  // A session brought this replica up to date.
  void OnGoodSession() { bytes_ = std::min(bytes_ * 2, kBatchTargetBytes); }

 private:
  size_t bytes_ = kBatchTargetBytes;
};

}  // namespace brigada

#endif  // CLIENT_LIB_BATCH_TARGET_H_
