// How `conflicts` names a value and `conflicts resolve --take` says which one stays.
#ifndef TOOLS_BRIGADA_CONFLICT_TAKE_H_
#define TOOLS_BRIGADA_CONFLICT_TAKE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "brigada/v1/conflict.pb.h"

namespace brigada {

// "1-7c2e0b": the value with that number (0 stands, 1... are the losers) of the conflict as it is
// now. What comes to the conflict later changes the second part of all its names, so that nobody
// decides what they have not seen.
std::string TakeText(const v1::Conflict& conflict, int number);

// The number that `text` names. kInvalidArgument: no such name; kAborted: the conflict was another
// one when it was shown. `id` is how the person names the conflict.
absl::StatusOr<int> ParseTake(const v1::Conflict& conflict, absl::string_view text,
                              absl::string_view id);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_CONFLICT_TAKE_H_
