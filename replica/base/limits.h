// The limits both ends enforce. A peer announces smaller ones in its hello; the smaller value
// rules.
#ifndef REPLICA_BASE_LIMITS_H_
#define REPLICA_BASE_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace brigada {

// One gRPC message, whichever way.
inline constexpr size_t kMaxFrameBytes = size_t{4} << 20;
// What a batch aims at before compression, so that a cut costs little. A record larger than this
// goes alone.
inline constexpr size_t kBatchTargetBytes = size_t{256} << 10;
// The most that one batch may inflate to.
inline constexpr size_t kMaxInflatedBytes = size_t{4} << 20;
// The most that a compressed batch may grow by when inflated.
inline constexpr size_t kMaxInflationRatio = 200;
// One change set, encoded. Commit refuses larger ones at once: no server could take them.
inline constexpr size_t kMaxChangeSetBytes = size_t{1} << 20;
inline constexpr size_t kMaxChangesPerSet = 1000;
// One record, encoded with its field states.
inline constexpr size_t kMaxRecordBytes = size_t{1} << 20;
// The records that one change set touches, as they are after it, its conflict records included:
// they travel in one batch, whatever limits the reader has negotiated.
inline constexpr size_t kMaxTouchedBytes = size_t{3} << 19;
// What no page of a feed goes beyond, save for one change set that is larger by itself.
inline constexpr size_t kMaxPageBytes = size_t{7} << 18;
// Fields of one record, those unknown here included, and values, elements and keys in all of them.
inline constexpr size_t kMaxFieldsPerRecord = 1024;
inline constexpr size_t kMaxSlotsPerRecord = 8192;
// Elements or keys of one SET or MAP field.
inline constexpr size_t kMaxElementsPerField = 4096;
// Concurrent versions kept of one field or element; docs/merge-semantics.md says which goes first.
inline constexpr size_t kMaxVersionsPerKey = 16;
// Levels of a scope path, and bytes of one segment.
inline constexpr size_t kMaxScopeDepth = 6;
inline constexpr size_t kMaxScopeSegmentBytes = 16;
// A verdict names at most this many refusals: enough to mend a change set, and bounded. What a
// replica says of one that the server has lost is kept up to this length.
inline constexpr size_t kMaxRefusals = 100;
inline constexpr size_t kMaxRefusalDetailBytes = 1024;
// Per replica, the change sets that wait at the authority for records nobody knows, counted per
// record that they wait for.
inline constexpr size_t kMaxWaitingPerReplica = 4096;
// How far a stamp may lie ahead of the server's time, as far as its writer or the server knows it,
// before the clock that gave it counts as wrong.
inline constexpr absl::Duration kPermittedClockLead = absl::Minutes(1);
// A server's own clock may be set back by so much before what it stamped counts as wrong.
inline constexpr absl::Duration kPermittedServerStep = absl::Hours(24);
// Frames that wait for a slow peer, per session.
inline constexpr size_t kMaxQueuedFrames = 16;

}  // namespace brigada

#endif  // REPLICA_BASE_LIMITS_H_
