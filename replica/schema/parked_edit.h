// What an edit that met a deletion said, as one value of the ledger: its fields as they are on the
// wire and, under numbers that no record type may use, where it moved the record to and what it
// took away.
#ifndef REPLICA_SCHEMA_PARKED_EDIT_H_
#define REPLICA_SCHEMA_PARKED_EDIT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "brigada/v1/change.pb.h"
#include "replica/schema/registry.h"

namespace brigada {

inline constexpr uint32_t kRemovedFieldNumber = kScopeFieldNumber - 1;
inline constexpr uint32_t kClearedFieldNumber = kScopeFieldNumber - 2;

struct ParkedEdit {
  std::string values;   // Change.values
  std::string scope;    // empty: it did not move the record
  std::string removed;  // Change.removed
  std::vector<uint32_t> cleared;
};

// The value that keeps `change`; empty when it says nothing.
std::string ParkedValue(const v1::Change& change);

// The inverse. kInvalidArgument: no such value.
absl::StatusOr<ParkedEdit> ReadParkedValue(absl::string_view value);

}  // namespace brigada

#endif  // REPLICA_SCHEMA_PARKED_EDIT_H_
