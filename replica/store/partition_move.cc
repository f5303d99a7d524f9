#include "replica/store/partition_move.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "replica/base/status_macros.h"
#include "replica/merge/origin.h"
#include "replica/schema/scope.h"
#include "replica/store/keys.h"

namespace brigada {
namespace {

// More stubs than there are partitions lead in a circle.
constexpr int kMaxStubs = 128;

std::string DotOf(const ReplicaId& replica, uint64_t origin_sequence) {
  std::string dot = replica.AsBytes();
  AppendBigEndian64(origin_sequence, &dot);
  return dot;
}

uint64_t OriginFrom(absl::string_view partition, uint64_t origin) {
  return OriginMark(origin) != 0 ? origin : OriginElsewhere(partition, origin);
}

// The record as it arrives from `partition` at commit sequence `sequence`.
Record Arriving(Record record, absl::string_view partition, uint64_t sequence) {
  for (WriteRef& write : record.writes) {
    write.origin_sequence = OriginFrom(partition, write.origin_sequence);
    write.sequence = sequence;
  }
  for (PastState& past : record.past_states) {
    past.origin_sequence = OriginFrom(partition, past.origin_sequence);
    past.sequence = sequence;
  }
  const auto scope = Scope::Parse(record.scope());
  record.entered.assign(scope.ok() ? scope->LevelsInPartition().size() : 0, sequence);
  record.sequence = sequence;
  return record;
}

// What `record` looked like here; of a write that has been here before the first time counts.
std::vector<FormerWrite> FormerOf(const TrialRecord& leaving) {
  const std::string& partition = leaving.slot->partition;
  std::vector<FormerWrite> all;
  std::set<std::string> known;
  const auto add = [&](const ReplicaId& replica, uint64_t origin, uint64_t sequence) {
    origin = OriginFrom(partition, origin);
    if (!known.insert(DotOf(replica, origin)).second) return;
    for (const FormerWrite& before : leaving.former) {
      if (before.replica == replica && before.origin_sequence == origin)
        sequence = std::min(sequence, before.sequence);
    }
    all.push_back({replica, origin, sequence});
  };
  for (const WriteRef& write : leaving.record.writes)
    add(write.replica, write.origin_sequence, write.sequence);
  for (const PastState& past : leaving.record.past_states)
    add(past.replica, past.origin_sequence, past.sequence);
  return all;
}

void AddPartition(absl::string_view partition, std::vector<std::string>* partitions) {
  if (std::find(partitions->begin(), partitions->end(), partition) == partitions->end())
    partitions->emplace_back(partition);
}

void MoveOut(uint64_t left_at, uint64_t arrives_at, TrialRecord* from, TrialRecord* to) {
  const std::string& partition = from->slot->partition;
  to->record = Arriving(from->record, partition, arrives_at);
  to->left.reset();
  to->came_from = from->came_from;
  AddPartition(partition, &to->came_from);
  std::erase(to->came_from, to->slot->partition);
  to->is_changed = true;
  from->left = Leaving{from->record.scope(), left_at, ClassOf(from->slot->type, from->record)};
  from->former = FormerOf(*from);
  from->record = Record();
}

}  // namespace

absl::StatusOr<TrialRecord*> FollowStubs(TrialRecord* home, TrialRecords* records) {
  TrialRecord* at = home;
  for (int i = 0; at->left.has_value(); ++i) {
    if (i == kMaxStubs) return absl::DataLossError("a moved record is in no partition");
    ASSIGN_OR_RETURN(
        at, records->Open(PartitionOfScope(at->left->scope), at->slot->type_id, at->slot->id));
  }
  return at;
}

WriteContext ContextAtHome(const WriteContext& plain, const TrialRecord& home) {
  WriteContext context = plain;
  for (const FormerWrite& write : home.former) {
    if (write.sequence <= plain.seen)
      context.confirmed.insert(DotOf(write.replica, write.origin_sequence));
  }
  return context;
}

WriteContext ContextElsewhere(const WriteContext& plain, const TrialRecord& home,
                              uint64_t sequence) {
  const std::string& partition = home.slot->partition;
  WriteContext context = ContextAtHome(plain, home);
  for (const std::string& dot : plain.provisional) {
    const absl::string_view bytes = dot;
    const uint64_t origin = BigEndian64(bytes.substr(ReplicaId::kSize));
    std::string elsewhere(bytes.substr(0, ReplicaId::kSize));
    AppendBigEndian64(OriginFrom(partition, origin), &elsewhere);
    context.provisional.insert(std::move(elsewhere));
  }
  context.write.origin_sequence = OriginFrom(partition, plain.write.origin_sequence);
  context.write.sequence = sequence;
  if (plain.own_before != UINT64_MAX) context.own_before = OriginFrom(partition, plain.own_before);
  // Its position says nothing of commits elsewhere.
  context.seen = 0;
  return context;
}

absl::Status MoveToPartitions(
    TrialRecords* records, const std::function<uint64_t(absl::string_view partition)>& sequence_in,
    std::vector<const TrialRecord*>* blocked) {
  const size_t known = records->records().size();
  for (size_t i = 0; i < known; ++i) {
    TrialRecord& from = records->records()[i];
    if (!from.is_changed || !from.record.is_live()) continue;
    const std::string scope = from.record.scope();
    const absl::string_view partition = PartitionOfScope(scope);
    if (partition == from.slot->partition) continue;
    ASSIGN_OR_RETURN(TrialRecord * to, records->Open(partition, from.slot->type_id, from.slot->id));
    if (to->record.exists()) {
      blocked->push_back(&from);
      continue;
    }
    MoveOut(sequence_in(from.slot->partition), sequence_in(partition), &from, to);
  }
  return absl::OkStatus();
}

}  // namespace brigada
