#include "replica/query/rows_table_module.h"

#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "replica/query/index_bounds.h"
#include "replica/query/sqlite_value.h"

namespace brigada {
namespace {

// Rows of a table not read yet: the catalogue has so many, the others fewer.
constexpr int kAssumedRows = 2500;
constexpr int kNoColumn = -1;

// One column's texts and the rows that hold them.
using TextIndex = absl::flat_hash_map<absl::string_view, std::vector<size_t>>;

// Nullopt: some row holds another kind of value, which may equal a text too.
std::optional<TextIndex> MakeIndex(const std::vector<SqlRow>& rows, size_t column) {
  TextIndex index;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (column >= rows[i].size()) continue;
    const SqlValue& value = rows[i][column];
    if (const auto* text = std::get_if<std::string>(&value)) {
      index[*text].push_back(i);
    } else if (!std::holds_alternative<std::monostate>(value)) {
      return std::nullopt;
    }
  }
  return index;
}

// What the module is registered with: lives as long as the connection.
struct Registration {
  RowsTable table;
  QueryContext* context;
  SharedRows rows;
  absl::flat_hash_map<int, std::optional<TextIndex>> indexes;

  // Null on failure, which the context then has.
  const std::vector<SqlRow>* Rows() {
    if (rows != nullptr) return rows.get();
    auto made = table.rows();
    if (!made.ok()) {
      context->Fail(made.status());
      return nullptr;
    }
    rows = *std::move(made);
    return rows.get();
  }

  const std::optional<TextIndex>& IndexOf(int column) {
    const auto [found, is_new] = indexes.try_emplace(column);
    if (is_new) found->second = MakeIndex(*rows, static_cast<size_t>(column));
    return found->second;
  }
};

struct ConnectedTable final : sqlite3_vtab {
  Registration* registration = nullptr;
};

struct TableCursor final : sqlite3_vtab_cursor {
  const std::vector<SqlRow>* rows = nullptr;
  // Only these rows; null: all.
  const std::vector<size_t>* chosen = nullptr;
  size_t next = 0;

  size_t size() const { return chosen != nullptr ? chosen->size() : rows->size(); }
  size_t row() const { return chosen != nullptr ? (*chosen)[next] : next; }
};

TableCursor& CursorOf(sqlite3_vtab_cursor* cursor) { return *static_cast<TableCursor*>(cursor); }

int Connect(sqlite3* database, void* aux, int /*argc*/, const char* const* /*argv*/,
            sqlite3_vtab** made, char** /*error*/) {
  auto* registration = static_cast<Registration*>(aux);
  const std::string declaration =
      absl::StrCat("CREATE TABLE x(", absl::StrJoin(registration->table.columns, ","), ")");
  const int code = registration->context->Declare(database, declaration);
  if (code != SQLITE_OK) return code;
  auto* table = new ConnectedTable;
  table->registration = registration;
  *made = table;
  return SQLITE_OK;
}

int Disconnect(sqlite3_vtab* table) {
  delete static_cast<ConnectedTable*>(table);
  return SQLITE_OK;
}

int BestIndex(sqlite3_vtab* /*table*/, sqlite3_index_info* info) {
  info->idxNum = kAssumedRows;
  info->idxStr = nullptr;
  info->estimatedRows = kAssumedRows;
  info->estimatedCost = kAssumedRows;
  for (int i = 0; i < info->nConstraint; ++i) {
    const auto& constraint = info->aConstraint[i];
    if (constraint.usable == 0 || constraint.op != SQLITE_INDEX_CONSTRAINT_EQ ||
        constraint.iColumn < 0 || absl::string_view(sqlite3_vtab_collation(info, i)) != "BINARY") {
      continue;
    }
    info->aConstraintUsage[i].argvIndex = 1;
    info->idxStr = sqlite3_mprintf("%d", constraint.iColumn);
    info->needToFreeIdxStr = 1;
    info->idxNum = 1;
    info->estimatedRows = 1;
    info->estimatedCost = 1;
    return SQLITE_OK;
  }
  return SQLITE_OK;
}

int Open(sqlite3_vtab* /*table*/, sqlite3_vtab_cursor** made) {
  *made = new TableCursor;
  return SQLITE_OK;
}

int Close(sqlite3_vtab_cursor* cursor) {
  delete static_cast<TableCursor*>(cursor);
  return SQLITE_OK;
}

int Filter(sqlite3_vtab_cursor* base, int /*rows*/, const char* column, int argc,
           sqlite3_value** argv) {
  static const std::vector<size_t> no_rows;
  Registration& registration = *static_cast<ConnectedTable*>(base->pVtab)->registration;
  TableCursor& cursor = CursorOf(base);
  cursor.next = 0;
  cursor.chosen = nullptr;
  cursor.rows = registration.Rows();
  if (cursor.rows == nullptr) return SQLITE_ERROR;
  // Other types are compared by SQLite, row by row.
  if (argc != 1 || column == nullptr || sqlite3_value_type(argv[0]) != SQLITE_TEXT)
    return SQLITE_OK;
  int index = kNoColumn;
  if (!absl::SimpleAtoi(column, &index)) return SQLITE_OK;
  const std::optional<TextIndex>& texts = registration.IndexOf(index);
  if (!texts.has_value()) return SQLITE_OK;
  const auto found = texts->find(TextOfValue(argv[0]));
  cursor.chosen = found == texts->end() ? &no_rows : &found->second;
  return SQLITE_OK;
}

int Next(sqlite3_vtab_cursor* cursor) {
  ++CursorOf(cursor).next;
  return SQLITE_OK;
}

int AtEnd(sqlite3_vtab_cursor* base) {
  const TableCursor& cursor = CursorOf(base);
  return cursor.rows == nullptr || cursor.next >= cursor.size() ? 1 : 0;
}

int Column(sqlite3_vtab_cursor* base, sqlite3_context* result, int index) {
  const TableCursor& cursor = CursorOf(base);
  const SqlRow& row = (*cursor.rows)[cursor.row()];
  const auto at = static_cast<size_t>(index);
  if (at < row.size()) SetResult(result, row[at]);
  return SQLITE_OK;
}

int RowId(sqlite3_vtab_cursor* cursor, sqlite3_int64* id) {
  *id = static_cast<sqlite3_int64>(CursorOf(cursor).row());
  return SQLITE_OK;
}

sqlite3_module MakeModule() {
  sqlite3_module module{};
  module.xConnect = Connect;
  module.xBestIndex = BestIndex;
  module.xDisconnect = Disconnect;
  module.xOpen = Open;
  module.xClose = Close;
  module.xFilter = Filter;
  module.xNext = Next;
  module.xEof = AtEnd;
  module.xColumn = Column;
  module.xRowid = RowId;
  return module;
}

}  // namespace

int RegisterRowsTable(sqlite3* database, RowsTable table, QueryContext* context) {
  static const sqlite3_module module_methods = MakeModule();
  auto* registration = new Registration{std::move(table), context, nullptr, {}};
  return sqlite3_create_module_v2(database, registration->table.name.c_str(), &module_methods,
                                  registration,
                                  [](void* made) { delete static_cast<Registration*>(made); });
}

}  // namespace brigada
