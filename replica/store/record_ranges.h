// The records that certain feeds bring, in the order of their keys and between two of them:
// counted, cut into ranges, or listed. What a repair compares; never on the way of a normal sync.
#ifndef REPLICA_STORE_RECORD_RANGES_H_
#define REPLICA_STORE_RECORD_RANGES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/store/authority_store.h"
#include "replica/store/kv.h"
#include "replica/store/record_sum.h"
#include "replica/store/record_table.h"

namespace brigada {

// A key of the protocol: type (4 bytes, big endian) and id.
inline constexpr size_t kRangeKeyBytes = sizeof(uint32_t) + RecordId::kSize;

std::string RangeKey(uint32_t type_id, const RecordId& id);
// `key` has kRangeKeyBytes.
uint32_t TypeOfRangeKey(absl::string_view key);
RecordId IdOfRangeKey(absl::string_view key);

// The bounds that a peer sends: each empty or a whole key, `begin` before `end`.
absl::Status CheckRangeBounds(absl::string_view begin, absl::string_view end);

// Whose records.
struct RangeReader {
  const Registry* registry = nullptr;
  const KvReader* reader = nullptr;
  std::string partition;
  std::vector<v1::Feed> feeds;
  SumPolicy policy;
};

struct ScannedRecord {
  std::string key;
  const RecordType* type = nullptr;
  RecordStorage state;
  // The highest class in which the feeds bring it; unspecified: they do not, or it does not live.
  v1::DataClass readable = v1::DATA_CLASS_UNSPECIFIED;
  bool is_counted = false;  // it is readable and in the sums
  bool is_damaged = false;  // it cannot be decoded: nothing but the key is known, and not counted
  CountedSum sum;           // of what is readable
};

// One record as the reader has it.
ScannedRecord ScanRecord(const RangeReader& who, std::string key, RecordStorage state);

// Over every stored record in [begin, end). One thread; not longer than its reader.
class RangeScan {
 public:
  RangeScan(const RangeReader& who, absl::string_view begin, absl::string_view end);
  // Nullopt: the end.
  absl::StatusOr<std::optional<ScannedRecord>> Next();

 private:
  const RangeReader& who_;
  const std::string prefix_;
  std::unique_ptr<KvIterator> it_;
  bool is_begun_ = false;
};

// The sum of [begin, end), of at most `max_records` stored ones.
absl::StatusOr<RangeSlice> SumSlice(const RangeReader& who, absl::string_view begin,
                                    absl::string_view end, size_t max_records);

// [begin, end) as ranges of `records_per_part` records of the reader, the last one with the rest;
// `max_parts` at most.
absl::StatusOr<std::vector<v1::RecordRange>> CutRange(const RangeReader& who,
                                                      absl::string_view begin,
                                                      absl::string_view end,
                                                      uint64_t records_per_part, size_t max_parts);

}  // namespace brigada

#endif  // REPLICA_STORE_RECORD_RANGES_H_
