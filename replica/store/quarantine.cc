#include "replica/store/quarantine.h"

#include <memory>
#include <utility>

#include "replica/base/status_macros.h"
#include "replica/store/keys.h"

namespace brigada {
namespace {

int64_t Bytes(size_t size) { return static_cast<int64_t>(size); }

}  // namespace

absl::Status NotInQuarantine() {
  return absl::NotFoundError(
      "no such change set is in quarantine; list them with `brigada quarantine`");
}

absl::Status QuarantineCensus::Load(const KvReader& reader, absl::string_view partition) {
  const std::string prefix = QuarantinePrefix(partition);
  const auto it = reader.Iterate(Table::kRejected, prefix, PrefixEnd(prefix));
  for (it->SeekToFirst(); it->Valid(); it->Next())
    Add(it->key().substr(prefix.size(), ReplicaId::kSize), {1, Bytes(it->value().size())});
  return it->status();
}

void QuarantineCensus::Add(absl::string_view replica, const Share& share) {
  Share& of_replica = shares_[std::string(replica)];
  of_replica.sets += share.sets;
  of_replica.bytes += share.bytes;
  if (of_replica.sets == 0 && of_replica.bytes == 0) shares_.erase(std::string(replica));
  total_.sets += share.sets;
  total_.bytes += share.bytes;
}

void QuarantineCensus::Merge(const QuarantineCensus& other) {
  for (const auto& [replica, share] : other.shares_) Add(replica, share);
}

QuarantineCensus::Share QuarantineCensus::Of(absl::string_view replica) const {
  const auto found = shares_.find(replica);
  return found == shares_.end() ? Share() : found->second;
}

bool Quarantine::HasRoom(const ReplicaId& replica, size_t bytes) const {
  const auto fits = [&](const QuarantineCensus::Share& stored,
                        const QuarantineCensus::Share& staged, size_t max_sets, size_t max_bytes) {
    return stored.sets + staged.sets < Bytes(max_sets) &&
           stored.bytes + staged.bytes + Bytes(bytes) <= Bytes(max_bytes);
  };
  return fits(census_->Of(replica.bytes()), difference_.Of(replica.bytes()),
              kMaxQuarantinedPerReplica, kMaxQuarantinedBytesPerReplica) &&
         fits(census_->total(), difference_.total(), kMaxQuarantined, kMaxQuarantinedBytes);
}

bool Quarantine::HasRoomSetBack(const ReplicaId& replica, size_t bytes) const {
  return census_->Of(replica.bytes()).bytes + difference_.Of(replica.bytes()).bytes +
             Bytes(bytes) <=
         Bytes(kMaxQuarantinedBytesSetBack);
}

absl::Status Quarantine::Put(const std::string& key, const ReplicaId& replica, std::string value) {
  return Set(key, replica, std::move(value));
}

absl::Status Quarantine::Remove(const std::string& key, const ReplicaId& replica) {
  return Set(key, replica, std::nullopt);
}

absl::Status Quarantine::Set(const std::string& key, const ReplicaId& replica,
                             std::optional<std::string> value) {
  ASSIGN_OR_RETURN(const auto before, Find(key));
  if (!before.has_value() && !value.has_value()) return absl::OkStatus();
  QuarantineCensus::Share share;
  if (before.has_value()) share = {-1, -Bytes(before->size())};
  if (value.has_value()) share = {share.sets + 1, share.bytes + Bytes(value->size())};
  difference_.Add(replica.bytes(), share);
  rows_.Set(key, std::move(value));
  return absl::OkStatus();
}

}  // namespace brigada
