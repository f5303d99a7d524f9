#include "replica/store/change_check.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/message.h"
#include "replica/base/limits.h"
#include "replica/base/status_macros.h"
#include "replica/schema/diff.h"
#include "replica/schema/fragment.h"
#include "replica/schema/validate.h"

namespace brigada {
namespace {

absl::Status Violated(const RecordType& type, const std::vector<v1::Refusal>& refusals) {
  if (refusals.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(Describe(type, refusals));
}

absl::StatusOr<std::unique_ptr<google::protobuf::Message>> ParseValues(const RecordType& type,
                                                                       const v1::Change& change) {
  std::unique_ptr<google::protobuf::Message> message = type.NewMessage();
  if (!message->ParseFromString(change.values())) {
    return absl::InvalidArgumentError(
        absl::StrCat(type.plural(), ": the values are not a message of the type"));
  }
  return message;
}

absl::Status CheckCreate(const RecordType& type, const v1::Change& change, uint32_t index,
                         CheckedChange* checked) {
  if (checked->scope.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(type.plural(), ": a new record needs a scope"));
  }
  if (!change.removed().empty() || change.cleared_size() > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(type.plural(), ": a new record has nothing to remove or clear"));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<google::protobuf::Message> message,
                   ParseValues(type, change));
  RETURN_IF_ERROR(Violated(type, ValidateMessage(type, *message, nullptr, index)));
  checked->lacks_folio =
      type.folio() != nullptr &&
      message->GetReflection()->GetString(*message, type.folio()->descriptor).empty();
  if (type.derived_from().empty()) {
    // A create that decides a conflict may restore what was deleted.
    if (change.resolves_size() > 0) return absl::OkStatus();
    return Violated(type, ValidateStart(type, *message, index));
  }
  ASSIGN_OR_RETURN(const RecordId derived, DeriveId(type, *message));
  if (derived != checked->id) {
    return absl::InvalidArgumentError(
        absl::StrCat(type.plural(), ": the id is not the one its parts give"));
  }
  return absl::OkStatus();
}

// The fields an edit writes. An amount added to a COUNTER obeys no rule of the total, so counters
// are left out.
absl::StatusOr<absl::flat_hash_set<uint32_t>> WrittenFields(const RecordType& type,
                                                            const v1::Change& change) {
  absl::flat_hash_set<uint32_t> numbers(change.cleared().begin(), change.cleared().end());
  ASSIGN_OR_RETURN(const std::vector<Fragment> fragments, SplitFragments(&type, change.values()));
  for (const Fragment& fragment : fragments) {
    const FieldType* field = type.FindField(fragment.number);
    if (field == nullptr || field->policy != v1::COUNTER) numbers.insert(fragment.number);
  }
  RETURN_IF_ERROR(SplitFragments(&type, change.removed()).status());
  return numbers;
}

absl::Status WrittenOnce(const RecordType& type) {
  return absl::FailedPreconditionError(absl::StrCat(
      type.plural(), ": written once; a correction is a new record that names the old one"));
}

absl::Status CheckEdit(const RecordType& type, const v1::Change& change, uint32_t index) {
  // Two people may have written it once each: the server knows which values a decision may take.
  if (type.rules().append_only() && change.resolves().empty()) return WrittenOnce(type);
  ASSIGN_OR_RETURN(const std::unique_ptr<google::protobuf::Message> message,
                   ParseValues(type, change));
  ASSIGN_OR_RETURN(const absl::flat_hash_set<uint32_t> numbers, WrittenFields(type, change));
  for (const FieldType* part : type.derived_from()) {
    if (numbers.contains(part->number)) {
      return absl::InvalidArgumentError(absl::StrCat(
          type.plural(), ".", part->name, ": the id is derived from it, so it never changes"));
    }
  }
  return Violated(type, ValidateMessage(type, *message, &numbers, index));
}

absl::Status CheckDelete(const RecordType& type, const v1::Change& change) {
  if (type.rules().append_only()) return WrittenOnce(type);
  if (change.values().empty() && change.removed().empty() && change.cleared_size() == 0 &&
      change.scope().empty()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(type.plural(), ": a deletion carries no values"));
}

absl::Status CheckByKind(const v1::Change& change, uint32_t index, CheckedChange* checked) {
  const RecordType& type = *checked->type;
  switch (change.kind()) {
    case v1::Change::CREATE:
      return CheckCreate(type, change, index, checked);
    case v1::Change::EDIT:
      return CheckEdit(type, change, index);
    case v1::Change::DELETE:
      return CheckDelete(type, change);
    default:
      return absl::InvalidArgumentError("a change of an unknown kind");
  }
}

absl::StatusOr<CheckedChange> CheckChange(const Registry& registry, const v1::Change& change,
                                          uint32_t index) {
  CheckedChange checked;
  checked.type = registry.Find(change.type_id());
  if (checked.type == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("record type ", change.type_id(), " is not known here"));
  }
  const RecordType& type = *checked.type;
  if (type.rules().server_written()) {
    return absl::FailedPreconditionError(
        absl::StrCat(type.plural(), ": only the server writes them"));
  }
  ASSIGN_OR_RETURN(checked.id, RecordId::FromBytes(change.record_id()));
  if (checked.id.is_zero()) return absl::InvalidArgumentError("a change without a record id");
  if (!change.scope().empty()) {
    ASSIGN_OR_RETURN(checked.scope, Scope::Parse(change.scope()));
    if (!Scope::IsPartition(checked.scope.partition())) {
      return absl::InvalidArgumentError(absl::StrCat(
          "there is no state ", checked.scope.partition(), ": a state is two digits, as in MX/20"));
    }
    const absl::optional<v1::Refusal> misplaced = ValidateScope(type, checked.scope, index);
    if (misplaced) return Violated(type, {*misplaced});
  }
  RETURN_IF_ERROR(CheckByKind(change, index, &checked));
  return checked;
}

}  // namespace

absl::Status CheckSamePartition(absl::string_view one, absl::string_view other) {
  if (one == other) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the changes lie in two partitions, ", one,
                                                 " and ", other, ": commit them apart"));
}

absl::StatusOr<std::vector<CheckedChange>> CheckChanges(const Registry& registry,
                                                        absl::Span<const v1::Change> changes) {
  if (changes.empty()) return absl::InvalidArgumentError("a commit without changes");
  if (changes.size() > kMaxChangesPerSet) {
    return absl::InvalidArgumentError(
        absl::StrCat(changes.size(), " changes in one commit; at most ", kMaxChangesPerSet));
  }
  std::vector<CheckedChange> all;
  all.reserve(changes.size());
  const Scope* placed = nullptr;
  for (size_t i = 0; i < changes.size(); ++i) {
    ASSIGN_OR_RETURN(CheckedChange checked,
                     CheckChange(registry, changes[i], static_cast<uint32_t>(i)));
    all.push_back(std::move(checked));
  }
  for (size_t i = 0; i < all.size(); ++i) {
    const CheckedChange& checked = all[i];
    // A move may lead into another partition.
    if (changes[i].kind() != v1::Change::CREATE) continue;
    if (placed != nullptr) {
      RETURN_IF_ERROR(CheckSamePartition(placed->partition(), checked.scope.partition()));
    }
    placed = &checked.scope;
  }
  return all;
}

}  // namespace brigada
