// How values of record fields look in SQL. Inside replica/query only.
#ifndef REPLICA_QUERY_RENDER_VALUE_H_
#define REPLICA_QUERY_RENDER_VALUE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "replica/query/sql_value.h"

namespace brigada {

enum class ValueForm {
  kInteger,  // beyond int64: INT64_MAX
  kReal,
  kBool,        // 0 or 1
  kText,        // as it is
  kEnum,        // lower-case name without the enum's prefix; NULL for ..._UNSPECIFIED
  kTime,        // google.protobuf.Timestamp: "2026-05-01T18:30:00.000Z"
  kMillisTime,  // the same, of an int64 of milliseconds since 1970; 0 is NULL
  kDate,        // brigada.v1.Date: "1990-05-17", "1990-05", "1990"
  kUuid,        // bytes of 16: the 36-character form
  kBlob,
  kJson,  // repeated fields and messages that have no columns of their own
};

// The form of one value of `field` (of one element when it is repeated). Bytes are kUuid when
// their annotation names a record.
ValueForm FormOf(const google::protobuf::FieldDescriptor& field);

// A singular field, or a repeated one as a JSON array. NULL when not set; empty text, bytes and
// repeated fields count as not set, a number, bool or enum that is not optional as set.
SqlValue RenderField(const google::protobuf::Message& message,
                     const google::protobuf::FieldDescriptor& field, ValueForm form);

// One element of a repeated field. Empty text stays empty text.
SqlValue RenderElement(const google::protobuf::Message& message,
                       const google::protobuf::FieldDescriptor& field, int index, ValueForm form);

// The field at the end of `path`, which leads through singular messages; NULL when one of them is
// not set. An empty path is NULL.
SqlValue RenderPath(const google::protobuf::Message& message,
                    absl::Span<const google::protobuf::FieldDescriptor* const> path,
                    ValueForm form);

// Milliseconds are always there, so that texts order as times do. NULL outside the years 1 to 9999.
SqlValue RenderTime(absl::Time time);

// The name of an enum value as RenderField gives it; nullopt: unspecified. Unknown numbers are
// given as digits.
std::optional<std::string> EnumName(const google::protobuf::EnumDescriptor& type, int number);
// The way back; nullopt: no such name.
std::optional<int> EnumNumber(const google::protobuf::EnumDescriptor& type, absl::string_view name);

// The field as JSON, in the same forms; "null" when not set.
std::string FieldJson(const google::protobuf::Message& message,
                      const google::protobuf::FieldDescriptor& field);
// `text` as a JSON string, quotes included.
std::string JsonString(absl::string_view text);

}  // namespace brigada

#endif  // REPLICA_QUERY_RENDER_VALUE_H_
