// What the shared values of common.proto must be to mean anything: a date is in the calendar, a
// point on the globe, a span in local wall time.
#ifndef REPLICA_SCHEMA_VALUE_FORM_H_
#define REPLICA_SCHEMA_VALUE_FORM_H_

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace brigada {

// Calls `refuse` with the field's name inside `value` (empty: the whole value) and the rule it
// breaks, worded so that "is" can stand before it. Messages of other types break none, and neither
// does a part that is unset: that says "not known".
//
// Zones are judged by their form ("Area/Place" or "UTC"), not by a table: time zone databases
// differ from machine to machine, and a device and its server must judge alike.
void CheckValueForm(const google::protobuf::Message& value,
                    absl::FunctionRef<void(absl::string_view part, absl::string_view rule)> refuse);

}  // namespace brigada

#endif  // REPLICA_SCHEMA_VALUE_FORM_H_
