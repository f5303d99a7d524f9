#include "replica/query/constraint_plan.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "replica/query/index_bounds.h"
#include "replica/schema/search_text.h"

namespace brigada {
namespace {

constexpr Operator kSearchOperator = '~';

// How many times fewer records a condition leaves, where nothing better is known.
constexpr double kByMunicipality = 50;
constexpr double kByState = 8;
constexpr double kByValue = 50;
constexpr double kByBound = 4;
constexpr double kBySearch = 100;
constexpr double kElementsPerRecord = 2;
// Reading a record through an index against reading the next one of a scan.
constexpr double kLookupCost = 3;
constexpr double kStartCost = 5;

struct Condition {
  int constraint = 0;  // index into the constraints of SQLite
  int column = 0;
  Operator op = '=';
};

std::optional<Operator> OperatorOf(unsigned char op) {
  switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
      return '=';
    case SQLITE_INDEX_CONSTRAINT_GT:
      return '>';
    case SQLITE_INDEX_CONSTRAINT_GE:
      return 'g';
    case SQLITE_INDEX_CONSTRAINT_LT:
      return '<';
    case SQLITE_INDEX_CONSTRAINT_LE:
      return 'l';
    case SQLITE_INDEX_CONSTRAINT_MATCH:
      return kSearchOperator;
    default:
      return std::nullopt;
  }
}

// Texts whose order says nothing about the order of the index.
bool OnlyEquality(const SqlColumn& column) {
  return column.form == ValueForm::kEnum || column.form == ValueForm::kUuid ||
         column.kind == ColumnKind::kAboutType;
}

bool IsPlace(ColumnKind kind) {
  return kind == ColumnKind::kScope || kind == ColumnKind::kStateKey ||
         kind == ColumnKind::kMunicipalityKey;
}

class Chooser {
 public:
  Chooser(const SqlTable& table, QueryContext* context, sqlite3_index_info* info)
      : table_(table), context_(*context), info_(*info) {}

  int Choose() {
    if (!Collect()) return SQLITE_CONSTRAINT;
    rows_ = static_cast<double>(context_.CountOf(*table_.type));
    ChooseAccess();
    if (table_.elements != nullptr) rows_ *= kElementsPerRecord;
    return Report();
  }

 private:
  // False: a search without its words.
  bool Collect() {
    for (int i = 0; i < info_.nConstraint; ++i) {
      const auto& constraint = info_.aConstraint[i];
      if (constraint.iColumn < 0) continue;
      const SqlColumn& column = table_.columns[static_cast<size_t>(constraint.iColumn)];
      std::optional<Operator> op = OperatorOf(constraint.op);
      if (!op.has_value()) continue;
      if (column.kind == ColumnKind::kSearch) {
        if (*op != '=' && *op != kSearchOperator) continue;
        // The rows of one search after another could give a record twice.
        if (constraint.usable == 0 || sqlite3_vtab_in(&info_, i, -1) != 0) return false;
        op = kSearchOperator;
      }
      const bool is_search = column.kind == ColumnKind::kSearch;
      const bool as_bytes = absl::string_view(sqlite3_vtab_collation(&info_, i)) == "BINARY";
      if (constraint.usable != 0 && (is_search || as_bytes) && IsWanted(column, *op))
        offered_.push_back({i, constraint.iColumn, *op});
    }
    return true;
  }

  bool IsWanted(const SqlColumn& column, Operator op) const {
    if (column.kind == ColumnKind::kSearch) return true;
    if (op == kSearchOperator) return false;
    if (column.kind == ColumnKind::kId || IsPlace(column.kind)) return op == '=';
    if (!column.indexed || column.field == nullptr) return false;
    // A column the caller may not read is NULL everywhere; its index must not tell otherwise.
    if (column.field->data_class > context_.access->max_class()) return false;
    return op == '=' || !OnlyEquality(column);
  }

  const SqlColumn& ColumnOf(const Condition& condition) const {
    return table_.columns[static_cast<size_t>(condition.column)];
  }

  void ChooseAccess() {
    for (const Condition& condition : offered_) {
      const ColumnKind kind = ColumnOf(condition).kind;
      if (kind == ColumnKind::kId) by_id_ = true;
      if (kind == ColumnKind::kSearch || kind == ColumnKind::kId || IsPlace(kind))
        chosen_.push_back(condition);
    }
    if (by_id_) {
      rows_ = 1;
      cost_per_row_ = kLookupCost;
      return;
    }
    double fewer = 1;
    for (const Condition& condition : chosen_) fewer *= FactorOf(condition);
    const int column = BestIndexColumn();
    if (column >= 0) {
      fewer *= IndexFactor(column);
      for (const Condition& condition : offered_) {
        if (condition.column == column) chosen_.push_back(condition);
      }
    }
    if (fewer > 1) cost_per_row_ = kLookupCost;
    rows_ = std::max(1.0, rows_ / fewer);
  }

  static double PlaceFactor(ColumnKind kind) {
    return kind == ColumnKind::kStateKey ? kByState : kByMunicipality;
  }

  double FactorOf(const Condition& condition) const {
    const ColumnKind kind = ColumnOf(condition).kind;
    return kind == ColumnKind::kSearch ? kBySearch : PlaceFactor(kind);
  }

  double EqualityFactor(const SqlColumn& column) const {
    if (column.form == ValueForm::kBool) return 2;
    if (column.form == ValueForm::kEnum)
      return std::max(1, column.field->descriptor->enum_type()->value_count());
    if (column.field->references != nullptr) {
      // As many as there are of what is referred to: the rest is the average per record.
      return std::max(1.0, static_cast<double>(context_.CountOf(*column.field->references)));
    }
    return kByValue;
  }

