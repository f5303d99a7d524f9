// How large records may be: the same limits on a device, before it commits, and at the authority,
// after it merged.
#ifndef REPLICA_STORE_RECORD_SIZE_H_
#define REPLICA_STORE_RECORD_SIZE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/types/span.h"
#include "replica/merge/record.h"

namespace brigada {

struct ExceededLimit {
  uint32_t field = 0;  // 0: the record as a whole
  std::string rule;    // in words, without values
};

// The first limit of base/limits.h that the record is beyond.
std::optional<ExceededLimit> ExceededBy(const Record& record);

// At least what the record takes when it is encoded; encodes nothing.
size_t EncodedBytesAtMost(const Record& record);

// True when `records` together fit one batch (kMaxTouchedBytes).
bool FitTogether(absl::Span<const Record* const> records);

}  // namespace brigada

#endif  // REPLICA_STORE_RECORD_SIZE_H_
