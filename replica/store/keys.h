// The keys of every table a record or a feed lives in; docs/on-disk-format.md draws them. Integers
// are big-endian, so that keys compare as numbers do; a partition or a scope is its path behind
// which a 0x00 stands, which no path contains.
//
//   records  partition 00 generation type(4) id(16)
//   index    partition 00 generation type(4) field(4) value id(16)
//   feeds    partition 00 scope 00 kind(1) sequence(8) type(4) id(16)
//   verdicts partition 00 'p' replica(16)                      how far a replica's change sets are
//            partition 00 's' replica(16) sequence(8)          the verdict of one change set
//            partition 00 'c' replica(16) commit_sequence(8)   finds it by its place in the feed
//            partition 00 'd' replica(16) sequence(8) user     a retry of it was accepted
//   rejected partition 00 'q' replica(16) sequence(8)          quarantined, at the authority
//            partition 00 'w' type(4) id(16) replica(16) sequence(8)   waits for that record
//   meta     name, or name 00 and what it is about
//
// value: in the form of index_value.h, which orders and ends itself; the scope path is indexed as a
// text under kScopeFieldNumber.
#ifndef REPLICA_STORE_KEYS_H_
#define REPLICA_STORE_KEYS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/base/ids.h"
#include "replica/store/kv.h"

namespace brigada {

// The generation of a scope's records and index that readers use. A bootstrap will fill the next
// one beside it; until then every store is in its first.
inline constexpr char kGeneration = '\0';

void AppendBigEndian32(uint32_t value, std::string* out);
void AppendBigEndian64(uint64_t value, std::string* out);
// Of the first 4 or 8 bytes; `bytes` has at least as many.
uint32_t BigEndian32(absl::string_view bytes);
uint64_t BigEndian64(absl::string_view bytes);
// An 8-byte value, and back; 0 when `bytes` is not 8 long.
std::string NumberValue(uint64_t value);
uint64_t NumberOf(absl::string_view bytes);

// `partition` and its 0x00: starts every key of the partition, in each table but meta.
std::string PartitionPrefix(absl::string_view partition);
// The partition of a key of those tables; empty when there is no 0x00.
absl::string_view PartitionOfKey(absl::string_view key);

std::string RecordKey(absl::string_view partition, uint32_t type_id, const RecordId& id);
// Starts the keys of all records of one type.
std::string RecordPrefix(absl::string_view partition, uint32_t type_id);
struct RecordKeyParts {
  absl::string_view partition;
  uint32_t type_id = 0;
  RecordId id;
};
// False when `key` is no record key. The parts point into it.
bool ParseRecordKey(absl::string_view key, RecordKeyParts* parts);

std::string IndexKey(absl::string_view partition, uint32_t type_id, uint32_t field,
                     absl::string_view value, const RecordId& id);
// Starts the keys of one field's index.
std::string IndexPrefix(absl::string_view partition, uint32_t type_id, uint32_t field);
// A bound inside IndexPrefix: at or after it are exactly the entries whose value is not less than
// `value` (a whole value or the beginning of one, in the form of index_value.h).
std::string IndexBound(absl::string_view prefix, absl::string_view value);
// The record an index key ends with; zero when it is too short.
RecordId IdOfIndexKey(absl::string_view key);

std::string FeedPrefix(absl::string_view partition, absl::string_view scope, v1::FeedKind kind);
std::string FeedKey(absl::string_view partition, absl::string_view scope, v1::FeedKind kind,
                    uint64_t sequence, uint32_t type_id, const RecordId& id);
// The position inside a feed after which the entries with a greater sequence stand.
std::string FeedBound(absl::string_view prefix, uint64_t after_sequence);
struct FeedKeyParts {
  uint64_t sequence = 0;
  uint32_t type_id = 0;
  RecordId id;
};
// Of a key that starts with a feed's prefix of `prefix_size` bytes.
bool ParseFeedKey(absl::string_view key, size_t prefix_size, FeedKeyParts* parts);

std::string ProgressKey(absl::string_view partition, const ReplicaId& replica);
std::string VerdictKey(absl::string_view partition, const ReplicaId& replica, uint64_t sequence);
std::string VerdictPlacePrefix(absl::string_view partition, const ReplicaId& replica);
// Its value is the change set's sequence (NumberValue).
std::string VerdictPlaceKey(absl::string_view partition, const ReplicaId& replica,
                            uint64_t commit_sequence);

// The change set as which `user` had the work of this one accepted, which had been refused
// (v1::Dot).
std::string DoneKey(absl::string_view partition, const ReplicaId& replica, uint64_t sequence,
                    absl::string_view user);

// In the rejected table: a change set whose content the authority keeps for a person to look at
// (v1::RejectedChangeSet).
std::string QuarantineKey(absl::string_view partition, const ReplicaId& replica, uint64_t sequence);
// Starts the keys of all of a partition.
std::string QuarantinePrefix(absl::string_view partition);

// Beside it, per record that it waits for (v1::WaitingChangeSet).
std::string WaitingPrefix(absl::string_view partition);
std::string WaitingKey(absl::string_view partition, uint32_t type_id, const RecordId& id,
                       const ReplicaId& replica, uint64_t sequence);

// Meta. Values: see docs/on-disk-format.md.
inline constexpr absl::string_view kFormatKey = "format";
inline constexpr absl::string_view kClockKey = "clock";
inline constexpr absl::string_view kOpenConflictsKey = "open_conflicts";
inline constexpr absl::string_view kDirectoryWritesKey = "directory_writes";
std::string RunKey(uint64_t number);                    // "run" 00 number
std::string EpochKey(uint64_t number);                  // "epochs" 00 number
std::string HeadKey(absl::string_view partition);       // "head" 00 partition
std::string CountKey(uint32_t type_id);                 // "count" 00 type
std::string CollectedKey(absl::string_view partition);  // "collected" 00 partition
std::string ScrubKey(absl::string_view partition);      // "scrub" 00 partition
// "sum" 00 partition 00, and behind it scope 00 kind(1): EncodeClassSums of what lies in that feed.
std::string SumPrefix(absl::string_view partition);
std::string SumKey(absl::string_view partition, absl::string_view scope, v1::FeedKind kind);
// The first two levels of a scope's path.
absl::string_view PartitionOfScope(absl::string_view scope);
absl::string_view AfterMetaName(absl::string_view key);  // what stands behind the 0x00

}  // namespace brigada

#endif  // REPLICA_STORE_KEYS_H_
