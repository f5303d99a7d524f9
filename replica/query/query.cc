#include "replica/query/query.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/query/allowed_functions.h"
#include "replica/query/guard.h"
#include "replica/query/plan_check.h"
#include "replica/query/query_context.h"
#include "replica/query/record_access.h"
#include "replica/query/record_table_module.h"
#include "replica/query/rows_table_module.h"
#include "replica/query/sql_columns.h"
#include "replica/query/sqlite_value.h"
#include "replica/query/territory_table.h"

namespace brigada {
namespace {

RowsTable AsRowsTable(const ExtraTable& extra) {
  RowsTable table;
  table.name = extra.name;
  for (const std::string& column : extra.columns) table.columns.push_back(QuotedName(column));
  table.rows = [make = extra.rows]() -> absl::StatusOr<SharedRows> {
    ASSIGN_OR_RETURN(std::vector<SqlRow> rows, make());
    return std::make_shared<const std::vector<SqlRow>>(std::move(rows));
  };
  return table;
}

// One connection with all tables in it. The order of members matters: the connection, which uses
// the others, is closed first.
class Session {
 public:
  Session(const Registry& registry, const ReadView* view, const QueryOptions& options)
      : options_(options), access_(options.access) {
    context_.registry = &registry;
    context_.view = view;
    context_.access = &access_;
    context_.check_limits = [this] { return guard_->CheckLimits(); };
  }

  absl::Status Open() {
    ASSIGN_OR_RETURN(guard_, Guard::Open(options_.limits));
    sqlite3* const database = guard_->database();
    int code = RegisterFunctions(database, &context_);
    absl::flat_hash_set<std::string> names = {kTerritoriesName};
    std::vector<std::string> taken = {kTerritoriesName};
    if (code == SQLITE_OK) code = RegisterRowsTable(database, TerritoryTable(), &context_);
    for (const ExtraTable& extra : options_.extra_tables) {
      taken.push_back(extra.name);
      names.insert(absl::AsciiStrToLower(extra.name));
      if (code == SQLITE_OK) code = RegisterRowsTable(database, AsRowsTable(extra), &context_);
    }
    tables_ = TablesOfRegistry(*context_.registry, taken);
    for (const auto& table : tables_) {
      names.insert(table->name);
      if (code == SQLITE_OK) code = RegisterRecordTable(database, table.get(), &context_);
    }
    if (code != SQLITE_OK) return absl::InternalError("SQLite refused a table");
    guard_->Fence(std::move(names), &context_.is_declaring);
    return absl::OkStatus();
  }

  Guard& guard() { return *guard_; }

  // The failure inside a table if there was one, else SQLite's own.
  absl::Status ErrorOf(int code) const {
    return context_.status.ok() ? guard_->ErrorOf(code) : context_.status;
  }

  absl::StatusOr<Statement> Prepare(absl::string_view sql) {
    auto statement = guard_->Prepare(sql);
    if (!context_.status.ok()) return context_.status;
    return statement;
  }

  std::vector<std::string> TypesRead() const {
    std::vector<std::string> plurals;
    for (const auto& table : tables_) {
      if (guard_->tables_read().contains(table->name)) plurals.push_back(table->type->plural());
    }
    std::sort(plurals.begin(), plurals.end());
    plurals.erase(std::unique(plurals.begin(), plurals.end()), plurals.end());
    return plurals;
  }

 private:
  const QueryOptions& options_;
  const RecordAccess access_;
  QueryContext context_;
  std::vector<std::unique_ptr<SqlTable>> tables_;
  std::unique_ptr<Guard> guard_;
};

absl::Status BindAll(sqlite3_stmt* statement, absl::Span<const SqlValue> parameters) {
  const int wanted = sqlite3_bind_parameter_count(statement);
  if (static_cast<size_t>(wanted) != parameters.size()) {
    return absl::InvalidArgumentError(absl::StrCat("SQL: the statement has ", wanted,
                                                   " parameters, ", parameters.size(),
                                                   " values are given"));
  }
  for (int i = 0; i < wanted; ++i) {
    if (BindValue(statement, i + 1, parameters[static_cast<size_t>(i)]) != SQLITE_OK)
      return absl::ResourceExhaustedError(absl::StrCat("SQL: parameter ", i + 1, " is too large"));
  }
  return absl::OkStatus();
}

std::vector<std::string> ColumnNames(sqlite3_stmt* statement) {
  std::vector<std::string> names;
  for (int i = 0; i < sqlite3_column_count(statement); ++i) {
    const char* name = sqlite3_column_name(statement, i);
    names.emplace_back(name == nullptr ? "" : name);
  }
  return names;
}

SqlRow CurrentRow(sqlite3_stmt* statement) {
  const int columns = sqlite3_column_count(statement);
  SqlRow row;
  row.reserve(static_cast<size_t>(columns));
  for (int i = 0; i < columns; ++i) row.push_back(ColumnValue(statement, i));
  return row;
}

}  // namespace

void LimitSqliteMemory(size_t bytes) {
  sqlite3_hard_heap_limit64(static_cast<sqlite3_int64>(bytes));
}

// NOLINTNEXTLINE(readability-function-size): two callbacks beside what is asked, of whom and how
absl::StatusOr<QuerySummary> RunQuery(
    const Registry& registry, const ReadView& view, absl::string_view sql,
    absl::Span<const SqlValue> parameters, const QueryOptions& options,
    const std::function<absl::Status(absl::Span<const std::string>)>& on_columns,
    const std::function<absl::Status(SqlRow)>& on_row) {
  Session session(registry, &view, options);
  RETURN_IF_ERROR(session.Open());
  ASSIGN_OR_RETURN(const Statement statement, session.Prepare(sql));
  RETURN_IF_ERROR(BindAll(statement.get(), parameters));
  {
    ASSIGN_OR_RETURN(const Statement explain, session.guard().PrepareExplain(sql));
    RETURN_IF_ERROR(CheckPlan(explain.get()));
  }
  RETURN_IF_ERROR(on_columns(ColumnNames(statement.get())));
  QuerySummary summary;
  while (true) {
    const int code = sqlite3_step(statement.get());
    if (code == SQLITE_DONE) return summary;
    if (code != SQLITE_ROW) return session.ErrorOf(code);
    if (summary.rows == options.limits.rows) {
      summary.truncated = true;
      return summary;
    }
    RETURN_IF_ERROR(on_row(CurrentRow(statement.get())));
    ++summary.rows;
  }
}

absl::StatusOr<std::vector<std::string>> TablesOf(const Registry& registry, absl::string_view sql) {
  QueryOptions options;
  options.access.everything = true;
  Session session(registry, nullptr, options);
  RETURN_IF_ERROR(session.Open());
  ASSIGN_OR_RETURN(const Statement statement, session.Prepare(sql));
  return session.TypesRead();
}

}  // namespace brigada
