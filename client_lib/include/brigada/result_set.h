// Rows of a query.
#ifndef BRIGADA_RESULT_SET_H_
#define BRIGADA_RESULT_SET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "replica/query/query_summary.h"
#include "replica/query/sql_value.h"

namespace brigada {

struct ResultSet {
  std::vector<std::string> columns;
  std::vector<SqlRow> rows;
  bool truncated = false;  // the row limit cut it
};

}  // namespace brigada

#endif  // BRIGADA_RESULT_SET_H_
