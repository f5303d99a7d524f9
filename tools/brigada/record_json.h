// Records as JSON: an object per record with the field names of the schema, values in the text
// forms of field_text.h, numbers and booleans as such, sets as arrays, maps as objects.
#ifndef TOOLS_BRIGADA_RECORD_JSON_H_
#define TOOLS_BRIGADA_RECORD_JSON_H_

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "replica/schema/registry.h"

namespace brigada {

// Keys in the order they were put.
using Json = nlohmann::ordered_json;

// UsageError with line and column when `text` is not JSON, or not UTF-8.
absl::StatusOr<Json> ParseJson(absl::string_view text);

// Lays `object` over `record`: a named field is replaced as a whole at its level (a nested message
// is merged part by part), null empties it, others stay. UsageError names the path of what does not
// fit and, for an unknown name, the nearest.
absl::Status MergeJson(const Json& object, const RecordType& type,
                       google::protobuf::Message* record);

// The fields that are set.
Json RecordJson(const google::protobuf::Message& record);

// In one line; bytes that are not UTF-8 (only damaged data has them) become U+FFFD.
std::string JsonText(const Json& json, int indent = -1);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_RECORD_JSON_H_
