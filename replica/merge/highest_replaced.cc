#include <algorithm>

#include "replica/base/status_macros.h"
#include "replica/merge/apply.h"
#include "replica/merge/deletion.h"
#include "replica/merge/perspective.h"
#include "replica/merge/slot.h"
#include "replica/merge/slot_write.h"

namespace brigada {
namespace {

// Raises `highest` to the stamps of the versions that `who` had seen.
void RaiseBySlot(const Slot& slot, const Record& record, const Perspective& who, Hlc* highest) {
  for (const Version& version : slot.versions) {
    const WriteRef& write = record.writes[version.write];
    if (!who.IsConcurrent(write)) *highest = std::max(*highest, write.stamp);
  }
}

void RaiseByField(const FieldState& field, const Record& record, const Perspective& who,
                  Hlc* highest) {
  for (const Slot& slot : field.slots) RaiseBySlot(slot, record, who, highest);
}

void RaiseByWrite(const SlotWrite& write, const Record& record, const Perspective& who,
                  Hlc* highest) {
  const FieldState* field = record.FindField(write.number);
  if (field == nullptr) return;
  // A write of an unknown field replaces whatever it consists of.
  if (write.op == SlotOp::kRemoveAll || write.field == nullptr) {
    RaiseByField(*field, record, who, highest);
  } else if (const Slot* slot = FindSlot(write.key, *field)) {
    RaiseBySlot(*slot, record, who, highest);
  }
}

}  // namespace

absl::StatusOr<Hlc> HighestReplaced(const RecordType* type, const v1::Change& change,
                                    const WriteContext& context, const Record& record) {
  Hlc highest;
  if (!record.exists()) return highest;
  const Perspective who(context);
  if (record.deleted) {
    const WriteRef& deletion = record.writes[record.deleted_by];
    if (!who.IsConcurrent(deletion)) highest = deletion.stamp;
    return highest;
  }
  if (change.kind() == v1::Change::DELETE) {
    if (!who.IsConcurrent(record.created())) highest = record.created().stamp;
    for (const FieldState& field : record.fields) RaiseByField(field, record, who, &highest);
    return highest;
  }
  ASSIGN_OR_RETURN(const std::vector<SlotWrite> writes, SlotWrites(type, change));
  for (const SlotWrite& write : writes) RaiseByWrite(write, record, who, &highest);
  return highest;
}

}  // namespace brigada
