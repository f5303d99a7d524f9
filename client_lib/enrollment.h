// From an invitation to a certificate, and a new lease for a certificate that lapsed.
#ifndef CLIENT_LIB_ENROLLMENT_H_
#define CLIENT_LIB_ENROLLMENT_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "brigada/transport.h"
#include "client_lib/replica_directory.h"
#include "replica/store/device_store.h"

namespace brigada {

// kInvalidArgument: `text` is no invitation. Surrounding white space is ignored.
absl::StatusOr<v1::Invitation> ReadInvitation(absl::string_view text);

// See Replica::Enroll.
absl::Status EnrollDevice(absl::string_view invitation, absl::string_view device_name,
                          const ReplicaDirectory& directory, Transport& transport,
                          DeviceStore& store);

// `server`: whom to ask instead of the server of the invitation; empty: that one.
// kPermissionDenied: revoked. kUnauthenticated: not enrolled there.
absl::Status RenewLease(absl::string_view server, const ReplicaDirectory& directory,
                        Transport& transport, DeviceStore& store);

// The store was found to be a copy of another device's (FORKED): asks for a new id, key and
// certificate, and makes it a replica of its own with its unsent work. May be repeated after any
// failure or crash. kPermissionDenied: revoked.
absl::Status DivideReplica(absl::string_view server, const ReplicaDirectory& directory,
                           Transport& transport, DeviceStore& store);
// Takes over the key and certificate of a division whose last step a crash kept back.
absl::Status FinishDivision(const ReplicaDirectory& directory, const DeviceStore& store);

}  // namespace brigada

#endif  // CLIENT_LIB_ENROLLMENT_H_
