// Why a session is refused or ended though its device did nothing wrong. All of them ask the device
// to come back, and say when.
#ifndef SERVER_TURN_AWAY_H_
#define SERVER_TURN_AWAY_H_

#include "absl/time/time.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/base/ids.h"

namespace brigada {

v1::Refused TooManySessions(absl::Duration retry_after);
v1::Refused ServerStops(absl::Duration retry_after);
// What this user or device may do has changed: the next session is judged anew.
v1::Refused RightsChanged(absl::Duration retry_after);
// A grant or a lease has ended by itself. Those of many end on one day.
v1::Refused RightsEnded(const ReplicaId& replica);
// The store went back and begins a new epoch.
v1::Refused ServerWentBack(absl::Duration retry_after);
// Another session of the same replica takes its place.
v1::Refused AnotherSession(absl::Duration retry_after);
// The stream ended, or could not be read, before a hello.
v1::Refused NoHello();
// The session has lasted its time; another one may begin at once.
v1::Refused SessionIsOld();
// What was pushed waits on the device; it may read meanwhile.
v1::Refused DiskIsFull(const ReplicaId& replica);
// The store takes no writes until the server has opened it again.
v1::Refused StoreStopped(const ReplicaId& replica);

}  // namespace brigada

#endif  // SERVER_TURN_AWAY_H_
