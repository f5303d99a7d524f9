// The stretch of an index that conditions on a column allow. Inside replica/query only.
#ifndef REPLICA_QUERY_INDEX_BOUNDS_H_
#define REPLICA_QUERY_INDEX_BOUNDS_H_

#include <sqlite3.h>

#include <string>

#include "absl/strings/string_view.h"
#include "replica/query/query_context.h"
#include "replica/query/sql_columns.h"
#include "replica/store/read_view.h"

namespace brigada {

// '=', '>', 'g' (>=), '<', 'l' (<=).
using Operator = char;

// Takes in conditions on one indexed column. The stretch may be wider than they are (SQLite checks
// each row again), never narrower.
class IndexBounds {
 public:
  IndexBounds(const QueryContext* context, const SqlColumn* column);

  void Add(Operator op, sqlite3_value* value);

  // Some condition narrowed it.
  bool is_useful() const { return is_useful_; }
  // No value meets the conditions.
  bool is_nothing() const { return is_nothing_; }
  const IndexRange& range() const { return range_; }

 private:
  void AddInteger(Operator op, int64_t value);
  void AddText(Operator op, sqlite3_value* value);
  void AddEqualText(absl::string_view text);
  void AddTime(Operator op, absl::string_view text);
  void AddEncoded(Operator op, const std::string& value);
  void RaiseLower(const std::string& lower);
  void LowerUpper(const std::string& upper);

  const QueryContext* const context_;
  const SqlColumn* const column_;
  IndexRange range_;
  bool is_useful_ = false;
  bool is_nothing_ = false;
};

// Text and its length, embedded zeros included.
absl::string_view TextOfValue(sqlite3_value* value);

}  // namespace brigada

#endif  // REPLICA_QUERY_INDEX_BOUNDS_H_
