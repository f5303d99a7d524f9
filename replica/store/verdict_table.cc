#include "replica/store/verdict_table.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/store/keys.h"

namespace brigada {

absl::StatusOr<v1::ReplicaProgress> ReadProgress(const KvReader& reader,
                                                 absl::string_view partition,
                                                 const ReplicaId& replica) {
  v1::ReplicaProgress progress;
  ASSIGN_OR_RETURN(const auto bytes, reader.Get(Table::kVerdicts, ProgressKey(partition, replica)));
  if (bytes.has_value() && !progress.ParseFromString(*bytes)) {
    return absl::DataLossError(
        absl::StrCat("read the progress of replica ", replica.ToString(), ": damaged"));
  }
  return progress;
}

absl::StatusOr<std::optional<v1::StoredVerdict>> ReadVerdict(const KvReader& reader,
                                                             absl::string_view partition,
                                                             const ReplicaId& replica,
                                                             uint64_t sequence) {
  ASSIGN_OR_RETURN(const auto bytes,
                   reader.Get(Table::kVerdicts, VerdictKey(partition, replica, sequence)));
  if (!bytes.has_value()) return std::nullopt;
  v1::StoredVerdict verdict;
  if (!verdict.ParseFromString(*bytes)) {
    return absl::DataLossError(
        absl::StrCat("read verdict ", sequence, " of replica ", replica.ToString(), ": damaged"));
  }
  return verdict;
}

absl::StatusOr<v1::ReplicaProgress*> VerdictBatch::Progress(absl::string_view partition,
                                                            const ReplicaId& replica) {
  std::string key = ProgressKey(partition, replica);
  const auto known = progress_.find(key);
  if (known != progress_.end()) return &known->second;
  ASSIGN_OR_RETURN(v1::ReplicaProgress progress, ReadProgress(*reader_, partition, replica));
  return &progress_.emplace(std::move(key), std::move(progress)).first->second;
}

absl::StatusOr<std::optional<v1::StoredVerdict>> VerdictBatch::Find(absl::string_view partition,
                                                                    const ReplicaId& replica,
                                                                    uint64_t sequence) const {
  const auto added = added_.find(VerdictKey(partition, replica, sequence));
  if (added != added_.end()) return added->second;
  return ReadVerdict(*reader_, partition, replica, sequence);
}

void VerdictBatch::Add(absl::string_view partition, const ReplicaId& replica,
                       const v1::StoredVerdict& verdict) {
  const uint64_t sequence = verdict.verdict().sequence();
  places_.Put(Table::kVerdicts,
              VerdictPlaceKey(partition, replica, verdict.verdict().commit_sequence()),
              NumberValue(sequence));
  added_[VerdictKey(partition, replica, sequence)] = verdict;
}

void VerdictBatch::Stage(KvBatch* batch) const {
  for (const KvBatch::Op& op : places_.ops()) batch->Put(op.table, op.key, op.value);
  for (const auto& [key, verdict] : added_)
    batch->Put(Table::kVerdicts, key, verdict.SerializeAsString());
  for (const auto& [key, progress] : progress_) {
    if (progress.sequence() > 0) batch->Put(Table::kVerdicts, key, progress.SerializeAsString());
  }
}

}  // namespace brigada
