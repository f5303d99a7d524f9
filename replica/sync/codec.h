// Compressed bodies of push and batch frames: one zstd frame with the content size stated, bounded
// before anything is inflated. Pure functions; thread safe.
#ifndef REPLICA_SYNC_CODEC_H_
#define REPLICA_SYNC_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message_lite.h"

namespace brigada {

// The zstd window of a body: what a decoder has to hold besides the content.
inline constexpr size_t kMaxWindowBytes = size_t{1} << 20;
// Bodies that inflate to less than this are never refused for their ratio.
inline constexpr size_t kInflationFloorBytes = size_t{64} << 10;
// Top-level elements of a body. Two bytes on the wire can become a hundred in memory, so the size
// alone bounds nothing.
inline constexpr size_t kMaxBodyElements = size_t{1} << 16;

struct PackedBody {
  std::string bytes;            // goes into `body`
  uint32_t inflated_bytes = 0;  // goes into `inflated_bytes`
};

// Serializes and compresses `message`. What it gives, UnpackBody takes: content that would compress
// by more than kMaxInflationRatio is padded (a skippable zstd frame).
PackedBody PackBody(const google::protobuf::MessageLite& message);

// The reverse; `inflated_bytes` is what the frame states. kInvalidArgument: not a zstd frame, a
// content size that is unknown, another than stated or excessive (above `max_inflated`, or more
// than kMaxInflationRatio times its input beyond kInflationFloorBytes), a window above
// kMaxWindowBytes, truncated, more than kMaxBodyElements, or no such message. Takes max_inflated +
// 2 MiB of memory at most, and what the parsed message takes.
absl::Status UnpackBody(absl::string_view body, uint32_t inflated_bytes, size_t max_inflated,
                        google::protobuf::MessageLite* message);

}  // namespace brigada

#endif  // REPLICA_SYNC_CODEC_H_
