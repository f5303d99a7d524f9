#include "replica/store/record_ranges.h"

#include <algorithm>
#include <utility>

#include "replica/base/status_macros.h"
#include "replica/store/feed_cover.h"
#include "replica/store/keys.h"

namespace brigada {
namespace {

// What stands before the range key in a record's key.
std::string KeyPrefix(absl::string_view partition) {
  std::string prefix = PartitionPrefix(partition);
  prefix.push_back(kGeneration);
  return prefix;
}

std::string EndKey(absl::string_view prefix, absl::string_view end) {
  if (end.empty()) return PrefixEnd(prefix);
  std::string key(prefix);
  key.append(end.data(), end.size());
  return key;
}

}  // namespace

std::string RangeKey(uint32_t type_id, const RecordId& id) {
  std::string key;
  AppendBigEndian32(type_id, &key);
  key.append(id.bytes().data(), id.bytes().size());
  return key;
}

uint32_t TypeOfRangeKey(absl::string_view key) { return BigEndian32(key); }

RecordId IdOfRangeKey(absl::string_view key) {
  const absl::StatusOr<RecordId> id = RecordId::FromBytes(key.substr(sizeof(uint32_t)));
  return id.ok() ? *id : RecordId();
}

absl::Status CheckRangeBounds(absl::string_view begin, absl::string_view end) {
  const auto is_bound = [](absl::string_view key) {
    return key.empty() || key.size() == kRangeKeyBytes;
  };
  if (!is_bound(begin) || !is_bound(end)) return absl::InvalidArgumentError("range: not a key");
  if (!end.empty() && begin >= end)
    return absl::InvalidArgumentError("range: it ends before it begins");
  return absl::OkStatus();
}

ScannedRecord ScanRecord(const RangeReader& who, std::string key, RecordStorage state) {
  ScannedRecord record;
  record.key = std::move(key);
  record.type = who.registry->Find(TypeOfRangeKey(record.key));
  record.state = std::move(state);
  const Record& base = record.state.base;
  const std::string scope = base.is_live() ? base.scope() : "";
  if (scope.empty() || PartitionOfScope(scope) != who.partition) return record;
  record.readable = ReadableClass(who.feeds, scope, SumClassOf(record.type, base, who.policy));
  record.is_counted = record.readable != v1::DATA_CLASS_UNSPECIFIED && IsInSums(record.state);
  if (!record.is_counted) return record;
  const ClassSums sums = SumsOf(record.type, TypeOfRangeKey(record.key), IdOfRangeKey(record.key),
                                base, who.policy, record.state.untold);
  record.sum = sums.UpTo(record.readable);
  record.sum.Add(sums.unknown());
  return record;
}

RangeScan::RangeScan(const RangeReader& who, absl::string_view begin, absl::string_view end)
    : who_(who), prefix_(KeyPrefix(who.partition)) {
  std::string first = prefix_;
  first.append(begin.data(), begin.size());
  it_ = who.reader->Iterate(Table::kRecords, first, EndKey(prefix_, end));
}

absl::StatusOr<std::optional<ScannedRecord>> RangeScan::Next() {
  is_begun_ ? it_->Next() : it_->SeekToFirst();
  is_begun_ = true;
  if (!it_->Valid()) {
    RETURN_IF_ERROR(it_->status());
    return std::nullopt;
  }
  const absl::string_view key = it_->key().substr(prefix_.size());
  if (key.size() != kRangeKeyBytes) return absl::DataLossError("a record key is damaged");
  auto state = DecodeStorage(who_.registry->Find(TypeOfRangeKey(key)), it_->value());
  if (state.ok()) return ScanRecord(who_, std::string(key), *std::move(state));
  ScannedRecord damaged;
  damaged.key = std::string(key);
  damaged.is_damaged = true;
  return damaged;
}

absl::StatusOr<RangeSlice> SumSlice(const RangeReader& who, absl::string_view begin,
                                    absl::string_view end, size_t max_records) {
  RangeSlice slice;
  RangeScan scan(who, begin, end);
  for (size_t read = 0;; ++read) {
    ASSIGN_OR_RETURN(std::optional<ScannedRecord> record, scan.Next());
    if (!record.has_value()) return slice;
    if (read >= max_records) {
      slice.next = std::move(record->key);
      return slice;
    }
    ++slice.read;
    if (record->is_counted) slice.sum.Add(record->sum);
  }
}

absl::StatusOr<std::vector<v1::RecordRange>> CutRange(const RangeReader& who,
                                                      absl::string_view begin,
                                                      absl::string_view end,
                                                      uint64_t records_per_part, size_t max_parts) {
  std::vector<v1::RecordRange> parts;
  std::string part_begin(begin);
  CountedSum sum;
  const auto close = [&](absl::string_view part_end) {
    v1::RecordRange& part = parts.emplace_back();
    part.set_begin(std::exchange(part_begin, std::string(part_end)));
    part.set_end(std::string(part_end));
    part.set_count(sum.count);
    part.set_fingerprint(sum.Fingerprint());
    sum = CountedSum();
  };
  RangeScan scan(who, begin, end);
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<ScannedRecord> record, scan.Next());
    if (!record.has_value()) break;
    if (!record->is_counted) continue;
    if (sum.count >= records_per_part && parts.size() + 1 < max_parts) close(record->key);
    sum.Add(record->sum);
  }
  close(end);
  return parts;
}

}  // namespace brigada