  double IndexFactor(int column) const {
    bool equal = false;
    int bounds = 0;
    for (const Condition& condition : offered_) {
      if (condition.column != column) continue;
      if (condition.op == '=') equal = true;
      ++bounds;
    }
    if (equal) return EqualityFactor(table_.columns[static_cast<size_t>(column)]);
    return bounds > 1 ? kByBound * 2 : kByBound;
  }

  // The indexed column that leaves the fewest records; -1: none is offered.
  int BestIndexColumn() const {
    int best = -1;
    double best_factor = 0;
    for (const Condition& condition : offered_) {
      const ColumnKind kind = ColumnOf(condition).kind;
      if (kind == ColumnKind::kSearch || kind == ColumnKind::kId || IsPlace(kind)) continue;
      const double factor = IndexFactor(condition.column);
      if (factor > best_factor) {
        best = condition.column;
        best_factor = factor;
      }
    }
    return best;
  }

  int Report() {
    std::string text;
    int next_value = 1;
    for (const Condition& condition : chosen_) {
      auto& usage = info_.aConstraintUsage[condition.constraint];
      usage.argvIndex = next_value++;
      usage.omit = condition.op == kSearchOperator ? 1 : 0;
      absl::StrAppend(&text, std::string(1, condition.op), condition.column, ";");
    }
    info_.idxStr = sqlite3_mprintf("%s", text.c_str());
    if (info_.idxStr == nullptr) return SQLITE_NOMEM;
    info_.needToFreeIdxStr = 1;
    const double rows = std::min(std::max(1.0, rows_), 2e9);
    info_.idxNum = static_cast<int>(rows);
    info_.estimatedRows = static_cast<sqlite3_int64>(rows);
    info_.estimatedCost = kStartCost + rows * cost_per_row_;
    if (by_id_ && table_.elements == nullptr) info_.idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
    return SQLITE_OK;
  }

  const SqlTable& table_;
  QueryContext& context_;
  sqlite3_index_info& info_;
  std::vector<Condition> offered_;
  std::vector<Condition> chosen_;
  bool by_id_ = false;
  double rows_ = 0;
  double cost_per_row_ = 1;
};

// The place that a condition on scope, state_key or municipality_key names; an empty scope: none.
Region PlaceOf(ColumnKind kind, absl::string_view text) {
  if (kind == ColumnKind::kScope) {
    const auto scope = Scope::Parse(text);
    return {scope.ok() ? *scope : Scope(), true};
  }
  std::string path = absl::StrCat("MX/", text);
  if (kind == ColumnKind::kMunicipalityKey) {
    if (text.size() < 3) return {};
    path = absl::StrCat("MX/", text.substr(0, 2), "/", text.substr(2));
  }
  const auto scope = Scope::Parse(path);
  const int depth = kind == ColumnKind::kStateKey ? 2 : 3;
  return {scope.ok() && scope->depth() == depth ? *scope : Scope(), false};
}

void NarrowPlace(ColumnKind kind, sqlite3_value* value, RecordPlan* plan) {
  // 9 may stand for the state '09': SQLite compares.
  if (sqlite3_value_type(value) != SQLITE_TEXT) return;
  const Region place = PlaceOf(kind, TextOfValue(value));
  if (place.scope.empty()) {
    plan->nothing = true;
  } else {
    plan->regions = Intersect(plan->regions, place);
  }
}

void NarrowSearch(sqlite3_value* value, RecordPlan* plan) {
  const std::vector<std::string> tokens = SearchTokens(TextOfValue(value));
  plan->tokens.insert(plan->tokens.end(), tokens.begin(), tokens.end());
  if (tokens.empty()) plan->nothing = true;
}

void NarrowId(sqlite3_value* value, RecordPlan* plan) {
  const auto id = RecordId::Parse(TextOfValue(value));
  if (!id.ok() || (plan->id.has_value() && *plan->id != *id)) {
    plan->nothing = true;
  } else {
    plan->id = *id;
  }
}

}  // namespace

int ChooseConditions(const SqlTable& table, QueryContext* context, sqlite3_index_info* info) {
  return Chooser(table, context, info).Choose();
}

RecordPlan ConditionsPlan(const SqlTable& table, const QueryContext& context,
                          absl::string_view conditions, absl::Span<sqlite3_value* const> values) {
  RecordPlan plan;
  plan.regions = context.access->regions();
  std::optional<IndexBounds> bounds;
  size_t next = 0;
  for (const absl::string_view item : absl::StrSplit(conditions, ';', absl::SkipEmpty())) {
    size_t at = 0;
    if (next == values.size() || !absl::SimpleAtoi(item.substr(1), &at)) break;
    sqlite3_value* const value = values[next++];
    const SqlColumn& column = table.columns[at];
    if (sqlite3_value_type(value) == SQLITE_NULL) {
      plan.nothing = true;
    } else if (column.kind == ColumnKind::kSearch) {
      NarrowSearch(value, &plan);
    } else if (column.kind == ColumnKind::kId) {
      NarrowId(value, &plan);
    } else if (IsPlace(column.kind)) {
      NarrowPlace(column.kind, value, &plan);
    } else {
      if (!bounds.has_value()) bounds.emplace(&context, &column);
      bounds->Add(item[0], value);
    }
  }
  if (bounds.has_value()) {
    plan.nothing = plan.nothing || bounds->is_nothing();
    if (bounds->is_useful()) plan.range = bounds->range();
  }
  return plan;
}

}  // namespace brigada
