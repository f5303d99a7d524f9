#include "replica/store/trial_records.h"

#include <utility>
#include <vector>

#include "replica/base/status_macros.h"
#include "replica/store/record_size.h"

namespace brigada {

absl::StatusOr<TrialRecord*> TrialRecords::Open(absl::string_view partition, uint32_t type_id,
                                                const RecordId& id) {
  ASSIGN_OR_RETURN(RecordSlot * slot, batch_->Open(partition, type_id, id));
  TrialRecord*& known = by_slot_[slot];
  if (known == nullptr) {
    known = &records_.emplace_back();
    known->slot = slot;
    known->record = slot->state.base;
    known->left = slot->state.left;
    known->former = slot->state.former;
    known->came_from = slot->state.came_from;
  }
  return known;
}

bool TrialRecords::FitOneBatch() const {
  std::vector<const Record*> changed;
  for (const TrialRecord& trial : records_)
    if (trial.is_changed) changed.push_back(&trial.record);
  return FitTogether(changed);
}

void TrialRecords::Accept() {
  for (TrialRecord& trial : records_) {
    if (!trial.is_changed) continue;
    RecordStorage& state = trial.slot->state;
    std::string scope = state.base.scope();
    state.base = std::move(trial.record);
    state.left = std::move(trial.left);
    state.former = std::move(trial.former);
    state.came_from = std::move(trial.came_from);
    trial.slot->dirty = true;
    if (!scope.empty() && scope != state.base.scope())
      trial.slot->passed_scopes.push_back(std::move(scope));
    if (state.base.is_live() || state.left.has_value()) {
      state.last_content.clear();
    } else if (trial.deleted_content) {
      state.last_content = *std::move(trial.deleted_content);
    }
  }
}

}  // namespace brigada
