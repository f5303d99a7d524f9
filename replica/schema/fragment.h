// Wire fragments: a field's content as the bytes it has inside its message, tag included.
// Concatenated fragments are a message again; that is how records are stored, diffed and merged
// without knowing every field.
#ifndef REPLICA_SCHEMA_FRAGMENT_H_
#define REPLICA_SCHEMA_FRAGMENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "replica/schema/registry.h"

namespace brigada {

struct Fragment {
  uint32_t number = 0;
  std::string bytes;
  // What tells elements of one field apart: for SET the element itself, for MAP its key (both in
  // canonical form on the wire, without tag), else empty.
  std::string key;
};

// Cuts a serialized message into fragments in wire order. Occurrences of a register field (any that
// is neither SET nor MAP, unknown ones included) are joined into one; SET elements and MAP entries
// come one by one in canonical form (unpacked; entry = key then value, both present), duplicates
// dropped (last entry of a MAP key wins). `type` may be null: every field is then a register.
// kInvalidArgument when the bytes are no message, a field number is 0, groups are used or a known
// field has another wire type than its own. The content of nested messages and texts is not looked
// into. Takes time and memory in proportion to the bytes, whatever they are.
absl::StatusOr<std::vector<Fragment>> SplitFragments(const RecordType* type,
                                                     absl::string_view message);

// The SET element or MAP key of one fragment, as SplitFragments gives it.
absl::StatusOr<std::string> FragmentKey(const FieldType& field, absl::string_view fragment);

// A MAP entry that holds only the key (as FragmentKey gives it), to say which one is removed.
std::string MapKeyFragment(const FieldType& field, absl::string_view key);

// Fragment of a COUNTER with this amount, and back. An absent counter (empty fragment) is 0. The
// amount must fit the field's type.
std::string CounterFragment(const FieldType& field, int64_t amount);
absl::StatusOr<int64_t> CounterAmount(const FieldType& field, absl::string_view fragment);
// True when a total or an amount can be held by the field: any for 64 bits, else 32 bits.
bool CounterFits(const FieldType& field, int64_t amount);

// Fragment of the scope pseudo-field, and back (empty when malformed).
std::string ScopeFragment(absl::string_view path);
absl::string_view ScopeOfFragment(absl::string_view fragment);

}  // namespace brigada

#endif  // REPLICA_SCHEMA_FRAGMENT_H_
