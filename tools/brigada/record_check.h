// The schema's rules, checked before anything is committed, and told in the user's language.
#ifndef TOOLS_BRIGADA_RECORD_CHECK_H_
#define TOOLS_BRIGADA_RECORD_CHECK_H_

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "replica/schema/registry.h"
#include "replica/schema/scope.h"

namespace brigada {

// UsageError with every rule that a new record in `scope` breaks.
absl::Status CheckNewRecord(const RecordType& type, const Scope& scope,
                            const google::protobuf::Message& record);

// Gives each STATE field that says nothing the state in which records of the type begin (the first
// initial value that has a name of its own), then as CheckNewRecord.
absl::Status BeginRecord(const RecordType& type, const Scope& scope,
                         google::protobuf::Message* record);

// The same of the values alone, of a record that may exist elsewhere or is being restored.
absl::Status CheckRecordValues(const RecordType& type, const google::protobuf::Message& record);

// UsageError with every rule that `after` breaks and `before` did not: an edit answers for what it
// changes only.
absl::Status CheckEditedRecord(const RecordType& type, const google::protobuf::Message& before,
                               const google::protobuf::Message& after);

// UsageError when a record of `type` cannot live in `scope`.
absl::Status CheckRecordScope(const RecordType& type, const Scope& scope);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_RECORD_CHECK_H_
