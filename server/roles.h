// What a role may read and write: the one place that sync, SQL and administration ask.
#ifndef SERVER_ROLES_H_
#define SERVER_ROLES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "brigada/v1/administration_service.pb.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/schema/registry.h"
#include "replica/schema/scope.h"

namespace brigada {

enum class Role { kKiosk, kOrganizer, kCoordinator, kAcademy, kEditor, kAuditor, kAdministrator };

// kInvalidArgument lists the roles there are.
absl::StatusOr<Role> ParseRole(absl::string_view name);
absl::string_view RoleName(Role role);

// True when somebody with `role` in the record's scope may write records of `type`. An unknown type
// (null) may be written by coordinators and administrators: a newer device's work is stored and
// forwarded.
bool MayWrite(Role role, const RecordType* type);

// True when `at` lies in the time that `grant` was given for, revoked or not.
bool IsGivenFor(const v1::GrantRecord& grant, absl::Time at);
// True when `grant` is in force `now`. One that was revoked is not, whatever the clock says: it may
// have been set back.
bool InForce(const v1::GrantRecord& grant, absl::Time now);
// The last revocation among the grants of a user; 0: none was revoked.
uint64_t LastRevocation(absl::Span<const v1::GrantRecord> grants);

// The feeds that the grants in force `now` open: below(S) for each scope S (the nation: every
// state), here(A) of every ancestor A up to the operational class. Without repetition: a feed
// inside another of the same or a higher class is left out. In a stable order.
std::vector<v1::Feed> FeedsOf(absl::Span<const v1::GrantRecord> grants, absl::Time now);

// True when some grant in force `now` makes its user administrator of every one of `scopes`.
bool IsAdministratorOf(absl::Span<const v1::GrantRecord> grants,
                       absl::Span<const std::string> scopes, absl::Time now);

// kInvalidArgument when the role is unknown, there is no scope, or a scope is malformed or not in
// the catalogue.
absl::Status CheckGrant(absl::string_view role, absl::Span<const std::string> scopes);

}  // namespace brigada

#endif  // SERVER_ROLES_H_
