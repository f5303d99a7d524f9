#include "replica/store/conflict_ledger.h"

#include <algorithm>
#include <string>

#include "replica/base/check.h"
#include "replica/base/status_macros.h"
#include "replica/schema/diff.h"
#include "replica/schema/fragment.h"
#include "replica/schema/scope.h"

namespace brigada {
namespace {

v1::DataClass FieldClass(const RecordType* type, uint32_t number) {
  if (number == kScopeFieldNumber) return v1::PUBLIC;
  const FieldType* field = type == nullptr ? nullptr : type->FindField(number);
  return field == nullptr ? v1::INCIDENT : field->data_class;
}

v1::DataClass ContenderClass(const RecordType* type, const v1::Contender& contender) {
  const auto fragments = SplitFragments(nullptr, contender.value());
  if (!fragments.ok()) return v1::INCIDENT;
  v1::DataClass highest = v1::PUBLIC;
  for (const Fragment& fragment : *fragments)
    highest = std::max(highest, FieldClass(type, fragment.number));
  return highest;
}

// Nobody reads a conflict who may not read both the record and every value that met.
v1::DataClass ConflictClass(const RecordSlot& about, const v1::Conflict& conflict) {
  v1::DataClass highest = ClassOf(about.type, about.state.base);
  if (conflict.about_field() != 0)
    highest = std::max(highest, FieldClass(about.type, conflict.about_field()));
  highest = std::max(highest, ContenderClass(about.type, conflict.winner()));
  for (const v1::Contender& loser : conflict.losers())
    highest = std::max(highest, ContenderClass(about.type, loser));
  return highest;
}

absl::StatusOr<v1::Change> ChangeOf(const RecordSlot& slot, const Scope& scope,
                                    const v1::Conflict& stored, const v1::Conflict& conflict) {
  const Record& record = slot.state.base;
  if (!record.is_live()) return CreateChange(*slot.type, slot.id, scope, conflict);
  ASSIGN_OR_RETURN(v1::Change change, DiffMessages(*slot.type, stored, conflict));
  change.set_type_id(slot.type_id);
  change.set_record_id(slot.id.AsBytes());
  if (record.scope() != scope.path()) change.set_scope(scope.path());
  return change;
}

}  // namespace

absl::Status RecordConflict(const RecordSlot& about, const ConflictEvent& event, Hlc stamp,
                            uint64_t commit_sequence, RecordBatch* records) {
  ASSIGN_OR_RETURN(RecordSlot * slot, records->Open(about.partition, kConflictTypeId, event.id));
  // A registry without the ledger's type (a test's own) keeps no ledger.
  if (slot->type == nullptr) return absl::OkStatus();
  Record& record = slot->state.base;
  v1::Conflict stored;
  // The ledger's own writes always parse; if one does not, the new contenders are still recorded.
  if (record.is_live() && !stored.ParseFromString(record.Message())) stored.Clear();
  v1::Conflict conflict = event.entry;
  if (record.is_live()) {
    conflict = stored;
    ExtendConflict(event.entry, &conflict);
  }
  conflict.set_about_type(about.type_id);
  conflict.set_about_record(about.id.AsBytes());

  ASSIGN_OR_RETURN(const Scope scope, Scope::Parse(about.state.base.scope()));
  ASSIGN_OR_RETURN(const v1::Change change, ChangeOf(*slot, scope, stored, conflict));
  WriteContext context;
  context.write.stamp = stamp;
  context.write.sequence = commit_sequence;
  context.seen = commit_sequence;
  ASSIGN_OR_RETURN(const ApplyResult result, ApplyChange(slot->type, change, context, 0, &record));
  if (!result.refusals.empty())
    return absl::InternalError("record a conflict: the ledger refused its own entry");
  const v1::DataClass data_class =
      std::max(ConflictClass(about, conflict), ClassOf(slot->type, record));
  if (data_class != slot->type->data_class()) record.data_class = data_class;
  slot->dirty = slot->dirty || result.changed;
  return absl::OkStatus();
}

}  // namespace brigada
