// Users, grants, devices and invitations, kept in the authority's store. Functions over the store:
// nothing is cached, so several servers may stand on one store.
#ifndef SERVER_DIRECTORY_H_
#define SERVER_DIRECTORY_H_

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "brigada/v1/administration_service.pb.h"
#include "replica/base/ids.h"
#include "replica/base/random.h"
#include "replica/store/authority_store.h"

namespace brigada {

// Longest name of a device or of its software, in bytes.
inline constexpr size_t kMaxNameBytes = 120;

// kInvalidArgument: empty, too long, not UTF-8, or with control characters.
absl::Status CheckUserName(absl::string_view user);
// What a device says its software is, cut at a character where it is too long.
std::string SoftwareName(absl::string_view said);

// The user's grants, also those no longer in force; empty for an unknown user.
absl::StatusOr<std::vector<v1::GrantRecord>> GrantsOf(const AuthorityStore& store,
                                                      absl::string_view user);
absl::StatusOr<std::vector<v1::GrantRecord>> AllGrants(const AuthorityStore& store);

// Scopes of the grants that the user holds or will hold; of ended ones when there are no others.
// Who administers all of them may administer the user and the user's devices. Empty for an unknown
// user.
absl::StatusOr<std::vector<std::string>> ScopesOfUser(const AuthorityStore& store,
                                                      absl::string_view user, absl::Time now);

// Stores `grant` under a new id and returns it; an open grant that says the same already is kept
// instead. The grant has been checked (CheckGrant).
absl::StatusOr<std::string> AddGrant(AuthorityStore& store, v1::GrantRecord grant, Random& random);
// kNotFound. Revoking what is revoked keeps the first time.
absl::Status RevokeGrant(AuthorityStore& store, absl::string_view grant_id, absl::Time now);
absl::StatusOr<v1::GrantRecord> FindGrant(const AuthorityStore& store, absl::string_view grant_id);

// Nullopt when no such device enrolled.
absl::StatusOr<std::optional<v1::DeviceRecord>> FindDevice(const AuthorityStore& store,
                                                           const ReplicaId& replica);
// `replica` enrolled here, for this user; also when it is revoked.
absl::StatusOr<bool> IsDeviceOf(const AuthorityStore& store, const ReplicaId& replica,
                                absl::string_view user);
absl::StatusOr<std::vector<v1::DeviceRecord>> AllDevices(const AuthorityStore& store);
// `replica`, the copies of it and the copies of those. A copy of a device's store is as little to
// be trusted as the device itself, also through those that are revoked already.
std::set<ReplicaId> WithItsCopies(absl::Span<const v1::DeviceRecord> devices,
                                  const ReplicaId& replica);
// Copies that are not revoked of the device that `replica` stems from in the end.
size_t CountCopies(absl::Span<const v1::DeviceRecord> devices, const ReplicaId& replica);
// Reads the device, lets `edit` change it and writes it back; again when somebody else wrote in
// between. kNotFound.
absl::Status EditDevice(AuthorityStore& store, const ReplicaId& replica,
                        absl::FunctionRef<void(v1::DeviceRecord&)> edit);
// The same for several devices in one durable write; unknown ones are left out.
using DeviceEdit = std::function<void(v1::DeviceRecord&)>;
absl::Status EditDevices(AuthorityStore& store, const std::map<ReplicaId, DeviceEdit>& edits);

// Stores an invitation for `user` and returns its one-time code (16 bytes; only its hash is kept).
// Forgets the invitations that have expired.
absl::StatusOr<std::string> AddInvitation(AuthorityStore& store,
                                          const v1::InvitationRecord& invitation, absl::Time now,
                                          Random& random);
// The invitation with this code, used or not.
// kUnauthenticated: wrong or expired.
absl::StatusOr<v1::InvitationRecord> FindInvitation(const AuthorityStore& store,
                                                    absl::string_view code, absl::Time now);
// Uses up the code and stores the device, both or neither; returns it as stored. The device that
// used a code may do so again within its life: the answer may have been lost on the way. A replica
// that is enrolled already can only be enrolled again with its own key, for its own user, and not
// once revoked: its id is no secret. kUnauthenticated: not so, or another device used the code.
// `replaced`: a device of the same user (IsDeviceOf) that is revoked in the same write, so that it
// does not come back beside the new one; kUnavailable when it changed meanwhile.
absl::StatusOr<v1::DeviceRecord> RedeemInvitation(
    AuthorityStore& store, absl::string_view code, const v1::DeviceRecord& device, absl::Time now,
    const std::optional<ReplicaId>& replaced = std::nullopt);

}  // namespace brigada

#endif  // SERVER_DIRECTORY_H_
