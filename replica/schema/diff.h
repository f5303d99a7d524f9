// From messages to changes.
#ifndef REPLICA_SCHEMA_DIFF_H_
#define REPLICA_SCHEMA_DIFF_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "brigada/v1/change.pb.h"
#include "google/protobuf/message.h"
#include "replica/base/ids.h"
#include "replica/schema/registry.h"
#include "replica/schema/scope.h"

namespace brigada {

// The change that makes `after` out of `before`: only fields that differ, elements and keys one by
// one, COUNTER fields as amounts. Unknown fields are compared as bytes by number. The change has
// kind EDIT and no id yet; it is empty (no values, removed or cleared) when the messages are equal.
// A register set to what proto3 does not write (0, "", an unset message) is a cleared one.
// kInvalidArgument when a message is not of `type`, holds groups, or a counter's amount does not
// fit its field.
absl::StatusOr<v1::Change> DiffMessages(const RecordType& type,
                                        const google::protobuf::Message& before,
                                        const google::protobuf::Message& after);

// The change that creates `message` in `scope`. For a type with a derived id, `id` is ignored and
// the derived one taken: kInvalidArgument when a part is not set. Other errors as DiffMessages.
absl::StatusOr<v1::Change> CreateChange(const RecordType& type, const RecordId& id,
                                        const Scope& scope,
                                        const google::protobuf::Message& message);

// The derived id of `message`; the type derives its ids (derived_from() not empty). It depends on
// the type_id and the parts, in order. kInvalidArgument when a part is not an id of 16 bytes.
absl::StatusOr<RecordId> DeriveId(const RecordType& type, const google::protobuf::Message& message);

// True when the change does nothing (an EDIT that changes, moves and resolves nothing).
bool IsEmpty(const v1::Change& change);
// True of an EDIT that decides conflicts and does nothing else.
bool OnlyResolves(const v1::Change& change);

}  // namespace brigada

#endif  // REPLICA_SCHEMA_DIFF_H_
