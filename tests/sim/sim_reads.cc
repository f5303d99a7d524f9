// What a device shows its user: what was just written, and of each record nothing older than
// before.
#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "replica/base/check.h"
#include "tests/sim/sim_world.h"

namespace brigada {
namespace {

int64_t NumberOf(const std::string& text) {
  int64_t number = 0;
  return absl::SimpleAtoi(text, &number) ? number : 0;
}

void EraseField(uint32_t field, Content* content) {
  std::erase_if(*content, [&](const auto& entry) { return entry.first.field == field; });
}

// What `change` makes of what its writer saw. False: of this place it cannot be said apart from
// the rules of the merge.
bool Write(const RecordType& type, const Place& place, const std::string& text, Content* shown) {
  const FieldType* const field = type.FindField(place.field);
  const v1::MergePolicy policy = field == nullptr ? v1::LAST_WRITER : field->policy;
  const auto before = shown->find(place);
  const bool is_new = before == shown->end();
  if (policy == v1::STATE) return false;
  if (policy == v1::FIRST_WRITER && !is_new) return before->second == text;
  std::string after = text;
  if (policy == v1::COUNTER) {
    const int64_t sum = NumberOf(text) + (is_new ? 0 : NumberOf(before->second));
    after = sum == 0 ? "" : absl::StrCat(sum);
  }
  if (after.empty()) {
    shown->erase(place);
  } else {
    (*shown)[place] = after;
  }
  return true;
}

}  // namespace

void OwnWrite::Add(const RecordType& type, const v1::Change& change) {
  if (change.has_seen() && change.seen() != 0) is_late = true;
  if (change.kind() == v1::Change::DELETE) {
    shown.reset();
    return;
  }
  if (!shown.has_value()) shown.emplace();
  if (!change.scope().empty()) scope = change.scope();
  for (const uint32_t field : change.cleared()) EraseField(field, &*shown);
  for (const auto& [place, text] : ContentOf(type, change.removed())) shown->erase(place);
  // The commit gives it.
  if (change.kind() == v1::Change::CREATE && type.folio() != nullptr)
    untold.insert(type.folio()->number);
  for (const auto& [place, text] : ContentOf(type, change.values()))
    if (!Write(type, place, text, &*shown)) untold.insert(place.field);
}

std::map<RecordName, OwnWrite> SimWorld::OwnWritesOf(const SimDevice& device,
                                                     const std::vector<v1::Change>& changes) const {
  std::map<RecordName, OwnWrite> writes;
  const auto view = device.store->Read();
  CHECK(view.ok());
  for (const v1::Change& change : changes) {
    const RecordType& type = *SimRegistry().Find(change.type_id());
    const RecordName name{change.type_id(), change.record_id()};
    const auto [write, is_first] = writes.try_emplace(name);
    if (is_first) {
      const auto record = (*view)->Get(type, *RecordId::FromBytes(name.id));
      if (!record.ok()) return {};
      if (record->has_value()) {
        write->second.shown = ContentOf(type, (*record)->message);
        write->second.scope = (*record)->scope;
      }
    }
    write->second.Add(type, change);
  }
  return writes;
}

// A device shows what was written at once: what it showed before, with the change on it.
void SimWorld::CheckOwnWrites(SimDevice* device, const std::map<RecordName, OwnWrite>& writes) {
  const auto view = device->store->Read();
  CHECK(view.ok());
  for (const auto& [name, write] : writes) {
    const RecordType& type = *SimRegistry().Find(name.type);
    const auto record = (*view)->Get(type, *RecordId::FromBytes(name.id));
    if (!record.ok() && IsExcused(device, record.status())) return;
    const auto who = absl::StrCat("I6: device ", device->number, ", ", type.plural(), " ",
                                  absl::BytesToHexString(name.id), ": ");
    Expect(record.ok() && record->has_value() == write.shown.has_value(),
           absl::StrCat(who, "a device does not see what it created or deleted"));
    if (!result_.failure.empty()) return;
    if (!record->has_value()) continue;
    Expect((*record)->pending, absl::StrCat(who, "what was just written is not pending"));
    // A form from before may meet what came since.
    if (write.is_late) continue;
    Expect((*record)->scope == write.scope, absl::StrCat(who, "is not where it was put"));
    Content held = ContentOf(type, (*record)->message);
    Content wanted = *write.shown;
    for (const uint32_t field : write.untold) {
      EraseField(field, &held);
      EraseField(field, &wanted);
    }
    Expect(held == wanted, absl::StrCat(who, "shows ", TextOf(held), "| not ", TextOf(wanted)));
  }
}

// Monotonic reads: what is shown of a record is of no earlier commit than what was shown before, as
// long as the device has it, and until the server goes back.
void SimWorld::CheckReads(SimDevice* device, absl::Span<const ChangedRecord> changed) {
  if (device->store == nullptr || result_.restores > 0) return;
  const auto view = device->store->Read();
  CHECK(view.ok());
  for (const ChangedRecord& one : changed) {
    const RecordName name{one.type_id, one.id.AsBytes()};
    const RecordType& type = *SimRegistry().Find(name.type);
    const auto record = (*view)->Get(type, one.id);
    if (!record.ok() && IsExcused(device, record.status())) return;
    Expect(record.ok(), "I6: a record does not read");
    if (!record.ok()) return;
    if (!record->has_value()) {
      device->shown.erase(name);
      continue;
    }
    const uint64_t sequence = (*record)->updated.sequence;
    if (sequence == 0) continue;
    // Numbers of another partition, or of another life, do not compare. What waits to be moved is
    // still numbered where it was; a fact that somebody else registered first, where this device
    // does not read, has no place here.
    const absl::StatusOr<Scope> scope = Scope::Parse((*record)->scope);
    const std::pair<std::string, uint64_t> life(scope.ok() ? scope->partition() : "",
                                                (*record)->created.sequence);
    auto& [shown_life, last] = device->shown[name];
    if (shown_life != life) {
      if ((*record)->pending) continue;
      last = 0;
    }
    Expect(sequence >= last,
           absl::StrCat("I6: device ", device->number, " shows ", type.plural(), " ",
                        absl::BytesToHexString(name.id), " of commit ", sequence, " after ", last));
    shown_life = life;
    last = sequence;
  }
}

}  // namespace brigada
