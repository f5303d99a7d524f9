// What administrators do from a device whose user holds the administrator role.
#ifndef BRIGADA_ADMINISTRATION_H_
#define BRIGADA_ADMINISTRATION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "brigada/result_set.h"
#include "brigada/v1/administration_service.pb.h"
#include "replica/base/ids.h"

namespace brigada {

// A connection to the server of the replica in a directory. The replica itself need not be open,
// and may be open elsewhere. Thread safe. All calls block; kUnavailable: no connection;
// kPermissionDenied: the role is missing, or the device is revoked; kInvalidArgument: what the
// server refused, in words.
class Administration {
 public:
  // kFailedPrecondition: the replica in `replica_path` is not enrolled.
  static absl::StatusOr<std::unique_ptr<Administration>> Connect(const std::string& replica_path);
  virtual ~Administration() = default;

  // Gives `user` the role over the scopes, and returns the text of a one-time invitation for a
  // device of theirs.
  virtual absl::StatusOr<std::string> Invite(absl::string_view user, absl::string_view role,
                                             absl::Span<const std::string> scopes,
                                             absl::Duration valid_for) = 0;
  virtual absl::StatusOr<std::vector<v1::DeviceRecord>> Devices() = 0;
  virtual absl::Status RevokeDevice(const ReplicaId& replica) = 0;
  // `until` InfiniteFuture: open. Returns the grant's id.
  virtual absl::StatusOr<RecordId> Grant(absl::string_view user, absl::string_view role,
                                         absl::Span<const std::string> scopes, absl::Time from,
                                         absl::Time until) = 0;
  virtual absl::Status RevokeGrant(const RecordId& grant) = 0;
  virtual absl::StatusOr<std::vector<v1::GrantRecord>> Grants() = 0;
  // Erases a record for good, here and on each device when it syncs. `scope`: where it would be
  // when the server does not know it yet; else empty. kNotFound: no such record in a place that the
  // caller administers.
  virtual absl::StatusOr<v1::EraseResponse> Erase(uint32_t type_id, const RecordId& id,
                                                  absl::string_view scope) = 0;
  // Everything in quarantine that concerns no other places than the caller administers, without its
  // content.
  virtual absl::StatusOr<std::vector<v1::QuarantinedSet>> Quarantine() = 0;
  // One of them with its content. kNotFound: there is none, or not for the caller.
  virtual absl::StatusOr<v1::ShowQuarantinedResponse> Quarantined(
      const v1::ShowQuarantinedRequest& request) = 0;
  // Has one of them judged again under the caller's grants instead of its writer's; the caller
  // answers for it. QUARANTINED in the answer: it breaks another rule and stays. May be repeated:
  // `was_released` then. kNotFound as above; kFailedPrecondition: its device has sent it again, and
  // that was accepted.
  virtual absl::StatusOr<v1::ReleaseQuarantinedResponse> ReleaseQuarantined(
      const v1::ReleaseQuarantinedRequest& request) = 0;
  // As Replica::QueryRows, over the merged data that the caller may read.
  virtual absl::StatusOr<v1::QuerySummary> Query(
      absl::string_view sql, absl::Span<const SqlValue> args, uint32_t max_rows,
      absl::FunctionRef<absl::Status(absl::Span<const std::string>)> on_columns,
      absl::FunctionRef<absl::Status(SqlRow)> on_row) = 0;
  // Returns the backup's path on the server. `on_progress` gets the bytes copied so far.
  virtual absl::StatusOr<std::string> Backup(absl::string_view name,
                                             absl::FunctionRef<void(uint64_t)> on_progress) = 0;
};

}  // namespace brigada

#endif  // BRIGADA_ADMINISTRATION_H_
