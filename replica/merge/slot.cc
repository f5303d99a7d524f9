#include "replica/merge/slot.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "replica/base/limits.h"
#include "replica/merge/value.h"

namespace brigada {
namespace {

// Greater than 0 when the policy prefers `a`; 0 leaves it to the stamps.
int Preference(const SlotRule& rule, const Version& a, const Version& b) {
  if (rule.policy == v1::MAX) return CompareValues(*rule.field, a.fragment, b.fragment, true);
  if (rule.policy == v1::MIN) return -CompareValues(*rule.field, a.fragment, b.fragment, false);
  return 0;
}

// The one to go first is the earliest that neither stands nor was just written: what is never
// evicted by its own arrival always leaves a trace of its commit in the field.
std::vector<Version> Evict(uint32_t newest, std::vector<Version>* versions) {
  std::vector<Version> evicted;
  while (versions->size() > kMaxVersionsPerKey) {
    auto last = std::prev(versions->end());
    if (last->write == newest) --last;
    evicted.push_back(std::move(*last));
    versions->erase(last);
  }
  return evicted;
}

template <typename Slots>
auto LowerBound(Slots& slots, absl::string_view key) {
  return std::lower_bound(slots.begin(), slots.end(), key,
                          [](const Slot& slot, absl::string_view k) { return slot.key < k; });
}

}  // namespace

bool IsSameValue(const SlotRule& rule, absl::string_view a, absl::string_view b) {
  if (rule.policy == v1::MAX || rule.policy == v1::MIN)
    return CompareValues(*rule.field, a, b, rule.policy == v1::MAX) == 0;
  return a == b;
}

void ArrangeVersions(const SlotRule& rule, const std::vector<WriteRef>& writes,
                     std::vector<Version>* versions) {
  if (versions->size() < 2) return;
  const auto is_later = [&](const Version& a, const Version& b) {
    return IsLater(writes[a.write], writes[b.write]);
  };
  std::sort(versions->begin(), versions->end(), is_later);
  auto best = versions->begin();
  for (auto it = std::next(best); it != versions->end(); ++it)
    if (Preference(rule, *it, *best) > 0) best = it;
  std::rotate(versions->begin(), best, std::next(best));
}

std::vector<Version> TakeSeen(const Perspective& who, const std::vector<WriteRef>& writes,
                              std::vector<Version>* versions) {
  const auto seen = std::stable_partition(
      versions->begin(), versions->end(),
      [&](const Version& version) { return who.IsConcurrent(writes[version.write]); });
  std::vector<Version> taken(std::make_move_iterator(seen),
                             std::make_move_iterator(versions->end()));
  versions->erase(seen, versions->end());
  return taken;
}

Displacement PutVersion(const SlotRule& rule, const Perspective& who,
                        const std::vector<WriteRef>& writes, Version version, Slot* slot) {
  Displacement result;
  if (!slot->versions.empty()) result.displaced = TakeSeen(who, writes, &slot->versions);
  const uint32_t newest = version.write;
  slot->versions.push_back(std::move(version));
  ArrangeVersions(rule, writes, &slot->versions);
  if (slot->versions.size() > kMaxVersionsPerKey) result.evicted = Evict(newest, &slot->versions);
  return result;
}

std::vector<Version> RemoveSeen(const SlotRule& rule, const Perspective& who,
                                const std::vector<WriteRef>& writes, Slot* slot) {
  std::vector<Version> removed = TakeSeen(who, writes, &slot->versions);
  ArrangeVersions(rule, writes, &slot->versions);
  return removed;
}

Slot* FindSlot(absl::string_view key, FieldState* field) {
  const auto found = LowerBound(field->slots, key);
  return found != field->slots.end() && found->key == key ? &*found : nullptr;
}

const Slot* FindSlot(absl::string_view key, const FieldState& field) {
  const auto found = LowerBound(field.slots, key);
  return found != field.slots.end() && found->key == key ? &*found : nullptr;
}

Slot& EnsureSlot(absl::string_view key, FieldState* field) {
  auto found = LowerBound(field->slots, key);
  if (found == field->slots.end() || found->key != key)
    found = field->slots.insert(found, Slot{std::string(key), {}});
  return *found;
}

void EraseSlot(absl::string_view key, FieldState* field) {
  const auto found = LowerBound(field->slots, key);
  if (found != field->slots.end() && found->key == key) field->slots.erase(found);
}

FieldState& EnsureField(uint32_t number, Record* record) {
  auto& fields = record->fields;
  // Changes come in order of number, so on a new record this is always the end.
  if (fields.empty() || fields.back().number < number) {
    fields.push_back(FieldState{number, 0, {}});
    return fields.back();
  }
  auto found =
      std::lower_bound(fields.begin(), fields.end(), number,
                       [](const FieldState& field, uint32_t n) { return field.number < n; });
  if (found->number != number) found = fields.insert(found, FieldState{number, 0, {}});
  return *found;
}

uint32_t WriteIndex(const WriteRef& write, Record* record) {
  auto& writes = record->writes;
  const auto found = std::find(writes.begin(), writes.end(), write);
  const auto index = static_cast<uint32_t>(found - writes.begin());
  if (found == writes.end()) writes.push_back(write);
  return index;
}

void DropUnusedWrites(Record* record) {
  auto& writes = record->writes;
  if (writes.size() < 2) return;
  std::vector<uint32_t> new_index(writes.size(), 0);
  const auto mark = [&](uint32_t index) { new_index[index] = 1; };
  mark(0);
  mark(record->deleted_by);
  mark(record->ended_by);
  for (const FieldState& field : record->fields) {
    mark(field.changed);
    for (const Slot& slot : field.slots)
      for (const Version& version : slot.versions) mark(version.write);
  }
  uint32_t kept = 0;
  for (uint32_t i = 0; i < writes.size(); ++i) {
    if (new_index[i] == 0) continue;
    if (kept != i) writes[kept] = std::move(writes[i]);
    new_index[i] = kept++;
  }
  if (kept == writes.size()) return;
  writes.resize(kept);
  record->deleted_by = new_index[record->deleted_by];
  record->ended_by = new_index[record->ended_by];
  for (FieldState& field : record->fields) {
    field.changed = new_index[field.changed];
    for (Slot& slot : field.slots)
      for (Version& version : slot.versions) version.write = new_index[version.write];
  }
}

}  // namespace brigada
