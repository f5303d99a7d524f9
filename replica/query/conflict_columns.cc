#include "replica/query/conflict_columns.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "brigada/v1/conflict.pb.h"
#include "replica/schema/fragment.h"
#include "replica/schema/parked_edit.h"

namespace brigada {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

uint32_t NumberField(const Message& conflict, int number) {
  const FieldDescriptor* field = conflict.GetDescriptor()->FindFieldByNumber(number);
  return conflict.GetReflection()->GetUInt32(conflict, field);
}

const RecordType* TypeOf(const Registry& registry, const Message& conflict) {
  return registry.Find(NumberField(conflict, v1::Conflict::kAboutTypeFieldNumber));
}

SqlColumn FieldColumn(const char* name, const FieldType* field, ColumnKind kind, ValueForm form) {
  SqlColumn column;
  column.name = name;
  column.kind = kind;
  column.form = form;
  column.field = field;
  column.path = {field->descriptor};
  column.indexed = field->indexed;
  return column;
}

struct Part {
  const char* name;
  int number;
  ColumnKind kind;
  ValueForm form;
};

// What is shown of a contender.
constexpr Part kParts[] = {
    {"value", v1::Contender::kValueFieldNumber, ColumnKind::kContenderValue, ValueForm::kText},
    {"user", v1::Contender::kUserFieldNumber, ColumnKind::kElement, ValueForm::kText},
    {"at", v1::Contender::kAtMsFieldNumber, ColumnKind::kElement, ValueForm::kMillisTime},
    {"replica", v1::Contender::kReplicaFieldNumber, ColumnKind::kElement, ValueForm::kUuid},
    {"deletion", v1::Contender::kDeletionFieldNumber, ColumnKind::kElement, ValueForm::kBool},
};

// And of one that lost: what it took away, when it met a deletion.
constexpr Part kTakenParts[] = {
    {"removed", v1::Contender::kValueFieldNumber, ColumnKind::kContenderRemoved, ValueForm::kText},
    {"cleared", v1::Contender::kValueFieldNumber, ColumnKind::kContenderCleared, ValueForm::kText},
};

// The fields of a partial message as one JSON object, those above `readable` left out.
SqlValue RecordJson(const RecordType& type, const Message& message, v1::DataClass readable) {
  std::vector<std::string> members;
  for (const FieldType& field : type.fields()) {
    if (field.data_class > readable) continue;
    const auto& reflection = *message.GetReflection();
    const bool is_set = field.repeated ? reflection.FieldSize(message, field.descriptor) > 0
                                       : reflection.HasField(message, field.descriptor);
    if (is_set) {
      members.push_back(
          absl::StrCat(JsonString(field.name), ":", FieldJson(message, *field.descriptor)));
    }
  }
  return absl::StrCat("{", absl::StrJoin(members, ","), "}");
}

// Only a conflict about the whole record has one.
absl::StatusOr<ParkedEdit> ParkedEditOf(const Message& conflict, absl::string_view value) {
  if (NumberField(conflict, v1::Conflict::kAboutFieldFieldNumber) != 0) return ParkedEdit();
  return ReadParkedValue(value);
}

SqlValue AsText(SqlValue value) {
  if (const auto* number = std::get_if<int64_t>(&value)) return absl::StrCat(*number);
  if (const auto* real = std::get_if<double>(&value)) return absl::StrCat(*real);
  return value;
}

}  // namespace

bool IsConflictType(const RecordType& type) {
  return type.descriptor()->full_name() == v1::Conflict::descriptor()->full_name();
}

bool IsLosersField(const FieldType& field) {
  return field.number == v1::Conflict::kLosersFieldNumber;
}

void AddConflictColumns(const RecordType& type, std::vector<SqlColumn>* columns) {
  const auto find = [&](int number) { return type.FindField(static_cast<uint32_t>(number)); };
  columns->push_back(FieldColumn("about_type", find(v1::Conflict::kAboutTypeFieldNumber),
                                 ColumnKind::kAboutType, ValueForm::kText));
  columns->push_back(FieldColumn("about_record", find(v1::Conflict::kAboutRecordFieldNumber),
                                 ColumnKind::kField, ValueForm::kUuid));
  columns->push_back(FieldColumn("about_field", find(v1::Conflict::kAboutFieldFieldNumber),
                                 ColumnKind::kAboutField, ValueForm::kText));
  columns->push_back(FieldColumn("policy", find(v1::Conflict::kPolicyFieldNumber),
                                 ColumnKind::kField, ValueForm::kEnum));
  columns->push_back(FieldColumn("state", find(v1::Conflict::kStateFieldNumber), ColumnKind::kField,
                                 ValueForm::kEnum));
  const FieldType* winner = find(v1::Conflict::kWinnerFieldNumber);
  for (const Part& part : kParts) {
    SqlColumn column = FieldColumn("", winner, part.kind, part.form);
    if (column.kind == ColumnKind::kElement) column.kind = ColumnKind::kField;
    column.name = absl::StrCat("winner_", part.name);
    column.path.push_back(winner->descriptor->message_type()->FindFieldByNumber(part.number));
    columns->push_back(std::move(column));
  }
  columns->push_back(FieldColumn("resolved_by", find(v1::Conflict::kResolvedByFieldNumber),
                                 ColumnKind::kField, ValueForm::kText));
  columns->push_back(FieldColumn("resolved_at", find(v1::Conflict::kResolvedAtMsFieldNumber),
                                 ColumnKind::kField, ValueForm::kMillisTime));
}

