#include "replica/schema/parked_edit.h"

#include "replica/schema/fragment.h"
#include "replica/schema/wire.h"

namespace brigada {
namespace {

bool ReadNumbers(absl::string_view content, std::vector<uint32_t>* numbers) {
  while (!content.empty()) {
    uint64_t number = 0;
    if (!ReadVarint(&content, &number) || number > kScopeFieldNumber) return false;
    numbers->push_back(static_cast<uint32_t>(number));
  }
  return true;
}

}  // namespace

std::string ParkedValue(const v1::Change& change) {
  std::string value = change.values();
  if (!change.removed().empty()) AppendDelimited(kRemovedFieldNumber, change.removed(), &value);
  if (change.cleared_size() > 0) {
    std::string numbers;
    for (const uint32_t field : change.cleared()) AppendVarint(field, &numbers);
    AppendDelimited(kClearedFieldNumber, numbers, &value);
  }
  if (!change.scope().empty()) value += ScopeFragment(change.scope());
  return value;
}

absl::StatusOr<ParkedEdit> ReadParkedValue(absl::string_view value) {
  ParkedEdit edit;
  while (!value.empty()) {
    const absl::string_view before = value;
    WireField wire;
    if (!ReadField(&value, &wire)) return absl::InvalidArgumentError("malformed parked edit");
    if (wire.number < kClearedFieldNumber) {
      const size_t size = before.size() - value.size();
      edit.values.append(before.data(), size);
      continue;
    }
    bool is_sound = wire.wire == kDelimited;
    if (wire.number == kScopeFieldNumber) {
      edit.scope = std::string(wire.content);
    } else if (wire.number == kRemovedFieldNumber) {
      edit.removed.append(wire.content.data(), wire.content.size());
    } else {
      is_sound = is_sound && ReadNumbers(wire.content, &edit.cleared);
    }
    if (!is_sound) return absl::InvalidArgumentError("malformed parked edit");
  }
  return edit;
}

}  // namespace brigada
