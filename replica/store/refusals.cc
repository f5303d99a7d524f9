#include "replica/store/refusals.h"

#include <algorithm>

namespace brigada {

bool IsAccepted(const v1::Verdict& verdict) {
  return verdict.outcome() == v1::APPLIED || verdict.outcome() == v1::MERGED;
}

bool IsKeptOut(const v1::Verdict& verdict) {
  return verdict.outcome() == v1::REJECTED || verdict.outcome() == v1::QUARANTINED;
}

bool IsOfGrants(const v1::Refusal& refusal) {
  return refusal.reason() == v1::NOT_GRANTED || refusal.reason() == v1::LATE_AFTER_REVOCATION;
}

bool IsNotJudged(const v1::Refusal& refusal) { return refusal.reason() == v1::NOT_JUDGED; }

bool WasNotJudged(const v1::Verdict& verdict) {
  const auto& refusals = verdict.refusals();
  return std::any_of(refusals.begin(), refusals.end(),
                     [](const v1::Refusal& refusal) { return IsNotJudged(refusal); });
}

bool WaitsForRecords(const v1::Verdict& verdict) {
  const auto& refusals = verdict.refusals();
  return verdict.outcome() == v1::QUARANTINED && !refusals.empty() &&
         std::all_of(refusals.begin(), refusals.end(), [](const v1::Refusal& refusal) {
           return refusal.reason() == v1::UNKNOWN_RECORD;
         });
}

v1::Dot SaidFirst(const v1::ChangeSetHeader& header) {
  if (header.has_same_work()) return header.same_work();
  v1::Dot dot;
  dot.set_replica(header.replica());
  dot.set_sequence(header.sequence());
  return dot;
}

bool SaysTheSame(const v1::ChangeSetHeader& a, const v1::ChangeSetHeader& b) {
  const v1::Dot first_of_a = SaidFirst(a);
  const v1::Dot first_of_b = SaidFirst(b);
  return first_of_a.replica() == first_of_b.replica() &&
         first_of_a.sequence() == first_of_b.sequence();
}

bool IsDoneElsewhere(const v1::Verdict& verdict, const v1::ChangeSetHeader& header) {
  const auto& refusals = verdict.refusals();
  return header.has_same_work() &&
         std::any_of(refusals.begin(), refusals.end(),
                     [](const v1::Refusal& refusal) { return refusal.reason() == v1::RELEASED; });
}

}  // namespace brigada
