#include "replica/store/waiting_sets.h"

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>

#include "replica/base/limits.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/store/keys.h"

namespace brigada {
namespace {

std::string KeyOf(absl::string_view partition, uint32_t type_id, const RecordId& id,
                  const v1::Dot& dot) {
  // A dot that this store wrote has 16 bytes.
  const absl::StatusOr<ReplicaId> replica = ReplicaId::FromBytes(dot.replica());
  return WaitingKey(partition, type_id, id, replica.value_or(ReplicaId()), dot.sequence());
}

// Of a damaged one nothing more is known. Its content stays in quarantine, and nobody else's work
// waits for it.
std::optional<v1::WaitingChangeSet> Parse(absl::string_view value) {
  v1::WaitingChangeSet set;
  if (!set.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    Log(LogLevel::kError, "waiting_set_damaged");
    return std::nullopt;
  }
  return set;
}

}  // namespace

absl::Status WaitingCensus::Load(const KvReader& reader, absl::string_view partition) {
  const std::string prefix = WaitingPrefix(partition);
  const auto it = reader.Iterate(Table::kRejected, prefix, PrefixEnd(prefix));
  for (it->SeekToFirst(); it->Valid(); it->Next())
    if (const auto set = Parse(it->value()); set.has_value()) Add(*set);
  return it->status();
}

void WaitingCensus::Merge(const WaitingCensus& other) {
  for (const auto& [user, count] : other.users_) Count(user, count, &users_);
  for (const auto& [replica, count] : other.replicas_) Count(replica, count, &replicas_);
}

int64_t WaitingCensus::CountOf(absl::string_view replica) const {
  const auto found = replicas_.find(replica);
  return found == replicas_.end() ? 0 : found->second;
}

std::vector<std::string> WaitingCensus::Users() const {
  std::vector<std::string> users;
  users.reserve(users_.size());
  for (const auto& [user, count] : users_) users.push_back(user);
  return users;
}

void WaitingCensus::Count(const v1::WaitingChangeSet& set, int64_t by) {
  Count(set.user(), by, &users_);
  Count(set.dot().replica(), by, &replicas_);
}

void WaitingCensus::Count(const std::string& key, int64_t by, Counts* counts) {
  const auto at = counts->try_emplace(key).first;
  at->second += by;
  if (at->second == 0) counts->erase(at);
}

bool WaitingSets::HasRoom(const ReplicaId& replica, size_t records) const {
  return census_->CountOf(replica.bytes()) + difference_.CountOf(replica.bytes()) +
             static_cast<int64_t>(records) <=
         static_cast<int64_t>(kMaxWaitingPerReplica);
}

absl::Status WaitingSets::Add(absl::string_view partition, uint32_t type_id, const RecordId& id,
                              const v1::WaitingChangeSet& set) {
  const std::string key = KeyOf(partition, type_id, id, set.dot());
  ASSIGN_OR_RETURN(const auto stored, rows_.Get(key));
  if (!stored.has_value()) difference_.Add(set);
  rows_.Set(key, set.SerializeAsString());
  return absl::OkStatus();
}

absl::Status WaitingSets::Remove(absl::string_view partition, uint32_t type_id, const RecordId& id,
                                 const v1::WaitingChangeSet& set) {
  const std::string key = KeyOf(partition, type_id, id, set.dot());
  ASSIGN_OR_RETURN(const auto stored, rows_.Get(key));
  if (stored.has_value()) difference_.Remove(set);
  rows_.Set(key, std::nullopt);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::WaitingChangeSet>> WaitingSets::Find(absl::string_view partition,
                                                                    uint32_t type_id,
                                                                    const RecordId& id) const {
  constexpr size_t kDotBytes = ReplicaId::kSize + sizeof(uint64_t);
  std::string prefix = WaitingKey(partition, type_id, id, ReplicaId(), 0);
  prefix.resize(prefix.size() - kDotBytes);
  ASSIGN_OR_RETURN(const auto values, rows_.Under(prefix));
  std::vector<v1::WaitingChangeSet> sets;
  for (const auto& [key, value] : values)
    if (auto set = Parse(value); set.has_value()) sets.push_back(*std::move(set));
  const auto order = [](const v1::WaitingChangeSet& set) {
    return std::make_tuple(set.before().verdict().commit_sequence(), set.dot().replica(),
                           set.dot().sequence());
  };
  std::sort(sets.begin(), sets.end(),
            [&](const auto& a, const auto& b) { return order(a) < order(b); });
  return sets;
}

}  // namespace brigada
