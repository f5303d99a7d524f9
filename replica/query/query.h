// Read-only SQL over a snapshot of records, on device and server alike: SQLite virtual tables made
// from the descriptors.
#ifndef REPLICA_QUERY_QUERY_H_
#define REPLICA_QUERY_QUERY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/query/query_summary.h"
#include "replica/query/sql_value.h"
#include "replica/schema/registry.h"
#include "replica/store/read_view.h"

namespace brigada {

// What a query may use. Memory is SQLite's in the whole process since the query began, looked at
// from time to time: see guard.h. docs/sql.md lists the fixed limits.
struct QueryLimits {
  absl::Duration time = absl::Seconds(30);
  uint64_t rows = 1'000'000;
  size_t memory_bytes = size_t{64} << 20;
};

// What the caller may read: records inside one of the feeds, values up to its class. A value above
// it reads as NULL, before any condition sees it.
struct ReadAccess {
  bool everything = false;  // a device reads all that it holds
  std::vector<v1::Feed> feeds;
};

// A table that is not made of records: rows from a callback (devices, sync status), called at most
// once per query and only when the table is read. Small; everybody who runs the query sees all of
// it.
struct ExtraTable {
  std::string name;
  std::vector<std::string> columns;
  std::function<absl::StatusOr<std::vector<SqlRow>>()> rows;
};

struct QueryOptions {
  QueryLimits limits;
  ReadAccess access;
  std::vector<ExtraTable> extra_tables;
};

// One query over one snapshot. `on_columns` is called once, then `on_row` for each row; a non-OK
// status from either stops the query and is returned. kInvalidArgument: SQL error or a statement
// that is not one SELECT, in words that name the place; kPermissionDenied: an operation that is not
// reading; kDeadlineExceeded, kResourceExhausted: a limit, with advice.
absl::StatusOr<QuerySummary> RunQuery(
    const Registry& registry, const ReadView& view, absl::string_view sql,
    absl::Span<const SqlValue> parameters, const QueryOptions& options,
    const std::function<absl::Status(absl::Span<const std::string>)>& on_columns,
    const std::function<absl::Status(SqlRow)>& on_row);

// Never more than `bytes` for SQLite in the whole process; 0: no such limit. A statement takes
// memory before its first step too, where QueryLimits are not looked at, and nested subqueries take
// it by the power of their depth: whoever runs statements of strangers sets it, once, before the
// first. A program around us with an SQLite of its own is bound too.
void LimitSqliteMemory(size_t bytes);

// The record types `sql` reads by plural name, sorted, to know what a watch depends on; a child
// table counts as its type, the built-in catalogue as nothing. Extra tables are unknown to it. Same
// errors as RunQuery, the limits of running left aside.
absl::StatusOr<std::vector<std::string>> TablesOf(const Registry& registry, absl::string_view sql);

}  // namespace brigada

#endif  // REPLICA_QUERY_QUERY_H_
