#include "bench/floor_codec.h"

#include <zstd.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "bench/sample_people.h"
#include "google/protobuf/io/gzip_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/util/json_util.h"
#include "replica/base/check.h"
#include "replica/base/clock.h"
#include "replica/base/ids.h"
#include "replica/base/random.h"

namespace brigada::bench {
namespace {

constexpr int kZstdLevel = 3;
constexpr size_t kKeyBytes = 16;

std::string CompressGzip(absl::string_view content) {
  std::string compressed;
  {
    google::protobuf::io::StringOutputStream sink(&compressed);
    google::protobuf::io::GzipOutputStream gzip(&sink);
    void* buffer = nullptr;
    int size = 0;
    while (!content.empty() && gzip.Next(&buffer, &size)) {
      const size_t part = std::min(content.size(), static_cast<size_t>(size));
      std::memcpy(buffer, content.data(), part);
      gzip.BackUp(size - static_cast<int>(part));
      content.remove_prefix(part);
    }
  }
  return compressed;
}

std::string InflateGzip(absl::string_view compressed, size_t size) {
  google::protobuf::io::ArrayInputStream source(compressed.data(),
                                                static_cast<int>(compressed.size()));
  google::protobuf::io::GzipInputStream gzip(&source);
  std::string content;
  content.reserve(size);
  const void* buffer = nullptr;
  int part = 0;
  while (gzip.Next(&buffer, &part))
    content.append(static_cast<const char*>(buffer), static_cast<size_t>(part));
  return content;
}

}  // namespace

std::vector<FloorRecord> SampleRecords(int count, uint64_t seed) {
  SeededRandom random(seed);
  std::vector<FloorRecord> records;
  for (int i = 0; i < count; ++i) {
    FloorRecord record;
    record.key = NewRecordId(SystemClock().Now(), random).AsBytes();
    CHECK(google::protobuf::util::MessageToJsonString(SamplePerson(random), &record.json).ok());
    records.push_back(std::move(record));
  }
  return records;
}

absl::StatusOr<Codec> ParseCodec(absl::string_view name) {
  if (name == "zstd") return Codec::kZstd;
  if (name == "gzip") return Codec::kGzip;
  return absl::InvalidArgumentError("the codecs are zstd and gzip");
}

std::string Compress(Codec codec, absl::string_view content) {
  if (codec == Codec::kGzip) return CompressGzip(content);
  std::string compressed(ZSTD_compressBound(content.size()), '\0');
  const size_t size = ZSTD_compress(compressed.data(), compressed.size(), content.data(),
                                    content.size(), kZstdLevel);
  CHECK(!ZSTD_isError(size));
  compressed.resize(size);
  return compressed;
}

absl::StatusOr<std::string> Inflate(Codec codec, absl::string_view compressed, size_t size) {
  std::string content;
  if (codec == Codec::kGzip) {
    content = InflateGzip(compressed, size);
  } else {
    content.resize(size);
    const size_t inflated =
        ZSTD_decompress(content.data(), content.size(), compressed.data(), compressed.size());
    if (ZSTD_isError(inflated)) return absl::DataLossError("a batch does not inflate");
    content.resize(inflated);
  }
  if (content.size() != size) return absl::DataLossError("a batch inflates to another size");
  return content;
}

void AppendRecord(absl::string_view key, absl::string_view json, std::string* batch) {
  const auto size = static_cast<uint32_t>(json.size());
  batch->append(key.data(), key.size());
  batch->append(reinterpret_cast<const char*>(&size), sizeof(size));
  batch->append(json.data(), json.size());
}

absl::Status ForEachRecord(absl::string_view batch,
                           const std::function<void(absl::string_view, absl::string_view)>& take) {
  while (!batch.empty()) {
    uint32_t size = 0;
    if (batch.size() < kKeyBytes + sizeof(size)) return absl::DataLossError("a batch is cut short");
    std::memcpy(&size, batch.data() + kKeyBytes, sizeof(size));
    if (batch.size() < kKeyBytes + sizeof(size) + size)
      return absl::DataLossError("a batch is cut short");
    take(batch.substr(0, kKeyBytes), batch.substr(kKeyBytes + sizeof(size), size));
    batch.remove_prefix(kKeyBytes + sizeof(size) + size);
  }
  return absl::OkStatus();
}

}  // namespace brigada::bench