void AddContenderColumns(const FieldType& losers, std::vector<SqlColumn>* columns) {
  SqlColumn ordinal;
  ordinal.name = "number";
  ordinal.kind = ColumnKind::kOrdinal;
  ordinal.form = ValueForm::kInteger;
  ordinal.field = &losers;
  columns->push_back(std::move(ordinal));
  const auto add = [&](const Part& part) {
    SqlColumn column = FieldColumn(part.name, &losers, part.kind, part.form);
    column.path = {losers.descriptor->message_type()->FindFieldByNumber(part.number)};
    columns->push_back(std::move(column));
  };
  for (const Part& part : kParts) add(part);
  for (const Part& part : kTakenParts) add(part);
}

SqlValue AboutType(const Registry& registry, const Message& conflict) {
  const RecordType* type = TypeOf(registry, conflict);
  if (type != nullptr) return type->plural();
  return absl::StrCat(NumberField(conflict, v1::Conflict::kAboutTypeFieldNumber));
}

SqlValue AboutField(const Registry& registry, const Message& conflict) {
  const uint32_t number = NumberField(conflict, v1::Conflict::kAboutFieldFieldNumber);
  if (number == 0) return std::monostate();
  if (number == kScopeFieldNumber) return std::string("scope");
  const RecordType* type = TypeOf(registry, conflict);
  const FieldType* field = type == nullptr ? nullptr : type->FindField(number);
  if (field != nullptr) return field->name;
  return absl::StrCat(number);
}

SqlValue ContenderValue(const Registry& registry, const Message& conflict, absl::string_view value,
                        v1::DataClass readable) {
  if (value.empty()) return std::monostate();
  const uint32_t number = NumberField(conflict, v1::Conflict::kAboutFieldFieldNumber);
  if (number == kScopeFieldNumber) return std::string(ScopeOfFragment(value));
  const RecordType* type = TypeOf(registry, conflict);
  // What this program does not know counts as most sensitive, and has no form to show it in.
  if (type == nullptr) return std::monostate();
  const FieldType* field = type->FindField(number);
  if (number != 0 && (field == nullptr || field->data_class > readable)) return std::monostate();
  const std::unique_ptr<Message> message = type->NewMessage();
  if (!message->ParsePartialFromArray(value.data(), static_cast<int>(value.size())))
    return std::monostate();
  if (number == 0) return RecordJson(*type, *message, readable);
  const FieldDescriptor& descriptor = *field->descriptor;
  if (field->repeated && !field->is_map && field->policy == v1::SET) {
    if (message->GetReflection()->FieldSize(*message, &descriptor) == 0) return std::monostate();
    return AsText(RenderElement(*message, descriptor, 0, FormOf(descriptor)));
  }
  return AsText(RenderField(*message, descriptor, FormOf(descriptor)));
}

SqlValue ContenderRemoved(const Registry& registry, const Message& conflict,
                          absl::string_view value, v1::DataClass readable) {
  const absl::StatusOr<ParkedEdit> edit = ParkedEditOf(conflict, value);
  if (!edit.ok()) return std::monostate();
  return ContenderValue(registry, conflict, edit->removed, readable);
}

SqlValue ContenderCleared(const Registry& registry, const Message& conflict,
                          absl::string_view value, v1::DataClass readable) {
  const absl::StatusOr<ParkedEdit> edit = ParkedEditOf(conflict, value);
  const RecordType* const type = TypeOf(registry, conflict);
  if (!edit.ok() || type == nullptr) return std::monostate();
  std::vector<std::string> names;
  for (const uint32_t number : edit->cleared) {
    const FieldType* const field = type->FindField(number);
    if (field != nullptr && field->data_class <= readable) names.push_back(JsonString(field->name));
  }
  if (names.empty()) return std::monostate();
  return absl::StrCat("[", absl::StrJoin(names, ","), "]");
}

}  // namespace brigada
