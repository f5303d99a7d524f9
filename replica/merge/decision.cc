#include "replica/merge/decision.h"

#include <algorithm>
#include <string>

#include "replica/merge/value.h"

namespace brigada {
namespace {

bool Says(const SlotWrite& write, const std::string& value) {
  // A state that was never set and one that was cleared have no bytes: both are 0.
  if (write.policy == v1::STATE) return EnumNumber(value) == EnumNumber(write.fragment);
  return value == write.fragment;
}

bool IsOpen(const CitedConflict& cited, const SlotWrite& write, const Record& record) {
  return std::any_of(
      record.conflicts.begin(), record.conflicts.end(), [&](const OpenConflict& open) {
        return open.id == cited.id && open.field == write.number && open.key == write.key;
      });
}

Decision DecisionOf(const std::vector<CitedConflict>& cited, const Record& record,
                    const SlotWrite& write) {
  Decision decision = Decision::kNone;
  for (const CitedConflict& conflict : cited) {
    if (conflict.field != write.number) continue;
    const auto says = [&](const std::string& value) { return Says(write, value); };
    if (std::none_of(conflict.values.begin(), conflict.values.end(), says)) continue;
    if (IsOpen(conflict, write, record)) return Decision::kOfOpen;
    decision = Decision::kOfClosed;
  }
  return decision;
}

}  // namespace

void MarkDecisions(const std::vector<CitedConflict>& cited, const Record& record,
                   std::vector<SlotWrite>* writes) {
  if (cited.empty()) return;
  for (SlotWrite& write : *writes)
    if (write.op == SlotOp::kPut) write.decides = DecisionOf(cited, record, write);
}

}  // namespace brigada
