#include "replica/store/redelivery.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "replica/base/limits.h"
#include "replica/base/status_macros.h"
#include "replica/schema/fragment.h"
#include "replica/store/change_rules.h"
#include "replica/store/keys.h"
#include "replica/store/refusals.h"

namespace brigada {
namespace {

std::string NameOf(const WriteRef& write) {
  std::string name = write.replica.AsBytes();
  AppendBigEndian64(write.origin_sequence, &name);
  return name;
}

v1::MergePolicy PolicyOf(const RecordType* type, uint32_t number) {
  const FieldType* const field = type == nullptr ? nullptr : type->FindField(number);
  return field == nullptr ? v1::LAST_WRITER : field->policy;
}

}  // namespace

absl::Status CheckRedelivered(const v1::Redelivered& before, uint64_t sequence) {
  RETURN_IF_ERROR(Epoch::FromBytes(before.epoch()).status());
  if (before.verdict().sequence() != sequence)
    return absl::InvalidArgumentError("a verdict is of another change set");
  switch (before.verdict().outcome()) {
    case v1::APPLIED:
    case v1::MERGED:
    case v1::REJECTED:
    case v1::QUARANTINED:
      break;
    default:
      return absl::InvalidArgumentError("a verdict has no outcome");
  }
  if (static_cast<size_t>(before.verdict().refusals_size()) > kMaxRefusals)
    return absl::InvalidArgumentError("a verdict has too many reasons");
  return absl::OkStatus();
}

v1::Redelivered WhatCounts(const v1::Redelivered& before) {
  v1::Redelivered kept;
  kept.set_epoch(before.epoch());
  v1::Verdict& verdict = *kept.mutable_verdict();
  verdict.set_sequence(before.verdict().sequence());
  verdict.set_commit_sequence(before.verdict().commit_sequence());
  verdict.set_outcome(before.verdict().outcome());
  verdict.set_stamp(before.verdict().stamp());
  return kept;
}

bool WasAccepted(const v1::Redelivered& before) { return !IsKeptOut(before.verdict()); }

bool Redelivery::was_accepted() const { return before_ != nullptr && WasAccepted(*before_); }

bool Redelivery::was_refused() const {
  return before_ != nullptr && before_->verdict().outcome() == v1::REJECTED;
}

std::vector<v1::Refusal> Redelivery::Reasons() const {
  std::vector<v1::Refusal> reasons;
  for (const v1::Refusal& said : before_->verdict().refusals()) {
    const bool is_short = said.detail().size() <= kMaxRefusalDetailBytes;
    reasons.push_back(
        MakeRefusal(said.reason(), said.change(), said.field(), is_short ? said.detail() : ""));
  }
  return reasons;
}

Hlc Redelivery::signed_stamp() const {
  const bool is_told = was_accepted() && before_->verdict().stamp() != 0;
  return Hlc{is_told ? before_->verdict().stamp() : header_->stamp()};
}

absl::Status Redelivery::Look(const Record& record, uint64_t seen, WriteContext* context) {
  if (is_plain()) return absl::OkStatus();
  for (const WriteRef& write : record.writes) {
    if (write.replica.bytes() == header_->replica()) {
      ASSIGN_OR_RETURN(const bool is_later, IsLaterOwn(write));
      if (is_later) knowing_.insert(NameOf(write));
      continue;
    }
    if (before_ == nullptr) continue;
    ASSIGN_OR_RETURN(const auto other,
                     verdicts_->Find(header_->partition(), write.replica, write.origin_sequence));
    if (!other.has_value() || other->before().epoch() != before_->epoch()) continue;
    if (other->before().commit_sequence() <= seen) context->provisional.insert(NameOf(write));
    if (before_->verdict().commit_sequence() <= other->before().seen())
      knowing_.insert(NameOf(write));
  }
  return absl::OkStatus();
}

// A retry of what came before it has a later number, and knows nothing of it.
absl::StatusOr<bool> Redelivery::IsLaterOwn(const WriteRef& write) const {
  if (!is_late_ || write.origin_sequence <= header_->sequence()) return false;
  ASSIGN_OR_RETURN(const auto other,
                   verdicts_->Find(header_->partition(), write.replica, write.origin_sequence));
  const uint64_t first_try = other.has_value() ? other->retry_of() : 0;
  return first_try == 0 || first_try >= header_->sequence();
}

bool Redelivery::IsReplaced(const RecordType* type, const Record& record, uint32_t number,
                            absl::string_view key) const {
  // What adds up is never replaced.
  const v1::MergePolicy policy = PolicyOf(type, number);
  if (policy == v1::COUNTER || policy == v1::SET) return false;
  const FieldState* const field = record.FindField(number);
  if (field == nullptr) return false;
  for (const Slot& slot : field->slots) {
    if (policy == v1::MAP && slot.key != key) continue;
    for (const Version& version : slot.versions)
      if (knowing_.contains(NameOf(record.writes[version.write]))) return true;
  }
  return false;
}

absl::StatusOr<std::vector<uint32_t>> Redelivery::Trim(const RecordType* type, const Record& record,
                                                       v1::Change* change, bool* whole) const {
  std::vector<uint32_t> trimmed;
  *whole = false;
  if (knowing_.empty()) return trimmed;
  if (record.deleted && knowing_.contains(NameOf(record.writes[record.deleted_by]))) {
    *whole = true;
    return trimmed;
  }
  for (std::string* const part : {change->mutable_values(), change->mutable_removed()}) {
    ASSIGN_OR_RETURN(const std::vector<Fragment> fragments, SplitFragments(type, *part));
    std::string kept;
    for (const Fragment& fragment : fragments) {
      if (IsReplaced(type, record, fragment.number, fragment.key)) {
        trimmed.push_back(fragment.number);
      } else {
        absl::StrAppend(&kept, fragment.bytes);
      }
    }
    *part = std::move(kept);
  }
  auto* const cleared = change->mutable_cleared();
  const auto end = std::remove_if(cleared->begin(), cleared->end(), [&](uint32_t number) {
    const bool is_replaced = IsReplaced(type, record, number, "");
    if (is_replaced) trimmed.push_back(number);
    return is_replaced;
  });
  cleared->erase(end, cleared->end());
  if (change->kind() == v1::Change::EDIT && !change->scope().empty() &&
      IsReplaced(type, record, kScopeFieldNumber, "")) {
    change->clear_scope();
    trimmed.push_back(kScopeFieldNumber);
  }
  return trimmed;
}

bool Redelivery::Describe(const v1::ChangeSetBody& body, v1::StoredVerdict::Before* before) const {
  if (before_ == nullptr) return false;
  before->set_epoch(before_->epoch());
  before->set_commit_sequence(before_->verdict().commit_sequence());
  // Of several, the least: who claims too much would hide another's value.
  uint64_t seen = header_->position().sequence();
  for (const v1::Change& change : body.changes())
    if (change.has_seen()) seen = std::min(seen, change.seen());
  before->set_seen(seen);
  return true;
}

}  // namespace brigada
