// Lays slot writes into a record, each by the policy of its field. Inside replica/merge only.
#ifndef REPLICA_MERGE_SLOT_APPLIER_H_
#define REPLICA_MERGE_SLOT_APPLIER_H_

#include <optional>
#include <string>

#include "brigada/v1/change.pb.h"
#include "replica/merge/conflict.h"
#include "replica/merge/perspective.h"
#include "replica/merge/record.h"
#include "replica/merge/slot.h"
#include "replica/merge/slot_write.h"

namespace brigada {

// Why the write of an existing record is refused; nullopt when it is not. `creates`: the change is
// a CREATE.
std::optional<v1::RefusalReason> RefusalOf(const SlotWrite& write, const Perspective& who,
                                           bool creates, const Record& record);

// Applies writes that RefusalOf let pass. Record and log outlive it.
class SlotApplier {
 public:
  SlotApplier(const Perspective& who, bool creates, Record* record, ConflictLog* conflicts)
      : who_(who), creates_(creates), record_(record), conflicts_(conflicts) {}

  void Apply(SlotWrite write);
  // The record's fields or past states differ from before.
  bool has_changed() const { return has_changed_; }
  // True when a write of `number` left nothing of its own standing.
  bool IsLost(uint32_t number, v1::MergePolicy policy) const;
  // What is in the slot of a conflict now.
  Encounter EncounterAt(const OpenConflict& conflict) const;

 private:
  void Put(SlotWrite write);
  void PutFirst(SlotWrite write);
  void AddAmount(const SlotWrite& write);
  void MoveState(SlotWrite write);
  void Remove(const SlotWrite& write);
  void RemoveAll(const SlotWrite& write);
  void ReplaceSole(uint32_t number, std::string fragment);
  void MarkChanged(FieldState* field);
  uint32_t OwnIndex();
  void ReportSlot(const SlotWrite& write, const Slot& slot, const Displacement& displacement);

  const Perspective& who_;
  const bool creates_;
  Record* const record_;
  ConflictLog* const conflicts_;
  std::optional<uint32_t> own_index_;
  bool has_changed_ = false;
};

}  // namespace brigada

#endif  // REPLICA_MERGE_SLOT_APPLIER_H_
