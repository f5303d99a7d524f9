// Records by the beginning of their id.
#ifndef TOOLS_BRIGADA_RECORD_ID_H_
#define TOOLS_BRIGADA_RECORD_ID_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "brigada/replica.h"
#include "replica/schema/registry.h"

namespace brigada {

// The record whose id is, or alone begins with, `text`. kNotFound: none; UsageError: several, or
// not the beginning of an id. A whole id is returned without a look whether it exists.
absl::StatusOr<RecordId> FindRecord(const Replica& replica, const RecordType& type,
                                    absl::string_view text);

// True when `text` can begin a UUID: hexadecimal digits and '-', at least four.
bool IsIdPrefix(absl::string_view text);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_RECORD_ID_H_
