// One value of a record as text: what a flag, a cell of a spreadsheet or a JSON string holds.
//
//   enum        its name as in SQL: lower case, without the type's prefix ("female", "pedagogy")
//   reference   the record's id as a UUID
//   Date        2026, 2026-11 or 2026-11-22
//   Timestamp   2026-11-22T16:10[:05][zone], local time when no zone is given; "now" / "ahora"
//   GeoPoint    latitude,longitude[,precision in metres]
//   bool        true/false, sí/no, 1/0
//   other bytes base64
#ifndef TOOLS_BRIGADA_FIELD_TEXT_H_
#define TOOLS_BRIGADA_FIELD_TEXT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace brigada {

// True when a value of the field is one text: anything but messages without a form above. Of a map:
// false.
bool IsTextField(const google::protobuf::FieldDescriptor& field);

// Sets the field, or adds an element when it is repeated. UsageError says what the field takes, and
// never repeats more of the value than a short beginning.
absl::Status SetFieldText(google::protobuf::Message* message,
                          const google::protobuf::FieldDescriptor& field, absl::string_view text);

// The field's value (of a repeated field: the element at `index`).
std::string FieldText(const google::protobuf::Message& message,
                      const google::protobuf::FieldDescriptor& field, int index = -1);

// "FEMALE" of RegisteredSex as "female", AXIS_PEDAGOGY as "pedagogy".
std::string EnumText(const google::protobuf::EnumValueDescriptor& value);
// All of them but the unspecified one.
std::vector<std::string> EnumTexts(const google::protobuf::EnumDescriptor& type);

// What the field takes, for help: "texto", "female|male|x", "AAAA-MM-DD".
std::string FieldForm(const google::protobuf::FieldDescriptor& field);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_FIELD_TEXT_H_
