// Values between SQLite and our own type. Inside replica/query only.
#ifndef REPLICA_QUERY_SQLITE_VALUE_H_
#define REPLICA_QUERY_SQLITE_VALUE_H_

#include <sqlite3.h>

#include "replica/query/sql_value.h"

namespace brigada {

// Gives `value` as the result of a column or function. SQLite copies it.
void SetResult(sqlite3_context* context, const SqlValue& value);
// Binds to parameter `index` (from 1); an SQLite result code.
int BindValue(sqlite3_stmt* statement, int index, const SqlValue& value);
// Of the current row. Text that is not UTF-8 comes as its bytes: neither JSON nor the protocol can
// hold it as text.
SqlValue ColumnValue(sqlite3_stmt* statement, int column);

}  // namespace brigada

#endif  // REPLICA_QUERY_SQLITE_VALUE_H_
