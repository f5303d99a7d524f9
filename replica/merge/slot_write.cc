#include "replica/merge/slot_write.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/merge/value.h"
#include "replica/schema/fragment.h"

namespace brigada {
namespace {

absl::Status Unfit(uint32_t number, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("change of field ", number, ": ", what));
}

bool HasElements(v1::MergePolicy policy) { return policy == v1::SET || policy == v1::MAP; }

SlotWrite WriteOf(const RecordType* type, uint32_t number, SlotOp op) {
  SlotWrite write;
  write.number = number;
  write.op = op;
  write.field = type == nullptr ? nullptr : type->FindField(number);
  if (write.field != nullptr) write.policy = write.field->policy;
  return write;
}

// What the policies read out of a value has to be readable.
absl::Status CheckValue(const SlotWrite& write) {
  switch (write.policy) {
    case v1::COUNTER:
      return CounterAmount(*write.field, write.fragment).status();
    case v1::MAX:
    case v1::MIN:
    case v1::STATE:
      return CheckScalar(*write.field, write.fragment);
    default:
      return absl::OkStatus();
  }
}

absl::Status AddPuts(const RecordType* type, const std::string& values,
                     std::vector<SlotWrite>* writes) {
  if (values.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(std::vector<Fragment> fragments, SplitFragments(type, values));
  writes->reserve(writes->size() + fragments.size() + 1);
  for (Fragment& fragment : fragments) {
    if (fragment.number == kScopeFieldNumber) return Unfit(fragment.number, "it is reserved");
    SlotWrite write = WriteOf(type, fragment.number, SlotOp::kPut);
    write.key = std::move(fragment.key);
    write.fragment = std::move(fragment.bytes);
    RETURN_IF_ERROR(CheckValue(write));
    writes->push_back(std::move(write));
  }
  return absl::OkStatus();
}

absl::Status AddRemovals(const RecordType* type, const std::string& removed,
                         std::vector<SlotWrite>* writes) {
  if (removed.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(std::vector<Fragment> fragments, SplitFragments(type, removed));
  for (Fragment& fragment : fragments) {
    SlotWrite write = WriteOf(type, fragment.number, SlotOp::kRemove);
    if (fragment.number == kScopeFieldNumber) return Unfit(fragment.number, "it is reserved");
    if (write.field == nullptr) continue;
    if (!HasElements(write.policy)) return Unfit(write.number, "it has no elements to remove");
    write.key = std::move(fragment.key);
    writes->push_back(std::move(write));
  }
  return absl::OkStatus();
}

absl::Status AddCleared(const RecordType* type, const v1::Change& change,
                        std::vector<SlotWrite>* writes) {
  for (const uint32_t number : change.cleared()) {
    if (number == 0 || number >= kScopeFieldNumber) return Unfit(number, "no such field to clear");
    SlotWrite write = WriteOf(type, number, SlotOp::kPut);
    if (write.policy == v1::COUNTER) return Unfit(number, "a counter is not cleared");
    if (HasElements(write.policy)) write.op = SlotOp::kRemoveAll;
    writes->push_back(std::move(write));
  }
  return absl::OkStatus();
}

auto Place(const SlotWrite& write) { return std::tie(write.number, write.op, write.key); }

// Of two puts of a slot (cleared and set in one change) the later stays.
void SortAndDeduplicate(std::vector<SlotWrite>* writes) {
  const auto before = [](const SlotWrite& a, const SlotWrite& b) { return Place(a) < Place(b); };
  if (!std::is_sorted(writes->begin(), writes->end(), before))
    std::stable_sort(writes->begin(), writes->end(), before);
  size_t kept = 0;
  for (size_t i = 0; i < writes->size(); ++i) {
    const bool repeated = kept > 0 && Place((*writes)[kept - 1]) == Place((*writes)[i]);
    if (repeated) --kept;
    if (kept != i) (*writes)[kept] = std::move((*writes)[i]);
    ++kept;
  }
  writes->resize(kept);
}

}  // namespace

absl::StatusOr<std::vector<SlotWrite>> SlotWrites(const RecordType* type,
                                                  const v1::Change& change) {
  std::vector<SlotWrite> writes;
  RETURN_IF_ERROR(AddRemovals(type, change.removed(), &writes));
  RETURN_IF_ERROR(AddCleared(type, change, &writes));
  RETURN_IF_ERROR(AddPuts(type, change.values(), &writes));
  if (!change.scope().empty()) {
    writes.push_back(WriteOf(nullptr, kScopeFieldNumber, SlotOp::kPut));
    writes.back().fragment = ScopeFragment(change.scope());
  }
  SortAndDeduplicate(&writes);
  return writes;
}

}  // namespace brigada
