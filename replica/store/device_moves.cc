// Records that move between partitions, on a device. Where one is in two partitions of the device,
// only one of them has a base: the other, if anything, the list of its pending change sets.
#include <algorithm>
#include <utility>

#include "replica/base/status_macros.h"
#include "replica/merge/apply.h"
#include "replica/store/batch_in_progress.h"
#include "replica/store/keys.h"

namespace brigada {

// The entry tells only where the record went. It is dropped unless another subscription of this
// device holds that place: that one's entry brings its state, and until it comes the record is
// still there to read.
absl::Status KvDeviceStore::ApplyDeparture(const CheckedEntry& entry, RecordSlot* slot,
                                           BatchInProgress* work) {
  RecordStorage& state = slot->state;
  const bool leaves = entry.moved_to.partition() != work->partition;
  bool is_kept = CoversScope(entry.moved_to, ClassOf(slot->type, state.base), *work);
  // Nothing will come that says so of a copy on its way here, in a third partition.
  if (!is_kept) RETURN_IF_ERROR(LetGoElsewhere(entry, entry.moved_to.path(), work));
  if (!state.base.exists()) return absl::OkStatus();
  if (is_kept && leaves) {
    ASSIGN_OR_RETURN(const RecordSlot* const there,
                     work->records.Open(entry.moved_to.partition(), entry.type_id, entry.id));
    is_kept = !there->state.base.exists();
  }
  if (!is_kept) {
    state.base = Record();
    state.seen = 0;
    return absl::OkStatus();
  }
  if (state.base.scope() == entry.moved_to.path()) return absl::OkStatus();
  v1::Change move;
  move.set_type_id(entry.type_id);
  move.set_record_id(entry.id.AsBytes());
  move.set_scope(entry.moved_to.path());
  WriteRef write = state.base.updated();
  write.sequence = entry.sequence;
  return OverlayChange(slot->type, move, write, nullptr, &state.base);
}

// The record is in `scope`, says the partition of the batch: what is held of it in those where it
// was before goes, but for pending work.
absl::Status KvDeviceStore::LetGoElsewhere(const CheckedEntry& entry, const std::string& scope,
                                           BatchInProgress* work) {
  for (const std::string& partition : entry.came_from) {
    if (partition == work->partition) continue;
    ASSIGN_OR_RETURN(RecordSlot* const slot,
                     work->records.Open(partition, entry.type_id, entry.id));
    RecordStorage& state = slot->state;
    if (state.base.erased || (!state.base.exists() && state.pending.empty())) continue;
    // Where the record has gone on to, it may have come back from: what is at home is not for this
    // partition to say.
    const bool is_at_home = PartitionOfScope(state.base.scope()) == partition;
    if (!entry.moved_to.empty() && is_at_home) continue;
    state.base = Record();
    state.seen = 0;
    state.left.reset();
    if (!state.pending.empty()) state.left = Leaving{scope, entry.sequence};
    slot->dirty = true;
  }
  return absl::OkStatus();
}

// A change set that touches the record is no longer pending: the view of the record, wherever it is
// now, was made with it.
absl::Status KvDeviceStore::TouchWhereItWent(RecordSlot* slot, BatchInProgress* work) {
  if (!slot->state.left.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(
      RecordSlot* const there,
      work->records.Open(PartitionOfScope(slot->state.left->scope), slot->type_id, slot->id));
  there->dirty = there->dirty || there->state.base.exists();
  if (slot->state.pending.empty()) slot->state.left.reset();
  return absl::OkStatus();
}

// What is laid over the base of `slot`, in order: also what is pending where the record was before.
absl::StatusOr<std::vector<std::pair<std::string, uint64_t>>> KvDeviceStore::PendingSetsOf(
    const RecordSlot& slot, BatchInProgress* work) {
  std::vector<std::pair<std::string, uint64_t>> sets;
  if (slot.state.base.exists()) {
    for (const std::string& partition : slot.state.came_from) {
      if (partition == slot.partition) continue;
      ASSIGN_OR_RETURN(RecordSlot* const before,
                       work->records.Open(partition, slot.type_id, slot.id));
      RecordStorage& state = before->state;
      if (!state.pending.empty() && !state.base.exists() && !state.left.has_value()) {
        // Refused work that was tried again: its verdict has to find this view.
        state.left = Leaving{slot.state.base.scope(), slot.state.seen};
        before->dirty = true;
      }
      for (const uint64_t sequence : before->state.pending) sets.emplace_back(partition, sequence);
    }
  }
  for (const uint64_t sequence : slot.state.pending) sets.emplace_back(slot.partition, sequence);
  return sets;
}

}  // namespace brigada
