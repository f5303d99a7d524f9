// The limits of one session: the smaller of what the two ends announce.
#ifndef REPLICA_SYNC_SESSION_LIMITS_H_
#define REPLICA_SYNC_SESSION_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/base/limits.h"

namespace brigada {

// Features, by the names the peers give them in hello and welcome.
inline constexpr absl::string_view kReceiptsFeature = "receipts";
// Checkpoints say what the device should have, and a difference is repaired by ranges.
inline constexpr absl::string_view kFingerprintsFeature = "fingerprints";

inline constexpr uint32_t kProtocolVersion = 1;
// No peer may announce less: the largest record must fit into one frame.
inline constexpr size_t kMinFrameBytes = 2 * kMaxRecordBytes;
// Partitions of one session, cursors of one hello.
inline constexpr size_t kMaxPartitionsPerSession = 1024;
inline constexpr size_t kMaxReceiptsPerSession = 64;
// Sealed change sets: each costs the server's one writer an operation with its private key. A
// device that has more goes on in the next session. Many times what one push holds.
inline constexpr size_t kMaxSealedPerSession = 32'768;

// A link that passes less counts as broken: half of the slowest that the field has, 64 kbit/s.
inline constexpr size_t kLeastBytesPerSecond = 4096;
// An honest peer sends no larger frame: what a batch never exceeds, and what is around it.
inline constexpr size_t kLargestFrameSent = size_t{1792} << 10;

// How long the slowest link that works needs for `bytes` that are on their way; more than a frame
// of the limit is never waited for. Frames are given up and sent again whole, so both ends add this
// to their patience: for what they have sent, and for the frame of which nobody sees a part arrive.
absl::Duration TimeOnTheWay(uint64_t bytes);

struct SessionLimits {
  size_t max_frame_bytes = kMaxFrameBytes;
  size_t max_inflated_bytes = kMaxInflatedBytes;
  size_t batch_target_bytes = kBatchTargetBytes;
};

bool HasFeature(const google::protobuf::RepeatedPtrField<std::string>& features,
                absl::string_view feature);

// This program's, with another batch target unless it is 0.
SessionLimits OwnLimits(size_t batch_target_bytes);
v1::PeerLimits ToPeerLimits(const SessionLimits& limits);
// The smaller of each; 0 in `peer` means no opinion. kInvalidArgument: below kMinFrameBytes.
absl::StatusOr<SessionLimits> Negotiate(const SessionLimits& own, const v1::PeerLimits& peer);

}  // namespace brigada

#endif  // REPLICA_SYNC_SESSION_LIMITS_H_
