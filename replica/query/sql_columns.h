// The tables and columns that SQL sees of a registry; docs/sql.md has the rules for a reader.
// Inside replica/query only.
#ifndef REPLICA_QUERY_SQL_COLUMNS_H_
#define REPLICA_QUERY_SQL_COLUMNS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "replica/query/render_value.h"
#include "replica/schema/registry.h"

namespace brigada {

// Where a column takes its value from.
enum class ColumnKind {
  kSearch,  // hidden: the words looked for
  kId,      // of a child table: the record it belongs to
  kScope,
  kStateKey,
  kMunicipalityKey,
  kCreatedBy,
  kCreatedAt,
  kUpdatedBy,
  kUpdatedAt,
  kHasConflict,
  kPending,
  kField,    // the field at `path` of the record
  kElement,  // of a child table: the element, or what `path` leads to inside it
  kOrdinal,  // of a child table: 1, 2, 3... in the order stored
  // Of conflicts: the table and the field it is about, and the value of the contender at `path`.
  kAboutType,
  kAboutField,
  kContenderValue,
  kContenderRemoved,
  kContenderCleared,
};

struct SqlColumn {
  std::string name;
  ColumnKind kind = ColumnKind::kField;
  ValueForm form = ValueForm::kText;
  std::vector<const google::protobuf::FieldDescriptor*> path;
  // The top-level field it is (part of): its class decides who reads it. Null: of the envelope.
  const FieldType* field = nullptr;
  // Its index can find values of this column.
  bool indexed = false;

  bool is_hidden() const { return kind == ColumnKind::kSearch; }
};

// One table: of records, or of the elements of one field.
struct SqlTable {
  std::string name;
  const RecordType* type = nullptr;
  // The field whose elements are its rows; null: the rows are the records.
  const FieldType* elements = nullptr;
  std::vector<SqlColumn> columns;
  // Names of the columns that together tell rows apart.
  std::vector<std::string> key;

  // The statement that declares it to SQLite.
  std::string Declaration() const;
};

// The tables of all types in order of type_id, then their child tables. Names are
// distinct, also from `taken`: a later one gets "_2", "_3"... behind it.
std::vector<std::unique_ptr<SqlTable>> TablesOfRegistry(const Registry& registry,
                                                        const std::vector<std::string>& taken);

// `name` in double quotes.
std::string QuotedName(absl::string_view name);

}  // namespace brigada

#endif  // REPLICA_QUERY_SQL_COLUMNS_H_
