// Small tables whose rows are made at once, as SQLite virtual tables. Inside replica/query only.
#ifndef REPLICA_QUERY_ROWS_TABLE_MODULE_H_
#define REPLICA_QUERY_ROWS_TABLE_MODULE_H_

#include <sqlite3.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "replica/query/query_context.h"
#include "replica/query/sql_value.h"

namespace brigada {

using SharedRows = std::shared_ptr<const std::vector<SqlRow>>;

struct RowsTable {
  std::string name;
  // Each with its type behind it if it has one: "\"population\" INTEGER".
  std::vector<std::string> columns;
  // Called at most once per query, when the table is first read. Rows shorter than `columns` end in
  // NULL.
  std::function<absl::StatusOr<SharedRows>()> rows;
};

// Makes the table readable under its name. Equality with a text is looked up in a hash table made
// at first use, so joins cost one step per row. `context` outlives the connection. An SQLite result
// code.
int RegisterRowsTable(sqlite3* database, RowsTable table, QueryContext* context);

}  // namespace brigada

#endif  // REPLICA_QUERY_ROWS_TABLE_MODULE_H_
