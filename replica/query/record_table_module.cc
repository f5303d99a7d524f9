#include "replica/query/record_table_module.h"

#include <optional>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "replica/query/constraint_plan.h"
#include "replica/query/record_source.h"
#include "replica/query/row_value.h"
#include "replica/query/sqlite_value.h"

namespace brigada {
namespace {

// What the module is registered with: lives as long as the connection.
struct Registration {
  const SqlTable* table;
  QueryContext* context;
};

// The structs that SQLite sees are plain; ours begin with them.
struct ConnectedTable final : sqlite3_vtab {
  const SqlTable* table = nullptr;
  QueryContext* context = nullptr;
};

struct TableCursor final : sqlite3_vtab_cursor {
  std::optional<RecordSource> source;
  // Of a child table: the current element of the current record, and how many it has.
  int element = 0;
  int elements = 0;
  bool at_end = true;
};

ConnectedTable& TableOf(sqlite3_vtab_cursor* cursor) {
  return *static_cast<ConnectedTable*>(cursor->pVtab);
}

TableCursor& CursorOf(sqlite3_vtab_cursor* cursor) { return *static_cast<TableCursor*>(cursor); }

int Connect(sqlite3* database, void* aux, int /*argc*/, const char* const* /*argv*/,
            sqlite3_vtab** made, char** /*error*/) {
  const auto& registration = *static_cast<const Registration*>(aux);
  const int code = registration.context->Declare(database, registration.table->Declaration());
  if (code != SQLITE_OK) return code;
  auto* table = new ConnectedTable;
  table->table = registration.table;
  table->context = registration.context;
  *made = table;
  return SQLITE_OK;
}

int Disconnect(sqlite3_vtab* table) {
  delete static_cast<ConnectedTable*>(table);
  return SQLITE_OK;
}

int BestIndex(sqlite3_vtab* base, sqlite3_index_info* info) {
  const auto& table = *static_cast<ConnectedTable*>(base);
  // Asked for every order of the tables that SQLite thinks of.
  if (const absl::Status status = table.context->check_limits(); !status.ok()) {
    table.context->Fail(status);
    return SQLITE_ERROR;
  }
  return ChooseConditions(*table.table, table.context, info);
}

int Open(sqlite3_vtab* /*table*/, sqlite3_vtab_cursor** made) {
  *made = new TableCursor;
  return SQLITE_OK;
}

int Close(sqlite3_vtab_cursor* cursor) {
  delete static_cast<TableCursor*>(cursor);
  return SQLITE_OK;
}

int Failed(sqlite3_vtab_cursor* cursor, const absl::Status& status) {
  TableOf(cursor).context->Fail(status);
  CursorOf(cursor).at_end = true;
  return SQLITE_ERROR;
}

// How many rows the current record gives to a child table.
absl::StatusOr<int> CountElements(const FieldType& field, RecordSource* source) {
  if (field.data_class > source->readable()) return 0;
  const auto message = source->message();
  if (!message.ok()) return message.status();
  return (*message)->GetReflection()->FieldSize(**message, field.descriptor);
}

int NextRow(sqlite3_vtab_cursor* base) {
  TableCursor& cursor = CursorOf(base);
  const FieldType* field = TableOf(base).table->elements;
  if (field != nullptr && ++cursor.element < cursor.elements) return SQLITE_OK;
  while (true) {
    const auto more = cursor.source->Next();
    if (!more.ok()) return Failed(base, more.status());
    cursor.at_end = !*more;
    if (cursor.at_end || field == nullptr) return SQLITE_OK;
    const auto elements = CountElements(*field, &*cursor.source);
    if (!elements.ok()) return Failed(base, elements.status());
    cursor.element = 0;
    cursor.elements = *elements;
    if (cursor.elements > 0) return SQLITE_OK;
  }
}

int Filter(sqlite3_vtab_cursor* base, int /*rows*/, const char* conditions, int argc,
           sqlite3_value** argv) {
  const ConnectedTable& table = TableOf(base);
  TableCursor& cursor = CursorOf(base);
  RecordPlan plan =
      ConditionsPlan(*table.table, *table.context, conditions == nullptr ? "" : conditions,
                     absl::MakeConstSpan(argv, static_cast<size_t>(argc)));
  cursor.source.emplace(table.context, table.table->type, std::move(plan));
  cursor.element = 0;
  cursor.elements = 0;
  return NextRow(base);
}

int AtEnd(sqlite3_vtab_cursor* cursor) { return CursorOf(cursor).at_end ? 1 : 0; }

int Column(sqlite3_vtab_cursor* base, sqlite3_context* result, int index) {
  const ConnectedTable& table = TableOf(base);
  TableCursor& cursor = CursorOf(base);
  const SqlColumn& column = table.table->columns[static_cast<size_t>(index)];
  if (column.kind == ColumnKind::kSearch) {
    // Conditions on it that were pushed down are not asked again.
    table.context->Fail(absl::InvalidArgumentError(
        "search stands only in a condition of its own: ... AND people.search = 'words'"));
    return SQLITE_ERROR;
  }
  const auto value = RowValue(*table.context, column, &*cursor.source, cursor.element);
  if (!value.ok()) return Failed(base, value.status());
  SetResult(result, *value);
  return SQLITE_OK;
}

// Never asked for: the tables are declared without row ids.
int RowId(sqlite3_vtab_cursor* /*cursor*/, sqlite3_int64* id) {
  *id = 0;
  return SQLITE_OK;
}

sqlite3_module MakeModule() {
  sqlite3_module module{};
  // Without xCreate the table exists under the module's name.
  module.xConnect = Connect;
  module.xBestIndex = BestIndex;
  module.xDisconnect = Disconnect;
  module.xOpen = Open;
  module.xClose = Close;
  module.xFilter = Filter;
  module.xNext = NextRow;
  module.xEof = AtEnd;
  module.xColumn = Column;
  module.xRowid = RowId;
  return module;
}

}  // namespace

int RegisterRecordTable(sqlite3* database, const SqlTable* table, QueryContext* context) {
  static const sqlite3_module module_methods = MakeModule();
  return sqlite3_create_module_v2(
      database, table->name.c_str(), &module_methods, new Registration{table, context},
      [](void* registration) { delete static_cast<Registration*>(registration); });
}

}  // namespace brigada
