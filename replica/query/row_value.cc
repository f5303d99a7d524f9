#include "replica/query/row_value.h"

#include <algorithm>
#include <string>
#include <utility>

#include "replica/base/status_macros.h"
#include "replica/query/conflict_columns.h"

namespace brigada {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

SqlValue TextOrNull(std::string text) {
  if (text.empty()) return std::monostate();
  return text;
}

SqlValue WriteTime(const WriteRef& write) {
  if (write.stamp.value == 0) return std::monostate();
  return RenderTime(write.stamp.ToTime());
}

// A conflict of a field that the caller may not read is not told either.
bool HasReadableConflict(const RecordType& type, const RecordView& record, v1::DataClass readable) {
  return std::any_of(record.conflicts.begin(), record.conflicts.end(),
                     [&](const OpenConflict& conflict) {
                       if (conflict.field == 0 || conflict.field == kScopeFieldNumber) return true;
                       const FieldType* field = type.FindField(conflict.field);
                       return (field == nullptr ? v1::INCIDENT : field->data_class) <= readable;
                     });
}

SqlValue EnvelopeValue(const RecordType& type, const SqlColumn& column, const RecordView& record,
                       v1::DataClass readable) {
  switch (column.kind) {
    case ColumnKind::kId:
      return record.id.ToString();
    case ColumnKind::kScope:
      return record.scope;
    case ColumnKind::kStateKey:
      return TextOrNull(StateKeyOf(record.scope));
    case ColumnKind::kMunicipalityKey:
      return TextOrNull(MunicipalityKeyOf(record.scope));
    case ColumnKind::kCreatedBy:
      return TextOrNull(record.created.user);
    case ColumnKind::kCreatedAt:
      return WriteTime(record.created);
    case ColumnKind::kUpdatedBy:
      return TextOrNull(record.updated.user);
    case ColumnKind::kUpdatedAt:
      return WriteTime(record.updated);
    case ColumnKind::kHasConflict:
      return int64_t{HasReadableConflict(type, record, readable)};
    case ColumnKind::kPending:
      return int64_t{record.pending};
    default:
      return std::monostate();
  }
}

bool IsOfEnvelope(const SqlColumn& column) { return column.field == nullptr; }

SqlValue ElementValue(const SqlColumn& column, const Message& message, int element) {
  const FieldDescriptor& field = *column.field->descriptor;
  if (column.path.empty()) return RenderElement(message, field, element, column.form);
  const Message& inner = message.GetReflection()->GetRepeatedMessage(message, &field, element);
  // A MAP's key and scalar value are there even when they are empty.
  const bool is_entry_part = field.is_map() && column.path.size() == 1;
  if (is_entry_part && column.path.front()->cpp_type() == FieldDescriptor::CPPTYPE_STRING &&
      !inner.GetReflection()->HasField(inner, column.path.front())) {
    return column.form == ValueForm::kText ? SqlValue(std::string()) : SqlValue(SqlBlob());
  }
  return RenderPath(inner, column.path, column.form);
}

// The bytes of a contender's value: of the winner, or of the losing one at `element`.
std::string ContenderBytes(const SqlColumn& column, const Message& message, int element) {
  const auto& reflection = *message.GetReflection();
  const FieldDescriptor* const field = column.field->descriptor;
  if (field->is_repeated()) {
    const Message& loser = reflection.GetRepeatedMessage(message, field, element);
    return loser.GetReflection()->GetString(loser, column.path.back());
  }
  const Message& winner = reflection.GetMessage(message, field);
  return winner.GetReflection()->GetString(winner, column.path.back());
}

}  // namespace

bool IsReadable(const SqlColumn& column, const RecordSource& source) {
  return column.field == nullptr || column.field->data_class <= source.readable();
}

absl::StatusOr<SqlValue> RowValue(const QueryContext& context, const SqlColumn& column,
                                  RecordSource* source, int element) {
  if (IsOfEnvelope(column))
    return EnvelopeValue(source->type(), column, source->record(), source->readable());
  if (!IsReadable(column, *source)) return SqlValue();
  ASSIGN_OR_RETURN(const Message* message, source->message());
  switch (column.kind) {
    case ColumnKind::kField:
      return RenderPath(*message, column.path, column.form);
    case ColumnKind::kElement:
      return ElementValue(column, *message, element);
    case ColumnKind::kOrdinal:
      return SqlValue(int64_t{element} + 1);
    case ColumnKind::kAboutType:
      return AboutType(*context.registry, *message);
    case ColumnKind::kAboutField:
      return AboutField(*context.registry, *message);
    case ColumnKind::kContenderValue:
      return ContenderValue(*context.registry, *message, ContenderBytes(column, *message, element),
                            source->readable());
    case ColumnKind::kContenderRemoved:
      return ContenderRemoved(*context.registry, *message,
                              ContenderBytes(column, *message, element), source->readable());
    case ColumnKind::kContenderCleared:
      return ContenderCleared(*context.registry, *message,
                              ContenderBytes(column, *message, element), source->readable());
    default:
      return SqlValue();
  }
}

}  // namespace brigada
