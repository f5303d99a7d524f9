// Which record a person means: by its id, the beginning of it, its folio, or words that only it
// holds.
#ifndef TOOLS_BRIGADA_RECORD_ID_H_
#define TOOLS_BRIGADA_RECORD_ID_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "brigada/replica.h"
#include "replica/schema/registry.h"
#include "tools/brigada/record_json.h"

namespace brigada {

enum class NamedBy {
  kId,         // an id or its beginning
  kIdOrWords,  // or its folio, or words found in the type's searched fields
};

// The record whose id is, or alone begins with, `text`, or that alone holds its words. kNotFound:
// none; UsageError: several, with the candidates, or not the beginning of an id. A whole id is
// returned without a look whether it exists.
absl::StatusOr<RecordId> FindRecord(const Replica& replica, const RecordType& type,
                                    absl::string_view text, NamedBy named_by);

// The words by which people know the record, such as a name; empty when it is not here.
std::string WordsOf(const Replica& replica, const RecordType& type, const RecordId& id);

// Puts whole ids where fields that refer to records name them otherwise, as FindRecord.
absl::Status ResolveReferences(const Replica& replica, const RecordType& type,
                               std::vector<std::string>* flags);
absl::Status ResolveReferences(const Replica& replica, const RecordType& type, Json* object);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_RECORD_ID_H_
