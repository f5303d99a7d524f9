// What the schema and the limits say of a change at the authority, whoever made it.
#ifndef REPLICA_STORE_CHANGE_RULES_H_
#define REPLICA_STORE_CHANGE_RULES_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "brigada/v1/change.pb.h"
#include "replica/base/ids.h"
#include "replica/merge/record.h"
#include "replica/schema/registry.h"

namespace brigada {

v1::Refusal MakeRefusal(v1::RefusalReason reason, uint32_t change, uint32_t field,
                        absl::string_view detail);

// Before the merge: is the change well formed, are its values valid, may such a record live there,
// may a device write it, does its derived id fit? `current` is the stored record, which may not
// exist; `type` is null when unknown. Adds a refusal for each rule it breaks.
void CheckChange(const RecordType* type, absl::string_view partition, const v1::Change& change,
                 uint32_t index, const Record& current, std::vector<v1::Refusal>* refusals);

// After the merge: does the record stay within the limits?
void CheckMergedRecord(const Record& record, uint32_t index, std::vector<v1::Refusal>* refusals);

}  // namespace brigada

#endif  // REPLICA_STORE_CHANGE_RULES_H_
