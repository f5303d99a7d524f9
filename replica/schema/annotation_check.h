// What makes the annotations of a record type contradict each other. Inside replica/schema only.
#ifndef REPLICA_SCHEMA_ANNOTATION_CHECK_H_
#define REPLICA_SCHEMA_ANNOTATION_CHECK_H_

#include "absl/status/status.h"
#include "brigada/v1/annotations.pb.h"
#include "google/protobuf/descriptor.h"
#include "replica/schema/registry.h"

namespace brigada {

// The rules of the record itself: type_id, plural, levels, data class. kInvalidArgument names the
// message.
absl::Status CheckRecordRules(const google::protobuf::Descriptor& descriptor,
                              const v1::RecordRules& rules);

// The rules of one field, its defaults filled in and its pattern compiled; `append_only` is the
// record's. References are resolved by the registry. kInvalidArgument names message and field.
absl::Status CheckFieldRules(const FieldType& field, bool append_only);

// `contested_by`, once the registry has found the field that it names.
absl::Status CheckContest(const FieldType& field);

}  // namespace brigada

#endif  // REPLICA_SCHEMA_ANNOTATION_CHECK_H_
