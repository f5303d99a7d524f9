#include "replica/store/authority_quarantine.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/store/keys.h"

namespace brigada {
namespace {

constexpr size_t kMaxPageBytes = size_t{1} << 20;
// Of a larger one only its partition is told, which asks more of who wants to see it.
constexpr int kMaxChangesLocated = 64;

absl::StatusOr<std::vector<std::string>> ScopesOf(const QuarantineReader& who,
                                                  const std::string& partition,
                                                  const v1::ChangeSet& set) {
  v1::ChangeSetBody body;
  if (!set.has_body() || !body.ParseFromString(set.body()) || body.changes().empty() ||
      body.changes_size() > kMaxChangesLocated)
    return std::vector<std::string>{partition};
  std::set<std::string> scopes;
  for (const v1::Change& change : body.changes()) {
    const absl::StatusOr<RecordId> id = RecordId::FromBytes(change.record_id());
    std::vector<std::string> places;
    if (id.ok()) {
      absl::StatusOr<std::vector<std::string>> found = who.places_of(change.type_id(), *id);
      // Where a damaged record is nobody can say.
      if (found.ok()) places = *std::move(found);
    }
    if (!change.scope().empty()) places.push_back(change.scope());
    if (places.empty()) places.push_back(partition);
    scopes.insert(places.begin(), places.end());
  }
  return std::vector<std::string>(scopes.begin(), scopes.end());
}

absl::StatusOr<QuarantinedSet> Read(const QuarantineReader& who, const std::string& partition,
                                    const ReplicaId& replica, uint64_t sequence,
                                    absl::string_view value) {
  QuarantinedSet set;
  set.partition = partition;
  set.replica = replica;
  set.sequence = sequence;
  // A damaged one is told of too, without a reason.
  if (!set.kept.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    Log(LogLevel::kError, "quarantined_set_damaged", {{"partition", partition}});
    set.kept.Clear();
  }
  ASSIGN_OR_RETURN(set.scopes, ScopesOf(who, partition, set.kept.change_set()));
  return set;
}

}  // namespace

absl::StatusOr<std::optional<QuarantinedSet>> FindQuarantinedSet(const QuarantineReader& who,
                                                                 absl::string_view partition,
                                                                 const ReplicaId& replica,
                                                                 uint64_t sequence) {
  ASSIGN_OR_RETURN(const auto value,
                   who.reader->Get(Table::kRejected, QuarantineKey(partition, replica, sequence)));
  if (!value.has_value()) return std::optional<QuarantinedSet>();
  ASSIGN_OR_RETURN(QuarantinedSet set,
                   Read(who, std::string(partition), replica, sequence, *value));
  return std::optional<QuarantinedSet>(std::move(set));
}

absl::StatusOr<QuarantinePage> ReadQuarantinePage(const QuarantineReader& who,
                                                  absl::string_view after, size_t max_sets) {
  constexpr size_t kPlaceBytes = ReplicaId::kSize + sizeof(uint64_t);
  QuarantinePage page;
  size_t bytes = 0;
  std::string last;
  for (const std::string& partition : who.partitions) {
    const std::string prefix = QuarantinePrefix(partition);
    const std::string end = PrefixEnd(prefix);
    std::string begin(after);
    begin.push_back('\0');
    begin = std::max(begin, prefix);
    if (begin >= end) continue;
    const auto it = who.reader->Iterate(Table::kRejected, begin, end);
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      if (page.sets.size() >= max_sets || bytes >= kMaxPageBytes) {
        page.next = std::move(last);
        return page;
      }
      last = std::string(it->key());
      bytes += it->value().size();
      const absl::string_view place = it->key().substr(prefix.size());
      if (place.size() != kPlaceBytes) continue;
      ASSIGN_OR_RETURN(const ReplicaId replica,
                       ReplicaId::FromBytes(place.substr(0, ReplicaId::kSize)));
      ASSIGN_OR_RETURN(
          QuarantinedSet set,
          Read(who, partition, replica, BigEndian64(place.substr(ReplicaId::kSize)), it->value()));
      page.sets.push_back(std::move(set));
    }
    RETURN_IF_ERROR(it->status());
  }
  return page;
}

}  // namespace brigada
