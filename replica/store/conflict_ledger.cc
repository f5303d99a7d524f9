#include "replica/store/conflict_ledger.h"

#include <algorithm>
#include <string>

#include "replica/base/check.h"
#include "replica/base/status_macros.h"
#include "replica/schema/diff.h"
#include "replica/schema/scope.h"

namespace brigada {
namespace {

v1::DataClass FieldClass(const RecordType* type, uint32_t number) {
  if (number == kScopeFieldNumber) return v1::PUBLIC;
  const FieldType* field = type == nullptr ? nullptr : type->FindField(number);
  return field == nullptr ? v1::INCIDENT : field->data_class;
}

// Nobody reads a conflict who may not read both the record and every value that met. It follows
// from what the conflict is about and not from what it holds so far: a class that rose later would
// leave readers behind with an entry that they are told nothing more of.
v1::DataClass ConflictClass(const RecordSlot& about, uint32_t about_field) {
  v1::DataClass highest = ClassOf(about.type, about.state.base);
  if (about_field != 0) return std::max(highest, FieldClass(about.type, about_field));
  if (about.type == nullptr) return v1::INCIDENT;
  for (const FieldType& field : about.type->fields()) highest = std::max(highest, field.data_class);
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
      std::max(ConflictClass(about, event.field), ClassOf(slot->type, record));
  if (data_class != slot->type->data_class()) record.data_class = data_class;
  slot->dirty = slot->dirty || result.changed;
  return absl::OkStatus();
}

}  // namespace brigada
