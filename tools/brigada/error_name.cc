#include "tools/brigada/error_name.h"

#include "absl/strings/match.h"
#include "tools/brigada/refusal_text.h"

namespace brigada {

std::string ErrorName(const absl::Status& status) {
  const std::string reason = SessionEndName(status.message());
  if (!reason.empty()) return reason;
  if (absl::StrContains(status.message(), "revoked this device")) return "REVOKED";
  if (absl::IsFailedPrecondition(status) && absl::StrContains(status.message(), "not enrolled"))
    return "NOT_ENROLLED";
  return absl::StatusCodeToString(status.code());
}

}  // namespace brigada
