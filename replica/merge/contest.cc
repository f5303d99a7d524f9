#include "replica/merge/contest.h"

#include <algorithm>
#include <string>
#include <utility>

#include "replica/merge/state.h"
#include "replica/merge/value.h"

namespace brigada {
namespace {

bool IsAmong(uint32_t number, const std::vector<uint32_t>& written) {
  return std::find(written.begin(), written.end(), number) != written.end();
}

// The state moved while the field's writer, `mover`, saw it at `seen`.
void Report(const FieldType& state, const Version& standing, const WriteRef& mover, int32_t seen,
            const Record& record, ConflictLog* conflicts) {
  Encounter encounter;
  encounter.winner = ContenderOf(record.writes[standing.write], standing.fragment);
  encounter.live.push_back(ContenderOf(mover, EnumFragment(state, seen)));
  conflicts->Report(SlotName{state.number, "", state.policy, /*settles=*/false},
                    std::move(encounter));
}

}  // namespace

void ReportContests(const RecordType& type, const Perspective& who,
                    const std::vector<uint32_t>& written, const Record& record,
                    ConflictLog* conflicts) {
  if (conflicts->is_overlay()) return;
  for (const FieldType* const field : type.contested()) {
    const FieldType& state = *field->contested_by;
    const FieldState* const state_now = record.FindField(state.number);
    if (state_now == nullptr || state_now->slots.empty()) continue;
    const Version& standing = state_now->slots[0].versions[0];
    const auto& states = field->rules.contested_by().states();
    const bool is_against =
        std::find(states.begin(), states.end(), EnumNumber(standing.fragment)) != states.end();
    if (!is_against) continue;
    if (IsAmong(field->number, written) && who.IsConcurrent(record.writes[standing.write]))
      Report(state, standing, who.write(), StateSeen(record, state.number, who), record, conflicts);
    const bool is_own_move =
        IsAmong(state.number, written) && record.writes[standing.write] == who.write();
    const FieldState* const field_now = record.FindField(field->number);
    if (!is_own_move || field_now == nullptr) continue;
    for (const Slot& slot : field_now->slots) {
      for (const Version& version : slot.versions) {
        const WriteRef& mover = record.writes[version.write];
        if (who.IsConcurrent(mover))
          Report(state, standing, mover, StateSeen(record, state.number, who), record, conflicts);
      }
    }
  }
}

}  // namespace brigada
