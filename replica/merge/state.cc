#include "replica/merge/state.h"

#include <algorithm>
#include <optional>

#include "replica/merge/value.h"

namespace brigada {
namespace {

bool IsInitial(const v1::StateRules& rules, int32_t state) {
  return std::find(rules.initial().begin(), rules.initial().end(), state) != rules.initial().end();
}

bool IsLegal(const v1::StateRules& rules, int32_t from, int32_t to) {
  return std::any_of(
      rules.transitions().begin(), rules.transitions().end(),
      [&](const v1::Transition& move) { return move.from() == from && move.to() == to; });
}

// 0 is the strongest; a state that is not listed is the weakest.
int Rank(const v1::StateRules& rules, int32_t state) {
  const auto found = std::find(rules.precedence().begin(), rules.precedence().end(), state);
  return static_cast<int>(found - rules.precedence().begin());
}

WriteRef AsWrite(const PastState& past) {
  WriteRef write;
  write.replica = past.replica;
  write.origin_sequence = past.origin_sequence;
  write.sequence = past.sequence;
  return write;
}

// The state the writer had before its eyes; nullopt when it had none. (A writer so late that its
// state has been dropped from the past is judged as one that saw none.)
std::optional<int32_t> StateAtPosition(const Record& record, uint32_t field,
                                       const Perspective& who) {
  const PastState* latest = nullptr;
  for (const PastState& past : record.past_states) {
    if (past.field != field) continue;
    const WriteRef write = AsWrite(past);
    // The loser's own replica believed in its state until it learnt the outcome.
    const bool seen = past.lost ? who.SawUnconfirmed(write) : !who.IsConcurrent(write);
    // A state is remembered when it is replaced: after one that lost to it, though committed
    // before.
    if (seen && (latest == nullptr || past.sequence >= latest->sequence)) latest = &past;
  }
  return latest == nullptr ? std::nullopt : std::optional<int32_t>(latest->value);
}

}  // namespace

int32_t StoredState(const Record& record, uint32_t field) {
  const FieldState* state = record.FindField(field);
  if (state == nullptr || state->slots.empty()) return 0;
  return EnumNumber(state->slots[0].versions[0].fragment);
}

const WriteRef& StateWriter(const Record& record, uint32_t field) {
  const FieldState* state = record.FindField(field);
  if (state == nullptr || state->slots.empty()) return record.created();
  return record.writes[state->slots[0].versions[0].write];
}

int32_t StateSeen(const Record& record, uint32_t field, const Perspective& who) {
  return StateAtPosition(record, field, who).value_or(0);
}

StateDecision DecideState(const SlotWrite& write, const Perspective& who, const Record& record,
                          bool creates) {
  const FieldType& field = *write.field;
  const v1::StateRules& rules = field.state_rules;
  const int32_t target = EnumNumber(write.fragment);
  const int32_t stored = StoredState(record, field.number);
  StateDecision decision;
  decision.is_concurrent = who.IsConcurrent(StateWriter(record, field.number));
  if (stored == target) return decision;
  decision.verdict = StateVerdict::kMoves;
  if (who.sees_everything() || IsLegal(rules, stored, target)) return decision;

  const std::optional<int32_t> from = StateAtPosition(record, field.number, who);
  const bool starts = creates && !from.has_value();
  // The record has just been made: what it starts in need not be reachable from 0.
  const bool is_first = starts && record.FindField(field.number) == nullptr;
  if (is_first && !decision.is_concurrent && IsInitial(rules, target)) return decision;
  // Somebody was in that state already, and a person chose it among those that met.
  bool was_legal = write.decides != Decision::kNone;
  if (!was_legal)
    was_legal = starts ? IsInitial(rules, target) : IsLegal(rules, from.value_or(0), target);
  if (!decision.is_concurrent && write.decides == Decision::kOfOpen) return decision;
  if (!decision.is_concurrent || !was_legal) {
    decision.verdict = StateVerdict::kIllegal;
  } else if (Rank(rules, target) >= Rank(rules, stored)) {
    decision.verdict = StateVerdict::kLoses;
  }
  return decision;
}

void RememberState(uint32_t field, int32_t value, const WriteRef& writer, bool lost,
                   Record* record) {
  auto& past_states = record->past_states;
  past_states.push_back(
      PastState{field, value, writer.sequence, writer.replica, writer.origin_sequence, lost});
  const auto of_field = [&](const PastState& past) { return past.field == field; };
  if (std::count_if(past_states.begin(), past_states.end(), of_field) >
      static_cast<std::ptrdiff_t>(kMaxPastStates)) {
    past_states.erase(std::find_if(past_states.begin(), past_states.end(), of_field));
  }
}

}  // namespace brigada
