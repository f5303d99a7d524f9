// An SQLite connection that can read the tables registered in it and nothing else. Inside
// replica/query only.
//
// Four fences, each enough for what it stands against:
//   the authorizer    only SELECT, known tables and functions that compute on their arguments
//   fixed limits      length of the statement, depth, columns, joins, size of one value
//   progress handler  time, and memory; the authorizer, the tables and the functions that may read
//                     much in one step (text_functions.h) look at them too
//   an empty in-memory database, sorting in memory: nothing to attach to, no file is ever made
//
// Memory is what SQLite itself has allocated in the whole process since the query began: SQLite
// counts no finer. Queries that run side by side therefore see each other's use and reach the limit
// earlier, never later. Between two looks the statement can allocate many values more, each up to
// kMaxValueBytes, and taking it apart is no step at all: only LimitSqliteMemory (query.h), which
// binds the SQLite of the program around us too, holds there.
#ifndef REPLICA_QUERY_GUARD_H_
#define REPLICA_QUERY_GUARD_H_

#include <sqlite3.h>

#include <memory>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "replica/query/query.h"

namespace brigada {

inline constexpr size_t kMaxSqlBytes = 100'000;
inline constexpr int kMaxValueBytes = 4 << 20;

struct StatementCloser {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, StatementCloser>;

// One thread. The clock of the time limit starts with Open.
class Guard {
 public:
  static absl::StatusOr<std::unique_ptr<Guard>> Open(const QueryLimits& limits);
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  // To register modules in, before Fence closes it.
  sqlite3* database() { return database_; }
  // From now on statements may read `tables` (lower case) only. While `*is_declaring` our own
  // tables are being declared; the flag outlives the guard.
  void Fence(absl::flat_hash_set<std::string> tables, const bool* is_declaring);

  // The one SELECT in `sql`. kInvalidArgument, kPermissionDenied as RunQuery says.
  absl::StatusOr<Statement> Prepare(absl::string_view sql);
  // EXPLAIN QUERY PLAN of a statement that Prepare took.
  absl::StatusOr<Statement> PrepareExplain(absl::string_view sql);
  // Tables that the statements prepared so far name.
  const absl::flat_hash_set<std::string>& tables_read() const { return tables_read_; }

  // kDeadlineExceeded or kResourceExhausted once a limit is reached.
  absl::Status CheckLimits() const;
  // What went wrong when SQLite answered `code`.
  absl::Status ErrorOf(int code) const;

 private:
  Guard(sqlite3* database, const QueryLimits& limits);
  absl::Status Configure();
  absl::StatusOr<Statement> PrepareOne(absl::string_view sql, absl::string_view* rest);
  absl::Status CheckIsSelect(sqlite3_stmt* statement) const;

  static int Authorize(void* self, int action, const char* first, const char* second,
                       const char* database, const char* trigger);
  int AuthorizeRead(absl::string_view name, absl::string_view column);
  int Deny(std::string what);
  static int OnProgress(void* self);

  sqlite3* const database_;
  const QueryLimits limits_;
  const absl::Duration deadline_;  // on the monotonic clock
  const int64_t memory_at_start_;
  absl::flat_hash_set<std::string> tables_;
  absl::flat_hash_set<std::string> tables_read_;
  const bool* is_declaring_ = nullptr;
  std::string denied_;    // what the authorizer refused first
  absl::Status stopped_;  // why the progress handler stopped the query
};

}  // namespace brigada

#endif  // REPLICA_QUERY_GUARD_H_
