#include "replica/query/allowed_functions.h"

#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "replica/query/index_bounds.h"
#include "replica/query/sqlite_value.h"
#include "replica/query/text_functions.h"
#include "replica/schema/search_text.h"

namespace brigada {
namespace {

const absl::flat_hash_set<absl::string_view>& Allowed() {
  static const auto& allowed = *new absl::flat_hash_set<absl::string_view>{
      // Groups and windows.
      "avg", "count", "group_concat", "max", "min", "sum", "total", "cume_dist", "dense_rank",
      "first_value", "lag", "last_value", "lead", "nth_value", "ntile", "percent_rank", "rank",
      "row_number",
      // Values.
      "abs", "coalesce", "fold", "format", "glob", "hex", "ifnull", "iif", "instr", "length",
      "like", "likelihood", "likely", "lower", "ltrim", "match", "nullif", "printf", "quote",
      "replace", "round", "rtrim", "sign", "substr", "substring", "trim", "typeof", "unicode",
      "unlikely", "upper", "char",
      // Dates and times.
      "date", "datetime", "julianday", "strftime", "time", "unixepoch",
      // JSON.
      "json", "json_array", "json_array_length", "json_extract", "json_group_array",
      "json_group_object", "json_object", "json_quote", "json_type", "json_valid", "->", "->>",
      // Mathematics.
      "acos", "asin", "atan", "atan2", "ceil", "ceiling", "cos", "degrees", "exp", "floor", "ln",
      "log", "log10", "log2", "mod", "pi", "pow", "power", "radians", "sin", "sqrt", "tan",
      "trunc"};
  return allowed;
}

void Fold(sqlite3_context* context, int /*argc*/, sqlite3_value** argv) {
  if (sqlite3_value_type(argv[0]) != SQLITE_NULL)
    SetResult(context, SqlValue(FoldText(TextOfValue(argv[0]))));
}

}  // namespace

bool IsAllowedFunction(absl::string_view name) {
  return Allowed().contains(absl::AsciiStrToLower(name));
}

int RegisterFunctions(sqlite3* database, QueryContext* context) {
  const int code = sqlite3_create_function_v2(database, "fold", 1,
                                              SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                                              nullptr, Fold, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? RegisterTextFunctions(database, context) : code;
}

}  // namespace brigada
