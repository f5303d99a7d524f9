#include "replica/sync/refusal.h"

#include "absl/strings/str_cat.h"

namespace brigada {
namespace {

absl::StatusCode CodeOf(v1::Refused::Reason reason) {
  switch (reason) {
    case v1::Refused::UNKNOWN_DEVICE:
    case v1::Refused::LEASE_EXPIRED:
    case v1::Refused::WRONG_REPLICA:
      return absl::StatusCode::kUnauthenticated;
    case v1::Refused::REVOKED:
      return absl::StatusCode::kPermissionDenied;
    case v1::Refused::PROTOCOL_VERSION:
    case v1::Refused::FORKED:
      return absl::StatusCode::kFailedPrecondition;
    case v1::Refused::MALFORMED_FRAME:
    case v1::Refused::FRAME_TOO_LARGE:
    case v1::Refused::BAD_SIGNATURE:
      return absl::StatusCode::kInvalidArgument;
    case v1::Refused::BUSY:
      return absl::StatusCode::kResourceExhausted;
    case v1::Refused::SHUTTING_DOWN:
    case v1::Refused::STALLED:
      return absl::StatusCode::kUnavailable;
    default:
      return absl::StatusCode::kInternal;
  }
}

}  // namespace

v1::Refused MakeRefused(v1::Refused::Reason reason, absl::string_view detail,
                        absl::Duration retry_after) {
  v1::Refused refused;
  refused.set_reason(reason);
  refused.set_detail(std::string(detail));
  refused.set_retry_after_ms(static_cast<uint32_t>(absl::ToInt64Milliseconds(retry_after)));
  return refused;
}

absl::Status RefusalStatus(const v1::Refused& refused) {
  std::string text = v1::Refused::Reason_Name(refused.reason());
  if (text.empty()) text = absl::StrCat("reason ", static_cast<int>(refused.reason()));
  if (!refused.detail().empty()) absl::StrAppend(&text, ": ", refused.detail());
  if (refused.retry_after_ms() != 0)
    absl::StrAppend(&text, " (retry after ", refused.retry_after_ms(), " ms)");
  return absl::Status(CodeOf(refused.reason()), text);
}

}  // namespace brigada
