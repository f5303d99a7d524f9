// Rows of a table with what one write batch is about to change of them.
#ifndef REPLICA_STORE_STAGED_ROWS_H_
#define REPLICA_STORE_STAGED_ROWS_H_

#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "replica/store/kv.h"

namespace brigada {

// Reads see the changes. Nothing is written before Stage. One thread.
class StagedRows {
 public:
  // `reader` outlives it.
  StagedRows(const KvReader* reader, Table table) : reader_(reader), table_(table) {}

  absl::StatusOr<std::optional<std::string>> Get(const std::string& key) const;
  // Those whose key begins with `prefix`, by key.
  absl::StatusOr<std::map<std::string, std::string>> Under(const std::string& prefix) const;
  // Nullopt: the row goes.
  void Set(const std::string& key, std::optional<std::string> value);
  void Stage(KvBatch* batch) const;

 private:
  const KvReader* const reader_;
  const Table table_;
  std::map<std::string, std::optional<std::string>> changed_;
};

}  // namespace brigada

#endif  // REPLICA_STORE_STAGED_ROWS_H_
