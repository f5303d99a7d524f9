// The value of one column in one row of a record or child table. Inside replica/query only.
#ifndef REPLICA_QUERY_ROW_VALUE_H_
#define REPLICA_QUERY_ROW_VALUE_H_

#include "absl/status/statusor.h"
#include "replica/query/query_context.h"
#include "replica/query/record_source.h"
#include "replica/query/sql_columns.h"
#include "replica/query/sql_value.h"

namespace brigada {

// The current row of `source`; of a child table, the element at `element` of its field. NULL when
// the caller may not read the column's field. The message is parsed only for columns that need it.
absl::StatusOr<SqlValue> RowValue(const QueryContext& context, const SqlColumn& column,
                                  RecordSource* source, int element);

// True when the caller may read `column` of the current record of `source`.
bool IsReadable(const SqlColumn& column, const RecordSource& source);

}  // namespace brigada

#endif  // REPLICA_QUERY_ROW_VALUE_H_
