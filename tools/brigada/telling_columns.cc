#include "tools/brigada/telling_columns.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tools/brigada/field_flags.h"

namespace brigada {

std::vector<std::string> TellingColumns(const RecordType& type, size_t limit) {
  std::vector<std::string> columns;
  for (const FieldPath& path : FieldPathsOf(type)) {
    const FieldType* const top = type.FindField(path.fields.front()->name());
    const bool telling = top->rules.required() || top->rules.search() || top->rules.index();
    if (!telling || path.leaf().is_repeated() || columns.size() >= limit) continue;
    columns.push_back(
        absl::StrCat("\"", absl::StrReplaceAll(path.name, {{".", "_"}, {"-", "_"}}), "\""));
  }
  return columns;
}

bool HasSearch(const RecordType& type) {
  for (const FieldType& field : type.fields()) {
    if (field.rules.search()) return true;
  }
  return false;
}

}  // namespace brigada
