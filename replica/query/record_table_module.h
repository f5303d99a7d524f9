// Records, and the elements of their sets and maps, as SQLite virtual tables. Inside replica/query
// only.
#ifndef REPLICA_QUERY_RECORD_TABLE_MODULE_H_
#define REPLICA_QUERY_RECORD_TABLE_MODULE_H_

#include <sqlite3.h>

#include "replica/query/query_context.h"
#include "replica/query/sql_columns.h"

namespace brigada {

// Makes `table` readable under its name in `database`. Both arguments outlive the connection.
// An SQLite result code.
int RegisterRecordTable(sqlite3* database, const SqlTable* table, QueryContext* context);

}  // namespace brigada

#endif  // REPLICA_QUERY_RECORD_TABLE_MODULE_H_
