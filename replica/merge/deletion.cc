#include "replica/merge/deletion.h"

#include <string>
#include <utility>
#include <vector>

#include "replica/merge/slot.h"
#include "replica/schema/parked_edit.h"

namespace brigada {
namespace {

const SlotName& WholeRecord() {
  static const SlotName& name = *new SlotName();
  return name;
}

enum class Meeting : uint8_t {
  kNothing,
  kLive,
  kTombstoneSeen,
  // A deletion, of this life or of an earlier one, that the writer had not seen: all it knew of the
  // record is what that deletion ended.
  kDeletionUnseen,
};

Meeting Meet(const Perspective& who, const Record& record) {
  if (!record.exists()) return Meeting::kNothing;
  if (record.deleted) {
    return who.IsConcurrent(record.writes[record.deleted_by]) ? Meeting::kDeletionUnseen
                                                              : Meeting::kTombstoneSeen;
  }
  const bool is_of_earlier_life =
      record.ended_by != 0 && who.IsConcurrent(record.writes[record.ended_by]);
  return is_of_earlier_life ? Meeting::kDeletionUnseen : Meeting::kLive;
}

// What each write has in versions that the deleter had not seen.
std::vector<v1::Contender> UnseenContent(const Perspective& who, const Record& record) {
  std::vector<std::string> contents(record.writes.size());
  std::vector<bool> is_unseen(record.writes.size(), false);
  for (const FieldState& field : record.fields) {
    for (const Slot& slot : field.slots) {
      for (const Version& version : slot.versions) {
        if (!who.IsConcurrent(record.writes[version.write])) continue;
        is_unseen[version.write] = true;
        contents[version.write] += version.fragment;
      }
    }
  }
  std::vector<v1::Contender> unseen;
  for (size_t i = 0; i < contents.size(); ++i)
    if (is_unseen[i]) unseen.push_back(ContenderOf(record.writes[i], contents[i]));
  return unseen;
}

}  // namespace

Fate FateOf(const v1::Change& change, bool is_empty, const Perspective& who, const Record& record) {
  if (record.erased) return Fate::kDeleted;
  const bool creates = change.kind() == v1::Change::CREATE;
  const bool deletes = change.kind() == v1::Change::DELETE;
  switch (Meet(who, record)) {
    case Meeting::kNothing:
      return creates ? Fate::kStarts : Fate::kUnknown;
    case Meeting::kLive:
      return deletes ? Fate::kDeletes : Fate::kMerges;
    case Meeting::kTombstoneSeen:
      if (creates) return Fate::kStarts;
      if (deletes) return Fate::kNothing;
      return is_empty ? Fate::kResolves : Fate::kDeleted;
    case Meeting::kDeletionUnseen:
      if (deletes) return Fate::kNothing;
      return is_empty && !creates ? Fate::kResolves : Fate::kParks;
  }
  return Fate::kUnknown;
}

void DeleteRecord(const Perspective& who, Record* record, ConflictLog* conflicts) {
  const uint32_t deletion = WriteIndex(who.write(), record);
  std::vector<v1::Contender> unseen;
  if (!conflicts->is_overlay()) unseen = UnseenContent(who, *record);
  record->deleted = true;
  record->deleted_by = deletion;
  if (!unseen.empty() || conflicts->Watches(0, "")) {
    Encounter encounter;
    encounter.winner = DeletionContender(*record);
    encounter.live = std::move(unseen);
    conflicts->Report(WholeRecord(), std::move(encounter));
  }
  // The scope stays: it says who has to learn of the deletion.
  FieldState scope;
  if (FieldState* field = record->FindField(kScopeFieldNumber)) scope = std::move(*field);
  record->fields.clear();
  record->past_states.clear();
  if (scope.slots.empty()) return;
  scope.slots[0].versions.resize(1);
  scope.changed = scope.slots[0].versions[0].write;
  record->fields.push_back(std::move(scope));
}

void StartNextLife(const WriteRef& write, Record* record) {
  WriteRef deletion = std::move(record->writes[record->deleted_by]);
  record->writes.clear();
  record->writes.push_back(write);
  record->writes.push_back(std::move(deletion));
  record->ended_by = 1;
  record->deleted = false;
  record->deleted_by = 0;
  record->fields.clear();
  record->entered.clear();
}

void ParkChange(const v1::Change& change, const WriteRef& write, const Record& record,
                ConflictLog* conflicts) {
  Encounter encounter;
  encounter.winner = DeletionContender(record);
  encounter.live.push_back(ContenderOf(write, ParkedValue(change)));
  conflicts->Report(WholeRecord(), std::move(encounter));
}

v1::Contender DeletionContender(const Record& record) {
  const uint32_t index = record.deleted ? record.deleted_by : record.ended_by;
  v1::Contender contender = ContenderOf(record.writes[index], "");
  contender.set_deletion(index != 0 || record.deleted);
  return contender;
}

}  // namespace brigada
