#include "replica/query/sql_columns.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "replica/query/conflict_columns.h"

namespace brigada {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// Nested messages become columns down to this depth; what lies deeper is JSON.
constexpr size_t kMaxColumnDepth = 4;

// Gives each name once; SQLite's names do not tell upper from lower case.
class NameSet {
 public:
  std::string Take(const std::string& name) {
    std::string free = name;
    for (int i = 2; !taken_.insert(absl::AsciiStrToLower(free)).second; ++i)
      free = absl::StrCat(name, "_", i);
    return free;
  }

 private:
  absl::flat_hash_set<std::string> taken_;
};

bool IsFlattened(const FieldDescriptor& field, size_t depth) {
  if (field.is_repeated() || FormOf(field) != ValueForm::kJson) return false;
  if (field.message_type()->field_count() == 0 || depth >= kMaxColumnDepth) return false;
  // A message that can hold itself has no end of columns.
  for (int i = 0; i < field.message_type()->field_count(); ++i) {
    const FieldDescriptor* part = field.message_type()->field(i);
    if (!part->is_repeated() && part->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
        part->message_type() == field.message_type()) {
      return false;
    }
  }
  return true;
}

// The columns of the field at the end of `column.path`: one, or one per field of a message.
void AddFlattened(SqlColumn column, std::vector<SqlColumn>* columns) {
  const FieldDescriptor& leaf = *column.path.back();
  if (!IsFlattened(leaf, column.path.size())) {
    column.form = leaf.is_repeated() ? ValueForm::kJson : FormOf(leaf);
    columns->push_back(std::move(column));
    return;
  }
  for (int i = 0; i < leaf.message_type()->field_count(); ++i) {
    SqlColumn part = column;
    part.indexed = false;
    part.path.push_back(leaf.message_type()->field(i));
    const std::string& name = leaf.message_type()->field(i)->name();
    part.name = column.name.empty() ? name : absl::StrCat(column.name, "_", name);
    AddFlattened(std::move(part), columns);
  }
}

bool HasChildTable(const FieldType& field) {
  return field.policy == v1::SET || field.policy == v1::MAP || field.is_map;
}

bool IsSearched(const RecordType& type) {
  for (const FieldType& field : type.fields()) {
    if (field.rules.search()) return true;
  }
  return false;
}

std::vector<SqlColumn> EnvelopeColumns() {
  std::vector<SqlColumn> columns;
  const auto add = [&](const char* name, ColumnKind kind, ValueForm form) {
    SqlColumn column;
    column.name = name;
    column.kind = kind;
    column.form = form;
    columns.push_back(std::move(column));
  };
  add("id", ColumnKind::kId, ValueForm::kUuid);
  add("scope", ColumnKind::kScope, ValueForm::kText);
  add("state_key", ColumnKind::kStateKey, ValueForm::kText);
  add("municipality_key", ColumnKind::kMunicipalityKey, ValueForm::kText);
  add("created_by", ColumnKind::kCreatedBy, ValueForm::kText);
  add("created_at", ColumnKind::kCreatedAt, ValueForm::kTime);
  add("updated_by", ColumnKind::kUpdatedBy, ValueForm::kText);
  add("updated_at", ColumnKind::kUpdatedAt, ValueForm::kTime);
  add("has_conflict", ColumnKind::kHasConflict, ValueForm::kBool);
  add("pending", ColumnKind::kPending, ValueForm::kBool);
  return columns;
}

SqlTable RecordTableOf(const RecordType& type) {
  SqlTable table;
  table.name = type.plural();
  table.type = &type;
  table.key = {"id"};
  table.columns = EnvelopeColumns();
  if (IsConflictType(type)) {
    AddConflictColumns(type, &table.columns);
    return table;
  }
  for (const FieldType& field : type.fields()) {
    if (HasChildTable(field)) continue;
    SqlColumn column;
    column.name = field.name;
    column.path = {field.descriptor};
    column.field = &field;
    column.indexed = field.indexed && !field.repeated;
    AddFlattened(std::move(column), &table.columns);
  }
  if (IsSearched(type)) {
    SqlColumn column;
    column.name = "search";
    column.kind = ColumnKind::kSearch;
    table.columns.push_back(std::move(column));
  }
  return table;
}

std::string SnakeCase(absl::string_view camel) {
  std::string snake;
  for (const char c : camel) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c)) && !snake.empty()) snake += '_';
    snake += absl::ascii_tolower(static_cast<unsigned char>(c));
  }
  return snake;
}

