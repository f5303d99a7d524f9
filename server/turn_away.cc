#include "server/turn_away.h"

#include <cstdint>
#include <cstring>

#include "replica/sync/refusal.h"

namespace brigada {
namespace {

// What a person has to mend takes minutes.
constexpr absl::Duration kRepairWait = absl::Seconds(60);
// Opening a store again takes seconds.
constexpr absl::Duration kReopenWait = absl::Seconds(10);

// Those whose rights end together come back within this time.
constexpr absl::Duration kSpread = absl::Seconds(30);

// Up to `most`, another one for each replica: they do not come back together.
absl::Duration SpreadOver(absl::Duration most, const ReplicaId& replica) {
  uint32_t draw = 0;  // a replica's id is random
  std::memcpy(&draw, replica.bytes().data(), sizeof(draw));
  return most * (static_cast<double>(draw) / UINT32_MAX);
}

absl::Duration SpreadWait(const ReplicaId& replica) {
  return kRepairWait + SpreadOver(kRepairWait, replica);
}

}  // namespace

v1::Refused TooManySessions(absl::Duration retry_after) {
  return MakeRefused(v1::Refused::BUSY, "too many sessions at once", retry_after);
}

v1::Refused ServerStops(absl::Duration retry_after) {
  return MakeRefused(v1::Refused::SHUTTING_DOWN, "", retry_after);
}

v1::Refused RightsChanged(absl::Duration retry_after) {
  return MakeRefused(v1::Refused::SHUTTING_DOWN, "grants have changed", retry_after);
}

v1::Refused RightsEnded(const ReplicaId& replica) {
  return RightsChanged(SpreadOver(kSpread, replica));
}

v1::Refused ServerWentBack(absl::Duration retry_after) {
  return MakeRefused(v1::Refused::SHUTTING_DOWN, "the server went back and begins anew",
                     retry_after);
}

v1::Refused AnotherSession(absl::Duration retry_after) {
  return MakeRefused(v1::Refused::SHUTTING_DOWN, "another session of this device has begun",
                     retry_after);
}

v1::Refused NoHello() {
  return MakeRefused(v1::Refused::MALFORMED_FRAME, "no hello came", absl::ZeroDuration());
}

v1::Refused SessionIsOld() {
  return MakeRefused(v1::Refused::SHUTTING_DOWN, "the session has lasted its time",
                     absl::Seconds(1));
}

v1::Refused DiskIsFull(const ReplicaId& replica) {
  return MakeRefused(v1::Refused::BUSY, "the server's disk is full: it can be read, not written to",
                     SpreadWait(replica));
}

v1::Refused StoreStopped(const ReplicaId& replica) {
  return MakeRefused(v1::Refused::SHUTTING_DOWN, "the server's store failed and is opened again",
                     kReopenWait + SpreadOver(kSpread, replica));
}

}  // namespace brigada
