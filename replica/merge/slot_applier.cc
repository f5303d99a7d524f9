#include "replica/merge/slot_applier.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "replica/merge/scope_levels.h"
#include "replica/merge/state.h"
#include "replica/merge/value.h"
#include "replica/schema/fragment.h"

namespace brigada {
namespace {

const Version* StandingOf(const Record& record, uint32_t number, absl::string_view key) {
  const FieldState* field = record.FindField(number);
  if (field == nullptr) return nullptr;
  const Slot* slot = FindSlot(key, *field);
  return slot == nullptr ? nullptr : &slot->versions[0];
}

int64_t StoredAmount(const Record& record, const SlotWrite& write) {
  const Version* stored = StandingOf(record, write.number, "");
  if (stored == nullptr) return 0;
  return CounterAmount(*write.field, stored->fragment).value_or(0);
}

// Saturates; `fits` says whether it had to.
int64_t Sum(const FieldType& field, int64_t a, int64_t b, bool* fits) {
  int64_t sum = 0;
  *fits = !__builtin_add_overflow(a, b, &sum) && CounterFits(field, sum);
  if (*fits) return sum;
  const bool is_wide = CounterFits(field, std::numeric_limits<int64_t>::max());
  if (b < 0) return is_wide ? std::numeric_limits<int64_t>::min() : INT32_MIN;
  return is_wide ? std::numeric_limits<int64_t>::max() : INT32_MAX;
}

// MAX and MIN are their own answer, and which of two folios stands is nobody's decision.
SlotName NameOf(const SlotWrite& write) {
  const bool settles = write.policy == v1::MAX || write.policy == v1::MIN ||
                       (write.field != nullptr && write.field->rules.folio());
  return SlotName{write.number, write.key, write.policy, settles};
}

// An unknown field that came with several slots becomes one register: nothing here can tell which
// of its parts a write is about.
void JoinSlots(FieldState* field) {
  if (field->slots.empty() || (field->slots.size() == 1 && field->slots[0].key.empty())) return;
  Slot joined;
  for (Slot& slot : field->slots) {
    for (Version& version : slot.versions) {
      const auto is_same = [&](const Version& other) { return other.write == version.write; };
      if (std::none_of(joined.versions.begin(), joined.versions.end(), is_same))
        joined.versions.push_back(std::move(version));
    }
  }
  field->slots.clear();
  field->slots.push_back(std::move(joined));
}

}  // namespace

std::optional<v1::RefusalReason> RefusalOf(const SlotWrite& write, const Perspective& who,
                                           bool creates, const Record& record) {
  switch (write.policy) {
    case v1::FIRST_WRITER: {
      const Version* stored = StandingOf(record, write.number, "");
      if (stored == nullptr || stored->fragment == write.fragment) return std::nullopt;
      // A device that may not read back what it writes makes a folio again for the same fact.
      if (creates && write.field->rules.folio()) return std::nullopt;
      if (write.decides == Decision::kOfOpen) return std::nullopt;
      if (who.IsConcurrent(record.writes[stored->write])) return std::nullopt;
      return v1::ALREADY_SET;
    }
    case v1::COUNTER: {
      const int64_t amount = CounterAmount(*write.field, write.fragment).value_or(0);
      bool fits = false;
      Sum(*write.field, StoredAmount(record, write), amount, &fits);
      if (fits) return std::nullopt;
      return v1::COUNTER_OVERFLOW;
    }
    case v1::STATE: {
      const StateDecision decision = DecideState(write, who, record, creates);
      if (decision.verdict != StateVerdict::kIllegal) return std::nullopt;
      return v1::ILLEGAL_TRANSITION;
    }
    default:
      return std::nullopt;
  }
}

void SlotApplier::Apply(SlotWrite write) {
  if (write.op == SlotOp::kRemove) {
    Remove(write);
    return;
  }
  if (write.op == SlotOp::kRemoveAll) {
    RemoveAll(write);
    return;
  }
  switch (write.policy) {
    case v1::FIRST_WRITER:
      PutFirst(std::move(write));
      return;
    case v1::COUNTER:
      AddAmount(write);
      return;
    case v1::STATE:
      MoveState(std::move(write));
      return;
    default:
      Put(std::move(write));
      return;
  }
}

uint32_t SlotApplier::OwnIndex() {
  if (!own_index_.has_value()) own_index_ = WriteIndex(who_.write(), record_);
  return *own_index_;
}

void SlotApplier::MarkChanged(FieldState* field) {
  field->changed = OwnIndex();
  has_changed_ = true;
}

void SlotApplier::Put(SlotWrite write) {
  const bool is_scope = write.number == kScopeFieldNumber;
  const std::string old_scope = is_scope ? record_->scope() : std::string();
  FieldState& field = EnsureField(write.number, record_);
  if (write.field == nullptr) JoinSlots(&field);
  MarkChanged(&field);
  Slot& slot = EnsureSlot(write.key, &field);
  const SlotRule rule{write.policy, write.field};
  const Displacement displacement = PutVersion(
      rule, who_, record_->writes, Version{OwnIndex(), std::move(write.fragment)}, &slot);
  if (is_scope) EnterScope(old_scope, who_.write().sequence, record_);
  if (write.policy == v1::SET || conflicts_->is_overlay()) return;
  const bool is_contested = slot.versions.size() > 1 || !displacement.evicted.empty();
  if (is_contested || conflicts_->Watches(write.number, write.key))
    ReportSlot(write, slot, displacement);
}

void SlotApplier::ReportSlot(const SlotWrite& write, const Slot& slot,
                             const Displacement& displacement) {
  const SlotRule rule{write.policy, write.field};
  const auto& writes = record_->writes;
  Encounter encounter;
  std::string winning;
  if (slot.versions.empty()) {
    encounter.winner = ContenderOf(who_.write(), "");
  } else {
    winning = slot.versions[0].fragment;
    encounter.winner = ContenderOf(writes[slot.versions[0].write], winning);
  }
  const auto add = [&](const std::vector<Version>& versions, std::vector<v1::Contender>* to) {
    for (const Version& version : versions) {
      if (!IsSameValue(rule, version.fragment, winning))
        to->push_back(ContenderOf(writes[version.write], version.fragment));
    }
  };
  add(slot.versions, &encounter.live);
  add(displacement.evicted, &encounter.live);
  add(displacement.displaced, &encounter.displaced);
  conflicts_->Report(NameOf(write), std::move(encounter));
}

void SlotApplier::ReplaceSole(uint32_t number, std::string fragment) {
  FieldState& field = EnsureField(number, record_);
  MarkChanged(&field);
  Slot& slot = EnsureSlot("", &field);
  slot.versions.clear();
  slot.versions.push_back(Version{OwnIndex(), std::move(fragment)});
}

void SlotApplier::PutFirst(SlotWrite write) {
  const Version* stored = StandingOf(*record_, write.number, "");
  const absl::string_view value = stored == nullptr ? "" : absl::string_view(stored->fragment);
  // Never set is the same as empty: clearing it must not become the first value.
  if (value == write.fragment) return;
  if (stored == nullptr || who_.sees_everything()) {
    ReplaceSole(write.number, std::move(write.fragment));
    return;
  }
  v1::Contender other = ContenderOf(record_->writes[stored->write], stored->fragment);
  Encounter encounter;
  if (write.decides == Decision::kOfOpen) {
    const bool is_concurrent = who_.IsConcurrent(record_->writes[stored->write]);
    encounter.winner = ContenderOf(who_.write(), write.fragment);
    (is_concurrent ? encounter.live : encounter.displaced).push_back(std::move(other));
    ReplaceSole(write.number, std::move(write.fragment));
  } else {
    encounter.winner = std::move(other);
    encounter.live.push_back(ContenderOf(who_.write(), write.fragment));
  }
  conflicts_->Report(NameOf(write), std::move(encounter));
}

void SlotApplier::AddAmount(const SlotWrite& write) {
  const int64_t amount = CounterAmount(*write.field, write.fragment).value_or(0);
  if (amount == 0) return;
  bool fits = false;
  // An overlay never refuses: a view may stand at the bound until the verdict.
  const int64_t sum = Sum(*write.field, StoredAmount(*record_, write), amount, &fits);
  ReplaceSole(write.number, CounterFragment(*write.field, sum));
}

void SlotApplier::MoveState(SlotWrite write) {
  const int32_t target = EnumNumber(write.fragment);
  const StateDecision decision = DecideState(write, who_, *record_, creates_);
  const bool moves = decision.verdict == StateVerdict::kMoves;
  if (!moves && decision.is_concurrent) {
    RememberState(write.number, target, who_.write(), true, record_);
    has_changed_ = true;
  }
  if (decision.verdict == StateVerdict::kSame) return;

  const Version* stored = StandingOf(*record_, write.number, "");
  const WriteRef& stored_writer = StateWriter(*record_, write.number);
  Encounter encounter;
  v1::Contender own = ContenderOf(who_.write(), write.fragment);
  v1::Contender other = ContenderOf(stored_writer, stored == nullptr ? "" : stored->fragment);
  if (moves) {
    encounter.displaced.push_back(other);
    encounter.winner = std::move(own);
    if (decision.is_concurrent) encounter.live.push_back(std::move(other));
    if (stored != nullptr)
      RememberState(write.number, EnumNumber(stored->fragment), stored_writer, false, record_);
    ReplaceSole(write.number, std::move(write.fragment));
  } else {
    encounter.winner = std::move(other);
    encounter.live.push_back(std::move(own));
  }
  if (decision.is_concurrent || conflicts_->Watches(write.number, ""))
    conflicts_->Report(NameOf(write), std::move(encounter));
}

void SlotApplier::Remove(const SlotWrite& write) {
  FieldState* field = record_->FindField(write.number);
  Slot* slot = field == nullptr ? nullptr : FindSlot(write.key, field);
  if (slot == nullptr) return;
  Displacement displacement;
  displacement.displaced =
      RemoveSeen(SlotRule{write.policy, write.field}, who_, record_->writes, slot);
  if (displacement.displaced.empty()) return;
  MarkChanged(field);
  if (write.policy != v1::SET && conflicts_->Watches(write.number, write.key))
    ReportSlot(write, *slot, displacement);
  if (slot->versions.empty()) EraseSlot(write.key, field);
}

void SlotApplier::RemoveAll(const SlotWrite& write) {
  const FieldState* field = record_->FindField(write.number);
  if (field == nullptr) return;
  std::vector<std::string> keys;
  for (const Slot& slot : field->slots) keys.push_back(slot.key);
  SlotWrite one = write;
  for (std::string& key : keys) {
    one.key = std::move(key);
    Remove(one);
  }
}

bool SlotApplier::IsLost(uint32_t number, v1::MergePolicy policy) const {
  const FieldState* field = record_->FindField(number);
  if (field == nullptr || !own_index_.has_value()) return true;
  // Of fields with elements it is enough that something took effect: when they changed they are
  // sent whole, and until then the writer goes on seeing its own.
  if (policy == v1::SET || policy == v1::MAP) return field->changed != *own_index_;
  return field->slots.empty() || field->slots[0].versions[0].write != *own_index_;
}

Encounter SlotApplier::EncounterAt(const OpenConflict& conflict) const {
  Encounter encounter;
  const FieldState* field = record_->FindField(conflict.field);
  const Slot* slot = field == nullptr ? nullptr : FindSlot(conflict.key, *field);
  if (slot == nullptr) {
    encounter.winner = ContenderOf(who_.write(), "");
    return encounter;
  }
  for (const Version& version : slot->versions)
    encounter.live.push_back(ContenderOf(record_->writes[version.write], version.fragment));
  encounter.winner = encounter.live[0];
  return encounter;
}

}  // namespace brigada
