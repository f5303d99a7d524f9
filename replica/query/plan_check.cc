#include "replica/query/plan_check.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

namespace brigada {
namespace {

// Rows of what gives no estimate: the elements of a JSON value, what an automatic index finds.
constexpr double kFewRows = 10;
// No group is finer than this for the estimate.
constexpr double kMaxGroups = 3000;

struct Cost {
  double visits = 0;  // rows read from tables
  double rows = 1;    // rows that come out
};

// What follows `marker` in `text`, up to the next blank or colon; empty when it is not there.
absl::string_view WordAfter(absl::string_view text, absl::string_view marker) {
  const size_t at = text.find(marker);
  if (at == absl::string_view::npos) return absl::string_view();
  text.remove_prefix(at + marker.size());
  return text.substr(0, text.find_first_of(" :"));
}

class Estimator {
 public:
  explicit Estimator(const std::vector<PlanStep>& steps) {
    for (const PlanStep& step : steps) children_[step.parent].push_back(&step);
  }

  // The steps below `parent` are loops, the outer before the inner, and subqueries.
  Cost CostOf(int parent) {
    Cost cost;
    bool is_compound = false;
    double compound_rows = 0;
    for (const PlanStep* step : children_[parent]) {
      const absl::string_view detail = step->detail;
      if (absl::StartsWith(detail, "SCAN") || absl::StartsWith(detail, "SEARCH")) {
        cost.rows *= RowsOf(detail);
        cost.visits += cost.rows;
      } else if (absl::StartsWith(detail, "MULTI-INDEX OR")) {
        cost.rows *= std::max(1.0, SumOf(step->id).visits);
        cost.visits += cost.rows;
      } else if (absl::StrContains(detail, "CORRELATED")) {
        cost.visits += cost.rows * CostOf(step->id).visits;
      } else if (absl::StrContains(detail, "B-TREE FOR GROUP BY") ||
                 absl::StrContains(detail, "B-TREE FOR DISTINCT")) {
        cost.rows = std::min(cost.rows, kMaxGroups);
      } else {
        const Cost inner = CostOf(step->id);
        cost.visits += inner.visits;
        compound_rows += inner.rows;
        if (absl::StartsWith(detail, "COMPOUND") || absl::StartsWith(detail, "LEFT-MOST") ||
            absl::StartsWith(detail, "UNION") || absl::StartsWith(detail, "MERGE")) {
          is_compound = true;
        }
        Remember(detail, inner.rows);
      }
    }
    if (is_compound) cost.rows *= std::max(1.0, compound_rows);
    return cost;
  }

 private:
  Cost SumOf(int parent) {
    Cost sum;
    for (const PlanStep* step : children_[parent]) sum.visits += CostOf(step->id).visits;
    return sum;
  }

  void Remember(absl::string_view detail, double rows) {
    for (const absl::string_view marker : {"MATERIALIZE ", "CO-ROUTINE "}) {
      const absl::string_view name = WordAfter(detail, marker);
      if (!name.empty()) subqueries_[name] = rows;
    }
  }

  double RowsOf(absl::string_view detail) const {
    double rows = 0;
    if (absl::SimpleAtod(WordAfter(detail, "VIRTUAL TABLE INDEX "), &rows) && rows >= 1)
      return rows;
    if (absl::StrContains(detail, "AUTOMATIC") || absl::StrContains(detail, "VIRTUAL TABLE"))
      return kFewRows;
    const auto known = subqueries_.find(WordAfter(detail, "SCAN "));
    return known == subqueries_.end() ? 1 : known->second;
  }

  absl::flat_hash_map<int, std::vector<const PlanStep*>> children_;
  absl::flat_hash_map<absl::string_view, double> subqueries_;
};

}  // namespace

double VisitedRows(const std::vector<PlanStep>& steps) { return Estimator(steps).CostOf(0).visits; }

absl::Status CheckPlan(sqlite3_stmt* explain) {
  std::vector<PlanStep> steps;
  while (sqlite3_step(explain) == SQLITE_ROW) {
    const auto* detail = reinterpret_cast<const char*>(sqlite3_column_text(explain, 3));
    steps.push_back({sqlite3_column_int(explain, 0), sqlite3_column_int(explain, 1),
                     detail == nullptr ? "" : detail});
  }
  // No figure in the message: it would tell how many records there are to who may not read them.
  if (VisitedRows(steps) > kMaxVisitedRows) {
    return absl::ResourceExhaustedError(
        "the query would visit too many rows: join each table on an id, a reference or another "
        "indexed column, or narrow it by scope, state_key or municipality_key");
  }
  return absl::OkStatus();
}

}  // namespace brigada
