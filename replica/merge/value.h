// Values inside fragments of scalar fields, as MAX, MIN and STATE read them. Inside replica/merge
// only.
#ifndef REPLICA_MERGE_VALUE_H_
#define REPLICA_MERGE_VALUE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "replica/schema/registry.h"

namespace brigada {

// kInvalidArgument unless `fragment` holds values of the scalar `field` and nothing else. An empty
// one (cleared) is fine.
absl::Status CheckScalar(const FieldType& field, absl::string_view fragment);

// Less than, equal to or greater than 0 as `a` is less than, equal to or greater than `b`: numbers
// by value (NaN before all), false < true, enums by number, text and bytes by byte. An empty
// fragment is the type's default value; of an `optional` field it is no value, see `absent_first`.
// Fragments that CheckScalar refuses count as empty. A total order.
int CompareValues(const FieldType& field, absl::string_view a, absl::string_view b,
                  bool absent_first);

// The number of an enum field; 0 when empty.
int32_t EnumNumber(absl::string_view fragment);

// The same number as a fragment of the field; empty for 0.
std::string EnumFragment(const FieldType& field, int32_t number);

}  // namespace brigada

#endif  // REPLICA_MERGE_VALUE_H_
