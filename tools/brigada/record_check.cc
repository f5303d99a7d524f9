#include "tools/brigada/record_check.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "replica/schema/validate.h"
#include "tools/brigada/refusal_text.h"
#include "tools/brigada/status_text.h"

namespace brigada {
namespace {

absl::Status BrokenRules(const RecordType& type, const std::vector<std::string>& details) {
  if (details.empty()) return absl::OkStatus();
  std::vector<std::string> rules;
  rules.reserve(details.size());
  for (const std::string& detail : details) rules.push_back(RuleText(detail));
  return UsageError(absl::StrCat(type.plural(), ": ", absl::StrJoin(rules, "; ")));
}

std::vector<std::string> DetailsOf(const std::vector<v1::Refusal>& refusals) {
  std::vector<std::string> details;
  details.reserve(refusals.size());
  for (const v1::Refusal& refusal : refusals) details.push_back(refusal.detail());
  return details;
}

}  // namespace

absl::Status CheckRecordScope(const RecordType& type, const Scope& scope) {
  if (const auto refusal = ValidateScope(type, scope, 0); refusal.has_value()) {
    return UsageError(absl::StrCat(
        scope.path(), ": ", RuleText(refusal->detail()), ". ",
        scope.depth() < 3 ? Say("Dé un municipio: --municipality 'San Juan Mixtepec, Oaxaca'",
                                "Give a municipality: --municipality 'San Juan Mixtepec, Oaxaca'")
                          : Say("Dé un lugar de otro nivel", "Give a place of another level")));
  }
  return absl::OkStatus();
}

absl::Status CheckNewRecord(const RecordType& type, const Scope& scope,
                            const google::protobuf::Message& record) {
  RETURN_IF_ERROR(CheckRecordScope(type, scope));
  std::vector<v1::Refusal> refusals = ValidateMessage(type, record, nullptr, 0);
  if (type.derived_from().empty()) {
    for (v1::Refusal& refusal : ValidateStart(type, record, 0))
      refusals.push_back(std::move(refusal));
  }
  return BrokenRules(type, DetailsOf(refusals));
}

absl::Status BeginRecord(const RecordType& type, const Scope& scope,
                         google::protobuf::Message* record) {
  const google::protobuf::Reflection& reflection = *record->GetReflection();
  for (const FieldType& field : type.fields()) {
    if (field.policy != v1::STATE || reflection.GetEnumValue(*record, field.descriptor) != 0)
      continue;
    const auto& initial = field.state_rules.initial();
    const auto named = std::find_if(initial.begin(), initial.end(), [](int v) { return v != 0; });
    if (named != initial.end()) reflection.SetEnumValue(record, field.descriptor, *named);
  }
  return CheckNewRecord(type, scope, *record);
}

absl::Status CheckRecordValues(const RecordType& type, const google::protobuf::Message& record) {
  return BrokenRules(type, DetailsOf(ValidateMessage(type, record, nullptr, 0)));
}

absl::Status CheckEditedRecord(const RecordType& type, const google::protobuf::Message& before,
                               const google::protobuf::Message& after) {
  absl::flat_hash_set<std::string> broken_before;
  for (const v1::Refusal& refusal : ValidateMessage(type, before, nullptr, 0))
    broken_before.insert(refusal.detail());
  std::vector<std::string> details;
  for (const v1::Refusal& refusal : ValidateMessage(type, after, nullptr, 0)) {
    if (!broken_before.contains(refusal.detail())) details.push_back(refusal.detail());
  }
  return BrokenRules(type, details);
}

}  // namespace brigada
