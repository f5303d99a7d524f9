#include "replica/sync/session_limits.h"

#include <algorithm>

namespace brigada {

bool HasFeature(const google::protobuf::RepeatedPtrField<std::string>& features,
                absl::string_view feature) {
  return std::find(features.begin(), features.end(), feature) != features.end();
}
namespace {

size_t Smaller(size_t own, uint32_t peer) {
  return peer == 0 ? own : std::min(own, static_cast<size_t>(peer));
}

}  // namespace

absl::Duration TimeOnTheWay(uint64_t bytes) {
  return absl::Seconds(
      static_cast<int64_t>(std::min<uint64_t>(bytes, kMaxFrameBytes) / kLeastBytesPerSecond));
}

SessionLimits OwnLimits(size_t batch_target_bytes) {
  SessionLimits limits;
  if (batch_target_bytes != 0) limits.batch_target_bytes = batch_target_bytes;
  return limits;
}

v1::PeerLimits ToPeerLimits(const SessionLimits& limits) {
  v1::PeerLimits proto;
  proto.set_max_frame_bytes(static_cast<uint32_t>(limits.max_frame_bytes));
  proto.set_max_inflated_bytes(static_cast<uint32_t>(limits.max_inflated_bytes));
  proto.set_batch_target_bytes(static_cast<uint32_t>(limits.batch_target_bytes));
  return proto;
}

absl::StatusOr<SessionLimits> Negotiate(const SessionLimits& own, const v1::PeerLimits& peer) {
  SessionLimits limits;
  limits.max_frame_bytes = Smaller(own.max_frame_bytes, peer.max_frame_bytes());
  limits.max_inflated_bytes = Smaller(own.max_inflated_bytes, peer.max_inflated_bytes());
  limits.batch_target_bytes = Smaller(own.batch_target_bytes, peer.batch_target_bytes());
  if (limits.max_frame_bytes < kMinFrameBytes || limits.max_inflated_bytes < kMinFrameBytes)
    return absl::InvalidArgumentError("limits: too small for the largest record");
  return limits;
}

}  // namespace brigada
