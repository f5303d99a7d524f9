// What the tables of one query share. Inside replica/query only.
#ifndef REPLICA_QUERY_QUERY_CONTEXT_H_
#define REPLICA_QUERY_QUERY_CONTEXT_H_

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "replica/query/record_access.h"
#include "replica/schema/registry.h"
#include "replica/store/read_view.h"

namespace brigada {

// One query, one thread.
struct QueryContext {
  const Registry* registry = nullptr;
  // Null while a statement is only looked at, not run.
  const ReadView* view = nullptr;
  const RecordAccess* access = nullptr;
  // What the query may still use up; a record that SQLite never sees costs too.
  std::function<absl::Status()> check_limits;
  // The first failure inside a table: SQLite itself carries only a number.
  absl::Status status;
  absl::flat_hash_map<const RecordType*, uint64_t> counts;

  // SQLite asks the authorizer about the statement that declares a table too; it is ours.
  bool is_declaring = false;
  int Declare(sqlite3* database, const std::string& statement);

  // Keeps the first failure.
  void Fail(const absl::Status& failure) {
    if (status.ok()) status = failure;
  }

  // How many records of `type` there are, for estimates; asked of the store once.
  uint64_t CountOf(const RecordType& type);
};

}  // namespace brigada

#endif  // REPLICA_QUERY_QUERY_CONTEXT_H_
