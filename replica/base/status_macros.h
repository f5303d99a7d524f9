// RETURN_IF_ERROR and ASSIGN_OR_RETURN, shaped like Abseil's own (absent from the packaged
// version).
#ifndef REPLICA_BASE_STATUS_MACROS_H_
#define REPLICA_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#define BRIGADA_CONCAT_INNER(a, b) a##b
#define BRIGADA_CONCAT(a, b) BRIGADA_CONCAT_INNER(a, b)

// Returns the status of `expr` from the enclosing function when it is not OK.
#define RETURN_IF_ERROR(expr)                        \
  do {                                               \
    absl::Status brigada_status = (expr);            \
    if (!brigada_status.ok()) return brigada_status; \
  } while (false)

// Evaluates `expr` (a StatusOr), returns its status when it is an error, else moves the value into
// `lhs`.
#define ASSIGN_OR_RETURN(lhs, expr) \
  ASSIGN_OR_RETURN_INNER(BRIGADA_CONCAT(brigada_statusor_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_INNER(temp, lhs, expr) \
  auto temp = (expr);                           \
  if (!temp.ok()) return temp.status();         \
  lhs = std::move(temp).value()

namespace brigada {

// `status` with "context: " before its message; code and payloads stay. Add context once per layer.
inline absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    annotated.SetPayload(url, payload);
  });
  return annotated;
}

}  // namespace brigada

#endif  // REPLICA_BASE_STATUS_MACROS_H_
