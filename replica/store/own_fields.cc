#include "replica/store/own_fields.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "replica/merge/apply.h"
#include "replica/store/device_keys.h"

namespace brigada {
namespace {

// The line of the server that there is now has it, as far as is known here.
bool IsAccepted(const OwnWork& own, uint64_t sequence) {
  if (sequence > own.head.redelivered()) return true;
  if (!IsSettled(own.head, sequence)) return false;
  const auto staged = own.judged.find(sequence);
  if (staged != own.judged.end()) return staged->second.verdict().outcome() == v1::APPLIED;
  const auto value = own.store.Get(Table::kOutbox, ChangeSetKey(own.partition, sequence));
  // Every backup holds what is not kept any more.
  if (!value.ok() || !value->has_value()) return value.ok();
  v1::OutboxChangeSet set;
  return set.ParseFromString(**value) && set.verdict().outcome() == v1::APPLIED;
}

// Accepted before this copy of a store was given an id of its own.
bool WasAccepted(const OwnWork& own, const WriteRef& write) {
  return std::any_of(
      own.head.former().begin(), own.head.former().end(), [&](const v1::FormerReplica& former) {
        return former.replica() == write.replica.AsBytes() &&
               write.origin_sequence > former.after() && write.origin_sequence <= former.last();
      });
}

bool IsAllOwn(const FieldState& field, const Record& record, const OwnWork& own) {
  for (const Slot& slot : field.slots) {
    for (const Version& version : slot.versions) {
      const WriteRef& write = record.writes[version.write];
      const bool is_accepted = write.replica == own.replica ? IsAccepted(own, write.origin_sequence)
                                                            : WasAccepted(own, write);
      if (!is_accepted) return false;
    }
  }
  return !field.slots.empty();
}

}  // namespace

bool IsSettled(const v1::OutboxHead& head, uint64_t sequence) {
  return sequence > head.redelivered() || sequence <= head.reconfirmed();
}

void KeepOwnFields(const Record& before, const OwnWork& own, RecordStorage* state) {
  Record& base = state->base;
  const bool is_same_life = before.is_live() && base.is_live() && base.ended_by == 0 &&
                            before.created() == base.created();
  if (!is_same_life) return state->untold.clear();
  Record kept = base;
  kept.fields.clear();
  kept.entered.clear();
  std::vector<uint32_t> untold;
  for (const FieldState& field : before.fields) {
    if (base.FindField(field.number) != nullptr || !IsAllOwn(field, before, own)) continue;
    FieldState& copy = kept.fields.emplace_back(field);
    const auto import = [&](uint32_t* write) {
      kept.writes.push_back(before.writes[*write]);
      *write = static_cast<uint32_t>(kept.writes.size() - 1);
    };
    import(&copy.changed);
    for (Slot& slot : copy.slots)
      for (Version& version : slot.versions) import(&version.write);
    untold.push_back(field.number);
  }
  if (!untold.empty()) MergeDelta(kept, /*whole=*/false, &base);
  // No write of a record is later than the record.
  for (const WriteRef& write : base.writes) base.sequence = std::max(base.sequence, write.sequence);
  state->untold = std::move(untold);
}

}  // namespace brigada
