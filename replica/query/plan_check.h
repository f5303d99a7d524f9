// Judges a plan before it runs: SQLite builds no index over a virtual table, so a join without a
// condition to push down visits the product of its tables. Inside replica/query only.
#ifndef REPLICA_QUERY_PLAN_CHECK_H_
#define REPLICA_QUERY_PLAN_CHECK_H_

#include <sqlite3.h>

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace brigada {

// Rows a query may be expected to visit: about a minute's worth.
inline constexpr double kMaxVisitedRows = 50e6;

// One line of EXPLAIN QUERY PLAN.
struct PlanStep {
  int id = 0;
  int parent = 0;
  std::string detail;
};

// The rows that the plan visits, from the estimates that our tables put into their index numbers.
// Rough: groups count as few, recursion is left to the time limit.
double VisitedRows(const std::vector<PlanStep>& steps);

// Reads `explain` to its end. kResourceExhausted, with advice, when the plan visits too many rows.
absl::Status CheckPlan(sqlite3_stmt* explain);

}  // namespace brigada

#endif  // REPLICA_QUERY_PLAN_CHECK_H_
