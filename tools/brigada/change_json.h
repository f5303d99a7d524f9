// Changes and single field values, as the wire holds them, made readable.
#ifndef TOOLS_BRIGADA_CHANGE_JSON_H_
#define TOOLS_BRIGADA_CHANGE_JSON_H_

#include <string>

#include "absl/strings/string_view.h"
#include "brigada/v1/change.pb.h"
#include "replica/schema/registry.h"
#include "tools/brigada/record_json.h"

namespace brigada {

// One change with everything in it: kind, type, id, scope, values, removed, cleared.
Json ChangeJson(const v1::Change& change);

// The content of a field, tag included, as JSON text; empty when there is none. `field` 0: a whole
// record.
std::string FragmentText(const RecordType* type, uint32_t field, absl::string_view fragment);

// "phones"; "scope"; the number for a field this program does not know; empty for 0.
std::string FieldName(const RecordType* type, uint32_t field);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_CHANGE_JSON_H_
