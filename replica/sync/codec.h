// Compressed bodies of push and batch frames: zstd with the content size stated and bounded before
// anything is inflated.
#ifndef REPLICA_SYNC_CODEC_H_
#define REPLICA_SYNC_CODEC_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message_lite.h"

namespace brigada {

// Serializes and compresses `message`.
std::string PackBody(const google::protobuf::MessageLite& message);

// The reverse. kInvalidArgument: not a zstd frame, unknown or excessive content size (above
// `max_inflated`, or more than kMaxInflationRatio times its input beyond a small floor), a window
// above 1 MiB, truncated, or no such message. Memory stays under max_inflated + 2 MiB.
absl::Status UnpackBody(absl::string_view body, size_t max_inflated,
                        google::protobuf::MessageLite* message);

}  // namespace brigada

#endif  // REPLICA_SYNC_CODEC_H_
