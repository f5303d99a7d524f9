// The records of a file that is only appended to: the server's journal and a device's outbox
// mirror. A record is its length (4 bytes, big endian), the first 4 bytes of the SHA-256 of the
// length, the first 8 of that of its content, and the content. So a length that was damaged is told
// from a record that was cut short.
#ifndef REPLICA_STORE_FRAMED_RECORD_H_
#define REPLICA_STORE_FRAMED_RECORD_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace brigada {

inline constexpr size_t kFrameHeadBytes = 16;
// No record is longer: what says so is damaged.
inline constexpr size_t kMaxFramedBytes = size_t{16} << 20;

// The last byte of `content` must not be 0 (IsTornRecord). At most kMaxFramedBytes.
std::string FramedRecord(absl::string_view content);

// The content's length that the record at the beginning of `rest` says it has. Nullopt: no record
// begins there, or its head is damaged or cut short.
std::optional<size_t> FramedLength(absl::string_view rest);

// The content of the record at the beginning of `rest`; it takes kFrameHeadBytes more. Nullopt: it
// is damaged or cut short.
std::optional<absl::string_view> ReadFramed(absl::string_view rest);

// Of what stands at the end of a file and is no record: whether it is what a power cut leaves of an
// append, a beginning, or a file that is as long as it should be and ends in zeros.
bool IsTornRecord(absl::string_view rest);

}  // namespace brigada

#endif  // REPLICA_STORE_FRAMED_RECORD_H_
