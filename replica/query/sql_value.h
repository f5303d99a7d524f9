#ifndef REPLICA_QUERY_SQL_VALUE_H_
#define REPLICA_QUERY_SQL_VALUE_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace brigada {

struct SqlBlob {
  std::string bytes;
  friend bool operator==(const SqlBlob&, const SqlBlob&) = default;
};

// NULL, INTEGER, REAL, TEXT, BLOB.
using SqlValue = std::variant<std::monostate, int64_t, double, std::string, SqlBlob>;
using SqlRow = std::vector<SqlValue>;

}  // namespace brigada

#endif  // REPLICA_QUERY_SQL_VALUE_H_
