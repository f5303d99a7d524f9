#include "replica/store/keys.h"

#include "absl/strings/str_cat.h"

namespace brigada {
namespace {

constexpr size_t kIdSize = RecordId::kSize;

RecordId IdAtEnd(absl::string_view key) {
  auto id = RecordId::FromBytes(key.substr(key.size() - kIdSize));
  return id.ok() ? *id : RecordId();
}

uint64_t ReadBigEndian(absl::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = (value << 8) | static_cast<uint8_t>(c);
  return value;
}

void AppendMetaName(absl::string_view name, std::string* out) {
  absl::StrAppend(out, name);
  out->push_back('\0');
}

}  // namespace

void AppendBigEndian32(uint32_t value, std::string* out) {
  for (int shift = 24; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}

void AppendBigEndian64(uint64_t value, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}

uint32_t BigEndian32(absl::string_view bytes) {
  return static_cast<uint32_t>(ReadBigEndian(bytes.substr(0, 4)));
}

uint64_t BigEndian64(absl::string_view bytes) { return ReadBigEndian(bytes.substr(0, 8)); }

std::string NumberValue(uint64_t value) {
  std::string bytes;
  AppendBigEndian64(value, &bytes);
  return bytes;
}

uint64_t NumberOf(absl::string_view bytes) { return bytes.size() == 8 ? BigEndian64(bytes) : 0; }

std::string PartitionPrefix(absl::string_view partition) {
  std::string key;
  key.reserve(partition.size() + 64);
  key.append(partition.data(), partition.size());
  key.push_back('\0');
  return key;
}

absl::string_view PartitionOfKey(absl::string_view key) {
  const size_t end = key.find('\0');
  return end == absl::string_view::npos ? absl::string_view() : key.substr(0, end);
}

std::string RecordPrefix(absl::string_view partition, uint32_t type_id) {
  std::string key = PartitionPrefix(partition);
  key.push_back(kGeneration);
  AppendBigEndian32(type_id, &key);
  return key;
}

std::string RecordKey(absl::string_view partition, uint32_t type_id, const RecordId& id) {
  std::string key = RecordPrefix(partition, type_id);
  key.append(id.bytes().data(), kIdSize);
  return key;
}

bool ParseRecordKey(absl::string_view key, RecordKeyParts* parts) {
  parts->partition = PartitionOfKey(key);
  if (parts->partition.empty()) return false;
  const absl::string_view rest = key.substr(parts->partition.size() + 1);
  if (rest.size() != 1 + 4 + kIdSize) return false;
  parts->type_id = BigEndian32(rest.substr(1));
  parts->id = IdAtEnd(rest);
  return true;
}

std::string IndexPrefix(absl::string_view partition, uint32_t type_id, uint32_t field) {
  std::string key = RecordPrefix(partition, type_id);
  AppendBigEndian32(field, &key);
  return key;
}

std::string IndexKey(absl::string_view partition, uint32_t type_id, uint32_t field,
                     absl::string_view value, const RecordId& id) {
  std::string key = IndexPrefix(partition, type_id, field);
  key.append(value.data(), value.size());
  key.append(id.bytes().data(), kIdSize);
  return key;
}

std::string IndexBound(absl::string_view prefix, absl::string_view value) {
  return absl::StrCat(prefix, value);
}

RecordId IdOfIndexKey(absl::string_view key) {
  return key.size() < kIdSize ? RecordId() : IdAtEnd(key);
}

std::string FeedPrefix(absl::string_view partition, absl::string_view scope, v1::FeedKind kind) {
  std::string key = PartitionPrefix(partition);
  key.append(scope.data(), scope.size());
  key.push_back('\0');
  key.push_back(static_cast<char>(kind));
  return key;
}

std::string FeedKey(absl::string_view partition, absl::string_view scope, v1::FeedKind kind,
                    uint64_t sequence, uint32_t type_id, const RecordId& id) {
  std::string key = FeedPrefix(partition, scope, kind);
  AppendBigEndian64(sequence, &key);
  AppendBigEndian32(type_id, &key);
  key.append(id.bytes().data(), kIdSize);
  return key;
}

std::string FeedBound(absl::string_view prefix, uint64_t after_sequence) {
  if (after_sequence == UINT64_MAX) return PrefixEnd(prefix);
  std::string key(prefix);
  AppendBigEndian64(after_sequence + 1, &key);
  return key;
}

bool ParseFeedKey(absl::string_view key, size_t prefix_size, FeedKeyParts* parts) {
  if (key.size() != prefix_size + 8 + 4 + kIdSize) return false;
  parts->sequence = BigEndian64(key.substr(prefix_size));
  parts->type_id = BigEndian32(key.substr(prefix_size + 8));
  parts->id = IdAtEnd(key);
  return true;
}

namespace {

std::string ReplicaKey(absl::string_view partition, char kind, const ReplicaId& replica) {
  std::string key = PartitionPrefix(partition);
  key.push_back(kind);
  key.append(replica.bytes().data(), ReplicaId::kSize);
  return key;
}

}  // namespace

std::string ProgressKey(absl::string_view partition, const ReplicaId& replica) {
  return ReplicaKey(partition, 'p', replica);
}

std::string VerdictKey(absl::string_view partition, const ReplicaId& replica, uint64_t sequence) {
  std::string key = ReplicaKey(partition, 's', replica);
  AppendBigEndian64(sequence, &key);
  return key;
}

std::string VerdictPlacePrefix(absl::string_view partition, const ReplicaId& replica) {
  return ReplicaKey(partition, 'c', replica);
}

std::string VerdictPlaceKey(absl::string_view partition, const ReplicaId& replica,
                            uint64_t commit_sequence) {
  std::string key = VerdictPlacePrefix(partition, replica);
  AppendBigEndian64(commit_sequence, &key);
  return key;
}

std::string DoneKey(absl::string_view partition, const ReplicaId& replica, uint64_t sequence,
                    absl::string_view user) {
  std::string key = ReplicaKey(partition, 'd', replica);
  AppendBigEndian64(sequence, &key);
  absl::StrAppend(&key, user);
  return key;
}

std::string QuarantineKey(absl::string_view partition, const ReplicaId& replica,
                          uint64_t sequence) {
  std::string key = ReplicaKey(partition, 'q', replica);
  AppendBigEndian64(sequence, &key);
  return key;
}

std::string QuarantinePrefix(absl::string_view partition) {
  std::string key = PartitionPrefix(partition);
  key.push_back('q');
  return key;
}

std::string WaitingPrefix(absl::string_view partition) {
  return absl::StrCat(PartitionPrefix(partition), "w");
}

std::string WaitingKey(absl::string_view partition, uint32_t type_id, const RecordId& id,
                       const ReplicaId& replica, uint64_t sequence) {
  std::string key = WaitingPrefix(partition);
  AppendBigEndian32(type_id, &key);
  absl::StrAppend(&key, id.bytes(), replica.bytes());
  AppendBigEndian64(sequence, &key);
  return key;
}

std::string RunKey(uint64_t number) {
  std::string key;
  AppendMetaName("run", &key);
  AppendBigEndian64(number, &key);
  return key;
}

std::string EpochKey(uint64_t number) {
  std::string key;
  AppendMetaName("epochs", &key);
  AppendBigEndian64(number, &key);
  return key;
}

std::string HeadKey(absl::string_view partition) {
  std::string key;
  AppendMetaName("head", &key);
  absl::StrAppend(&key, partition);
  return key;
}

std::string CountKey(uint32_t type_id) {
  std::string key;
  AppendMetaName("count", &key);
  AppendBigEndian32(type_id, &key);
  return key;
}

std::string CollectedKey(absl::string_view partition) {
  std::string key;
  AppendMetaName("collected", &key);
  absl::StrAppend(&key, partition);
  return key;
}

std::string ScrubKey(absl::string_view partition) {
  std::string key;
  AppendMetaName("scrub", &key);
  absl::StrAppend(&key, partition);
  return key;
}

std::string SumPrefix(absl::string_view partition) {
  std::string key;
  AppendMetaName("sum", &key);
  return absl::StrCat(key, PartitionPrefix(partition));
}

std::string SumKey(absl::string_view partition, absl::string_view scope, v1::FeedKind kind) {
  std::string key = absl::StrCat(SumPrefix(partition), scope);
  key.push_back('\0');
  key.push_back(static_cast<char>(kind));
  return key;
}

absl::string_view PartitionOfScope(absl::string_view scope) {
  const size_t first = scope.find('/');
  if (first == absl::string_view::npos) return scope;
  return scope.substr(0, scope.find('/', first + 1));
}

absl::string_view AfterMetaName(absl::string_view key) {
  const size_t end = key.find('\0');
  return end == absl::string_view::npos ? absl::string_view() : key.substr(end + 1);
}

}  // namespace brigada
