// The floor: the least a server and a device could do. It streams the same people as JSON, batched
// and compressed as the product does, over the same gRPC stream and TLS, into a plain RocksDB:
// write batches, one fsync at the end. No merge, index, feed, chain, signature or verdict.
#ifndef BENCH_FLOOR_H_
#define BENCH_FLOOR_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "bench/floor_codec.h"

namespace brigada::bench {

// A plain RocksDB of records. Thread safe.
class FloorStore {
 public:
  virtual ~FloorStore() = default;
  static absl::StatusOr<std::unique_ptr<FloorStore>> Open(const std::string& path);

  // Without fsync.
  virtual absl::Status PutBatch(absl::string_view inflated) = 0;
  // The same for one record; `durable`: with fsync.
  virtual absl::Status Put(const FloorRecord& record, bool durable) = 0;
  // kNotFound.
  virtual absl::StatusOr<std::string> Get(absl::string_view key) const = 0;
  virtual absl::Status Fsync() = 0;
  // Calls `send` with inflated batches of all records, each of about a product batch's size.
  virtual absl::Status ForEachBatch(
      const std::function<absl::Status(const std::string&)>& send) const = 0;
};

// Serves a store until the input of this process ends. The directory is that of an organization,
// for its server certificate.
absl::Status ServeFloor(FloorStore& store, Codec codec, const std::string& organization, int port);

struct FloorTraffic {
  uint64_t records = 0;
  uint64_t sent_bytes = 0;
  uint64_t received_bytes = 0;
};

// A device's end. One thread.
class FloorClient {
 public:
  virtual ~FloorClient() = default;
  static std::unique_ptr<FloorClient> Connect(int port, const std::string& organization,
                                              Codec codec);

  // Sends the records and waits until the server has synced them.
  virtual absl::StatusOr<FloorTraffic> Push(absl::Span<const FloorRecord> records) = 0;
  // Takes every record the server has into `store`, with one fsync.
  virtual absl::StatusOr<FloorTraffic> Pull(FloorStore& store) = 0;
  // A round trip with a synced write at the server.
  virtual absl::Status Ping() = 0;
};

}  // namespace brigada::bench

#endif  // BENCH_FLOOR_H_
