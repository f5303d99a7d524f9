#include "replica/merge/record.h"

#include <algorithm>

#include "replica/merge/perspective.h"
#include "replica/schema/fragment.h"

namespace brigada {
namespace {

template <typename Fields>
auto* FindIn(Fields& fields, uint32_t number) {
  const auto found = std::lower_bound(
      fields.begin(), fields.end(), number,
      [](const FieldState& field, uint32_t wanted) { return field.number < wanted; });
  return found != fields.end() && found->number == number ? &*found : nullptr;
}

}  // namespace

const WriteRef& Record::updated() const {
  const WriteRef* newest = &writes[0];
  for (const WriteRef& write : writes)
    if (IsCommittedLater(write, *newest)) newest = &write;
  return *newest;
}

std::string Record::scope() const {
  const FieldState* field = FindField(kScopeFieldNumber);
  if (field == nullptr || field->slots.empty()) return std::string();
  return std::string(ScopeOfFragment(field->slots[0].versions[0].fragment));
}

FieldState* Record::FindField(uint32_t number) { return FindIn(fields, number); }

const FieldState* Record::FindField(uint32_t number) const { return FindIn(fields, number); }

std::string Record::Message() const {
  size_t size = 0;
  const auto for_each_standing = [this](auto visit) {
    for (const FieldState& field : fields) {
      if (field.number == kScopeFieldNumber) continue;
      for (const Slot& slot : field.slots) visit(slot.versions[0].fragment);
    }
  };
  for_each_standing([&](const std::string& fragment) { size += fragment.size(); });
  std::string message;
  message.reserve(size);
  for_each_standing([&](const std::string& fragment) { message += fragment; });
  return message;
}

}  // namespace brigada
