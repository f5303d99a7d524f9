#include "replica/merge/scope_levels.h"

#include <string>

namespace brigada {

std::vector<absl::string_view> ScopeLevels(absl::string_view path) {
  std::vector<absl::string_view> levels;
  if (path.empty()) return levels;
  size_t slash = path.find('/');
  // The nation is a level only of its own partition.
  if (slash != absl::string_view::npos) slash = path.find('/', slash + 1);
  while (slash != absl::string_view::npos) {
    levels.push_back(path.substr(0, slash));
    slash = path.find('/', slash + 1);
  }
  levels.push_back(path);
  return levels;
}

void EnterScope(absl::string_view old_scope, uint64_t sequence, Record* record) {
  const std::string scope = record->scope();
  if (scope == old_scope) return;
  const auto levels = ScopeLevels(scope);
  const auto old_levels = ScopeLevels(old_scope);
  record->entered.resize(levels.size(), sequence);
  for (size_t i = 0; i < levels.size(); ++i) {
    const bool remains = i < old_levels.size() && old_levels[i] == levels[i];
    if (!remains) record->entered[i] = sequence;
  }
}

}  // namespace brigada
