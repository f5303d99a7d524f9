// From the conditions that SQLite offers to the records to read. Inside replica/query only.
#ifndef REPLICA_QUERY_CONSTRAINT_PLAN_H_
#define REPLICA_QUERY_CONSTRAINT_PLAN_H_

#include <sqlite3.h>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "replica/query/query_context.h"
#include "replica/query/record_source.h"
#include "replica/query/sql_columns.h"

namespace brigada {

// xBestIndex: picks the conditions to push down and estimates the rows. idxNum is the estimate
// (plan_check.h reads it back), idxStr has "OPERATOR COLUMN;" for each value that ConditionsPlan
// will get. SQLITE_CONSTRAINT: this way of joining leaves a search without its words.
int ChooseConditions(const SqlTable& table, QueryContext* context, sqlite3_index_info* info);

// xFilter: the plan for these values.
RecordPlan ConditionsPlan(const SqlTable& table, const QueryContext& context,
                          absl::string_view conditions, absl::Span<sqlite3_value* const> values);

}  // namespace brigada

#endif  // REPLICA_QUERY_CONSTRAINT_PLAN_H_
