#include "replica/store/framed_record.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "replica/base/sha256.h"
#include "replica/store/keys.h"

namespace brigada {
namespace {

constexpr size_t kLengthBytes = sizeof(uint32_t);
constexpr size_t kLengthSumBytes = 4;
constexpr size_t kSumBytes = 8;
static_assert(kLengthBytes + kLengthSumBytes + kSumBytes == kFrameHeadBytes);

std::string SumOf(absl::string_view content, size_t bytes) {
  const Sha256Digest digest = Sha256(content);
  return std::string(AsView(digest).substr(0, bytes));
}

}  // namespace

std::string FramedRecord(absl::string_view content) {
  std::string framed;
  framed.reserve(kFrameHeadBytes + content.size());
  AppendBigEndian32(static_cast<uint32_t>(content.size()), &framed);
  absl::StrAppend(&framed, SumOf(framed, kLengthSumBytes), SumOf(content, kSumBytes), content);
  return framed;
}

std::optional<size_t> FramedLength(absl::string_view rest) {
  if (rest.size() < kFrameHeadBytes) return std::nullopt;
  const absl::string_view length = rest.substr(0, kLengthBytes);
  if (rest.substr(kLengthBytes, kLengthSumBytes) != SumOf(length, kLengthSumBytes))
    return std::nullopt;
  const size_t size = BigEndian32(length);
  if (size > kMaxFramedBytes) return std::nullopt;
  return size;
}

std::optional<absl::string_view> ReadFramed(absl::string_view rest) {
  const std::optional<size_t> size = FramedLength(rest);
  if (!size.has_value() || *size > rest.size() - kFrameHeadBytes) return std::nullopt;
  const absl::string_view content = rest.substr(kFrameHeadBytes, *size);
  const absl::string_view sum = rest.substr(kFrameHeadBytes - kSumBytes, kSumBytes);
  if (sum != SumOf(content, kSumBytes)) return std::nullopt;
  return content;
}

bool IsTornRecord(absl::string_view rest) {
  if (rest.size() < kFrameHeadBytes || rest.back() == '\0') return true;
  const std::optional<size_t> size = FramedLength(rest);
  return size.has_value() && *size > rest.size() - kFrameHeadBytes;
}

}  // namespace brigada
