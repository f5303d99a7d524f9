// The change that decides a conflict.
#ifndef CLIENT_LIB_CONFLICT_CHOICE_H_
#define CLIENT_LIB_CONFLICT_CHOICE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "brigada/v1/change.pb.h"
#include "brigada/v1/conflict.pb.h"
#include "replica/base/ids.h"

namespace brigada {

// `loser` < 0: the standing value stays. Else the loser with that index becomes the value; of a
// deleted record, its edit makes a new life of the record in `scope`. kInvalidArgument: no such
// loser; kFailedPrecondition: the conflict is decided already.
absl::StatusOr<v1::Change> ChangeThatDecides(const RecordId& conflict, absl::string_view scope,
                                             const v1::Conflict& entry, int loser);

}  // namespace brigada

#endif  // CLIENT_LIB_CONFLICT_CHOICE_H_
