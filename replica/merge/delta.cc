#include <utility>

#include "replica/merge/apply.h"
#include "replica/merge/slot.h"

namespace brigada {
namespace {

bool ChangedAfter(const Record& record, const FieldState& field, uint64_t after) {
  return record.writes[field.changed].sequence > after;
}

// The field of `from` with its writes taken into `to`.
FieldState Import(FieldState field, const Record& from, Record* to) {
  field.changed = WriteIndex(from.writes[field.changed], to);
  for (Slot& slot : field.slots) {
    for (Version& version : slot.versions)
      version.write = WriteIndex(from.writes[version.write], to);
  }
  return field;
}

// Index of the deletion that ended the earlier life. It is never 0, not even when one change set
// deleted and created, so that both are the same write.
uint32_t ImportEnding(const Record& from, Record* to) {
  if (from.ended_by == 0) return 0;
  const WriteRef& ending = from.writes[from.ended_by];
  for (uint32_t i = 1; i < to->writes.size(); ++i) {
    if (to->writes[i] == ending) return i;
  }
  to->writes.push_back(ending);
  return static_cast<uint32_t>(to->writes.size() - 1);
}

// The envelope: what travels with every delta and is taken over whole.
void CopyEnvelope(const Record& from, Record* to) {
  to->erased = from.erased;
  to->sequence = from.sequence;
  to->conflicts = from.conflicts;
  to->past_states = from.past_states;
  to->data_class = from.data_class;
  to->ended_by = ImportEnding(from, to);
}

}  // namespace

Record RecordDelta(const Record& record, uint64_t after) {
  if (!record.is_live()) return record;
  Record delta;
  delta.writes.push_back(record.created());
  CopyEnvelope(record, &delta);
  for (const FieldState& field : record.fields) {
    if (!ChangedAfter(record, field, after)) continue;
    delta.fields.push_back(Import(field, record, &delta));
    // The levels change with the scope, so they travel with it.
    if (field.number == kScopeFieldNumber) delta.entered = record.entered;
  }
  return delta;
}

void MergeDelta(const Record& delta, bool whole, Record* base) {
  if (!delta.exists()) return;
  if (base->erased && !delta.erased) return;
  if (delta.erased || whole || !base->exists()) {
    *base = delta;
    return;
  }
  if (delta.sequence < base->sequence) return;
  const bool is_same_life = base->is_live() && base->created() == delta.created();
  if (!delta.is_live() || !is_same_life) {
    *base = delta;
    return;
  }
  CopyEnvelope(delta, base);
  if (!delta.entered.empty()) base->entered = delta.entered;
  for (const FieldState& field : delta.fields)
    EnsureField(field.number, base) = Import(field, delta, base);
  DropUnusedWrites(base);
}

}  // namespace brigada