SqlColumn ElementColumn(const char* name, const FieldType& field, const FieldDescriptor* part) {
  SqlColumn column;
  column.name = name;
  column.kind = ColumnKind::kElement;
  column.field = &field;
  if (part != nullptr) column.path = {part};
  column.form = FormOf(part == nullptr ? *field.descriptor : *part);
  return column;
}

void AddMapColumns(const FieldType& field, std::vector<SqlColumn>* columns) {
  const Descriptor& entry = *field.descriptor->message_type();
  columns->push_back(ElementColumn("key", field, entry.map_key()));
  const bool is_message = IsFlattened(*entry.map_value(), 1);
  SqlColumn value = ElementColumn(is_message ? "" : "value", field, entry.map_value());
  AddFlattened(std::move(value), columns);
}

SqlTable ChildTableOf(const SqlTable& parent, const FieldType& field) {
  SqlTable table;
  table.name = absl::StrCat(parent.name, "_", field.name);
  table.type = parent.type;
  table.elements = &field;
  SqlColumn id;
  id.name = absl::StrCat(SnakeCase(parent.type->name()), "_id");
  id.kind = ColumnKind::kId;
  id.form = ValueForm::kUuid;
  table.columns.push_back(id);
  if (IsConflictType(*parent.type)) {
    AddContenderColumns(field, &table.columns);
  } else if (field.is_map) {
    AddMapColumns(field, &table.columns);
  } else {
    SqlColumn value = ElementColumn("value", field, nullptr);
    value.indexed = field.indexed;
    table.columns.push_back(std::move(value));
  }
  table.key = {table.columns[0].name, table.columns[1].name};
  return table;
}

void Distinguish(std::vector<SqlColumn>* columns) {
  NameSet names;
  for (SqlColumn& column : *columns) column.name = names.Take(column.name);
}

const char* AffinityOf(const SqlColumn& column) {
  switch (column.form) {
    case ValueForm::kInteger:
    case ValueForm::kBool:
      return "INTEGER";
    case ValueForm::kReal:
      return "REAL";
    case ValueForm::kBlob:
      return "BLOB";
    default:
      return "TEXT";
  }
}

}  // namespace

std::string SqlTable::Declaration() const {
  std::vector<std::string> parts;
  for (const SqlColumn& column : columns) {
    parts.push_back(absl::StrCat(QuotedName(column.name), " ", AffinityOf(column),
                                 column.is_hidden() ? " HIDDEN" : ""));
  }
  const std::string names =
      absl::StrJoin(key, ",", [](std::string* out, const std::string& column_name) {
        absl::StrAppend(out, QuotedName(column_name));
      });
  return absl::StrCat("CREATE TABLE x(", absl::StrJoin(parts, ","), ",PRIMARY KEY(", names,
                      ")) WITHOUT ROWID");
}

std::vector<std::unique_ptr<SqlTable>> TablesOfRegistry(const Registry& registry,
                                                        const std::vector<std::string>& taken) {
  NameSet names;
  for (const std::string& name : taken) names.Take(name);
  std::vector<std::unique_ptr<SqlTable>> tables;
  std::vector<std::unique_ptr<SqlTable>> children;
  const auto add = [&](SqlTable table, std::vector<std::unique_ptr<SqlTable>>* into) {
    Distinguish(&table.columns);
    table.name = names.Take(table.name);
    into->push_back(std::make_unique<SqlTable>(std::move(table)));
  };
  for (const RecordType* type : registry.types()) add(RecordTableOf(*type), &tables);
  // After all record tables, so that a child never takes the name of a type.
  for (size_t i = 0; i < registry.types().size(); ++i) {
    const RecordType& type = *registry.types()[i];
    for (const FieldType& field : type.fields()) {
      const bool has_child = IsConflictType(type) ? IsLosersField(field) : HasChildTable(field);
      if (has_child) add(ChildTableOf(*tables[i], field), &children);
    }
  }
  for (auto& child : children) tables.push_back(std::move(child));
  return tables;
}

std::string QuotedName(absl::string_view name) {
  return absl::StrCat("\"", absl::StrReplaceAll(name, {{"\"", "\"\""}}), "\"");
}

}  // namespace brigada
