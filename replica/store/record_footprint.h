// Everything the indexes and counts hold of one state of a record. Inside replica/store only.
#ifndef REPLICA_STORE_RECORD_FOOTPRINT_H_
#define REPLICA_STORE_RECORD_FOOTPRINT_H_

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "replica/merge/record.h"
#include "replica/schema/registry.h"

namespace brigada {

struct IndexTerm {
  uint32_t field = 0;
  std::string value;

  friend auto operator<=>(const IndexTerm&, const IndexTerm&) = default;
};

// Nothing unless the record is live.
struct Footprint {
  bool is_live = false;
  bool is_open_conflict = false;
  std::vector<IndexTerm> terms;  // sorted
};

// `type` null: unknown.
Footprint FootprintOf(const RecordType* type, uint32_t type_id, const Record& record);

}  // namespace brigada

#endif  // REPLICA_STORE_RECORD_FOOTPRINT_H_
