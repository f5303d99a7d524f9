// What an error is called for programs, in any language.
#ifndef TOOLS_BRIGADA_ERROR_NAME_H_
#define TOOLS_BRIGADA_ERROR_NAME_H_

#include <string>

#include "absl/status/status.h"

namespace brigada {

// Of `status`, which is not OK: the protocol's reason for which a session ended ("REVOKED"),
// "NOT_ENROLLED", else the code's own name ("UNAVAILABLE").
std::string ErrorName(const absl::Status& status);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_ERROR_NAME_H_
