// The floor's records and batches: a key and a line of JSON each, one after the other, compressed
// as one.
#ifndef BENCH_FLOOR_CODEC_H_
#define BENCH_FLOOR_CODEC_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace brigada::bench {

struct FloorRecord {
  std::string key;  // 16 bytes, as a record id
  std::string json;
};

// Generated people as JSON; the same for the same seed.
std::vector<FloorRecord> SampleRecords(int count, uint64_t seed);

enum class Codec { kZstd, kGzip };
// "zstd" or "gzip".
absl::StatusOr<Codec> ParseCodec(absl::string_view name);
// At the level the product uses (zstd 3), or gzip's default.
std::string Compress(Codec codec, absl::string_view content);
absl::StatusOr<std::string> Inflate(Codec codec, absl::string_view compressed, size_t size);

void AppendRecord(absl::string_view key, absl::string_view json, std::string* batch);
// Calls `take` with each record of an inflated batch. kDataLoss: it is cut short.
absl::Status ForEachRecord(
    absl::string_view batch,
    const std::function<void(absl::string_view key, absl::string_view json)>& take);

}  // namespace brigada::bench

#endif  // BENCH_FLOOR_CODEC_H_
