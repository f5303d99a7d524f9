#include "replica/sync/codec.h"

// ZSTD_getFrameHeader is in the part of the interface that only static users may rely on; the
// packaged version is fixed, and nothing else tells the window before a decoder allocates it.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "replica/base/check.h"
#include "replica/base/limits.h"
#include "replica/base/status_macros.h"

namespace brigada {
namespace {

constexpr int kCompressionLevel = 3;
constexpr int kWindowLog = 20;
constexpr size_t kSkippableHeaderBytes = 8;

struct FreeCompressor {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
struct FreeDecompressor {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

std::string Compress(absl::string_view content) {
  const std::unique_ptr<ZSTD_CCtx, FreeCompressor> context(ZSTD_createCCtx());
  CHECK(context != nullptr);
  CHECK(!ZSTD_isError(
      ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kCompressionLevel)));
  CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, kWindowLog)));
  std::string compressed(ZSTD_compressBound(content.size()), '\0');
  const size_t size = ZSTD_compress2(context.get(), compressed.data(), compressed.size(),
                                     content.data(), content.size());
  CHECK(!ZSTD_isError(size));
  compressed.resize(size);
  return compressed;
}

size_t LeastCompressed(size_t inflated) {
  if (inflated <= kInflationFloorBytes) return 0;
  return (inflated - kInflationFloorBytes + kMaxInflationRatio - 1) / kMaxInflationRatio;
}

// A frame that decoders skip, of `size` bytes in all.
std::string Padding(size_t size) {
  std::string padding(size, '\0');
  const auto put = [&](size_t at, uint32_t value) {
    for (size_t i = 0; i < 4; ++i) padding[at + i] = static_cast<char>((value >> (8 * i)) & 0xff);
  };
  put(0, ZSTD_MAGIC_SKIPPABLE_START);
  put(4, static_cast<uint32_t>(size - kSkippableHeaderBytes));
  return padding;
}

absl::Status CheckFrame(absl::string_view body, uint32_t inflated_bytes, size_t max_inflated) {
  ZSTD_frameHeader header;
  if (ZSTD_getFrameHeader(&header, body.data(), body.size()) != 0 ||
      header.frameType != ZSTD_frame) {
    return absl::InvalidArgumentError("body: not a zstd frame");
  }
  if (header.frameContentSize == ZSTD_CONTENTSIZE_UNKNOWN)
    return absl::InvalidArgumentError("body: states no content size");
  if (header.frameContentSize != inflated_bytes)
    return absl::InvalidArgumentError("body: content size differs from inflated_bytes");
  if (inflated_bytes > max_inflated) {
    return absl::InvalidArgumentError(
        absl::StrCat("body: inflates to ", inflated_bytes, " bytes, the limit is ", max_inflated));
  }
  if (body.size() < LeastCompressed(inflated_bytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("body: inflates more than ", kMaxInflationRatio, " times"));
  }
  if (header.windowSize > kMaxWindowBytes)
    return absl::InvalidArgumentError("body: window too large");
  return absl::OkStatus();
}

absl::Status CheckElementCount(absl::string_view content) {
  using google::protobuf::internal::WireFormatLite;
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(content.data()),
                                               static_cast<int>(content.size()));
  size_t elements = 0;
  while (const uint32_t tag = input.ReadTag()) {
    if (!WireFormatLite::SkipField(&input, tag))
      return absl::InvalidArgumentError("body: malformed message");
    if (++elements > kMaxBodyElements) return absl::InvalidArgumentError("body: too many elements");
  }
  return absl::OkStatus();
}

}  // namespace

PackedBody PackBody(const google::protobuf::MessageLite& message) {
  const std::string content = message.SerializeAsString();
  PackedBody packed{Compress(content), static_cast<uint32_t>(content.size())};
  const size_t least = LeastCompressed(content.size());
  if (packed.bytes.size() < least)
    packed.bytes += Padding(std::max(least - packed.bytes.size(), kSkippableHeaderBytes));
  return packed;
}

absl::Status UnpackBody(absl::string_view body, uint32_t inflated_bytes, size_t max_inflated,
                        google::protobuf::MessageLite* message) {
  RETURN_IF_ERROR(CheckFrame(body, inflated_bytes, max_inflated));
  const std::unique_ptr<ZSTD_DCtx, FreeDecompressor> context(ZSTD_createDCtx());
  CHECK(context != nullptr);
  std::string content(inflated_bytes, '\0');
  const size_t size =
      ZSTD_decompressDCtx(context.get(), content.data(), content.size(), body.data(), body.size());
  if (ZSTD_isError(size) || size != content.size())
    return absl::InvalidArgumentError("body: damaged or truncated");
  RETURN_IF_ERROR(CheckElementCount(content));
  if (!message->ParseFromString(content))
    return absl::InvalidArgumentError("body: malformed message");
  return absl::OkStatus();
}

}  // namespace brigada
