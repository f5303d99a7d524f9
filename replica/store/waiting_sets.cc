#include "replica/store/waiting_sets.h"

#include <algorithm>
#include <array>
#include <memory>
#include <tuple>
#include <utility>

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

absl::StatusOr<v1::WaitingChangeSet> Parse(absl::string_view value) {
  v1::WaitingChangeSet set;
  if (!set.ParseFromArray(value.data(), static_cast<int>(value.size())))
    return absl::DataLossError("a waiting change set is damaged");
  return set;
}

}  // namespace

void WaitingSets::Add(absl::string_view partition, uint32_t type_id, const RecordId& id,
                      const v1::WaitingChangeSet& set) {
  changed_[KeyOf(partition, type_id, id, set.dot())] = set.SerializeAsString();
}

void WaitingSets::Remove(absl::string_view partition, uint32_t type_id, const RecordId& id,
                         const v1::Dot& dot) {
  changed_[KeyOf(partition, type_id, id, dot)] = std::nullopt;
}

absl::StatusOr<std::vector<v1::WaitingChangeSet>> WaitingSets::Find(absl::string_view partition,
                                                                    uint32_t type_id,
                                                                    const RecordId& id) const {
  constexpr size_t kDotBytes = ReplicaId::kSize + sizeof(uint64_t);
  std::string prefix = WaitingKey(partition, type_id, id, ReplicaId(), 0);
  prefix.resize(prefix.size() - kDotBytes);
  std::map<std::string, std::string> values;
  const auto it = reader_->Iterate(Table::kRejected, prefix, PrefixEnd(prefix));
  for (it->SeekToFirst(); it->Valid(); it->Next())
    values.emplace(std::string(it->key()), std::string(it->value()));
  RETURN_IF_ERROR(it->status());
  for (auto at = changed_.lower_bound(prefix);
       at != changed_.end() && at->first.compare(0, prefix.size(), prefix) == 0; ++at) {
    if (at->second.has_value()) {
      values[at->first] = *at->second;
    } else {
      values.erase(at->first);
    }
  }
  std::vector<v1::WaitingChangeSet> sets;
  for (const auto& [key, value] : values) {
    ASSIGN_OR_RETURN(sets.emplace_back(), Parse(value));
  }
  const auto order = [](const v1::WaitingChangeSet& set) {
    return std::make_tuple(set.before().verdict().commit_sequence(), set.dot().replica(),
                           set.dot().sequence());
  };
  std::sort(sets.begin(), sets.end(),
            [&](const auto& a, const auto& b) { return order(a) < order(b); });
  return sets;
}

void WaitingSets::Stage(KvBatch* batch) const {
  for (const auto& [key, value] : changed_) {
    if (value.has_value()) {
      batch->Put(Table::kRejected, key, *value);
    } else {
      batch->Delete(Table::kRejected, key);
    }
  }
}

absl::StatusOr<std::vector<std::string>> WaitingSets::Users(
    const KvReader& reader, absl::Span<const std::string> partitions) {
  std::vector<std::string> users;
  for (const std::string& partition : partitions) {
    const std::string prefix = WaitingPrefix(partition);
    const auto it = reader.Iterate(Table::kRejected, prefix, PrefixEnd(prefix));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      ASSIGN_OR_RETURN(const v1::WaitingChangeSet set, Parse(it->value()));
      if (std::find(users.begin(), users.end(), set.user()) == users.end())
        users.push_back(set.user());
    }
    RETURN_IF_ERROR(it->status());
  }
  return users;
}

}  // namespace brigada
