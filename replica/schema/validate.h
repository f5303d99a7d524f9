// Validation: the same code on the device before a commit and at the authority before the verdict.
#ifndef REPLICA_SCHEMA_VALIDATE_H_
#define REPLICA_SCHEMA_VALIDATE_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "brigada/v1/change.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "replica/schema/registry.h"
#include "replica/schema/scope.h"

namespace brigada {

// Checks the rules of the top-level fields in `numbers` (all of them when null) in `message`:
// required (white space alone is nothing; a nested message must hold something, and one that holds
// something holds the parts that its own annotations require), length in code points (of bytes:
// bytes), pattern, range, declared enum values, references of 16 bytes, valid UTF-8, times between
// the years 1 and 9999, the form of shared values (value_form.h). Elements are checked one by one;
// max_length holds for each text inside a message or map, UTF-8 and enum values at any depth. Each
// violation is a Refusal with its field and a detail of path and rule, never the value
// ("name.given_names: longer than 120"); one that repeats is said once. `change` goes into each.
// Unknown fields are nobody's to check.
std::vector<v1::Refusal> ValidateMessage(const RecordType& type,
                                         const google::protobuf::Message& message,
                                         const absl::flat_hash_set<uint32_t>* numbers,
                                         uint32_t change);

// The states that no new record may start in, the unset ones (0) included. It holds for a record
// whose id is random and that nobody deleted: what has a derived id may exist elsewhere already,
// and what is restored goes on in the state it had.
std::vector<v1::Refusal> ValidateStart(const RecordType& type,
                                       const google::protobuf::Message& message, uint32_t change);

// WRONG_SCOPE unless a record of `type` may live at the level of `scope`.
absl::optional<v1::Refusal> ValidateScope(const RecordType& type, const Scope& scope,
                                          uint32_t change);

// True of a part of a nested message that must be there when the message says anything; what a
// record's own fields require is in their FieldType.
bool IsRequiredPart(const google::protobuf::FieldDescriptor& part);

// The violations as one sentence for a caller: "people: name.given_names is longer than 120; ...".
std::string Describe(const RecordType& type, const std::vector<v1::Refusal>& refusals);

}  // namespace brigada

#endif  // REPLICA_SCHEMA_VALIDATE_H_
