#include "tools/brigada/names_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "replica/base/check.h"

namespace brigada {

NamesTable::NamesTable() {
  for (const absl::string_view line : absl::StrSplit(EmbeddedNames(), '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> parts = absl::StrSplit(line, '\t');
    Names& list = lists_[parts[0]];
    for (size_t i = 1; i < parts.size(); ++i) {
      const std::pair<absl::string_view, absl::string_view> entry = absl::StrSplit(parts[i], ':');
      uint64_t weight = 0;
      CHECK(absl::SimpleAtoi(entry.second, &weight) && weight > 0);
      list.names.push_back(entry.first);
      list.sums.push_back(weight + (list.sums.empty() ? 0 : list.sums.back()));
    }
  }
}

const NamesTable& NamesTable::BuiltIn() {
  static const NamesTable* const table = new NamesTable();
  return *table;
}

absl::string_view NamesTable::Pick(absl::string_view key, Random& random) const {
  const auto list = lists_.find(key);
  CHECK(list != lists_.end());
  const std::vector<uint64_t>& sums = list->second.sums;
  const uint64_t at = random.Uniform(sums.back());
  const auto found = std::upper_bound(sums.begin(), sums.end(), at);
  return list->second.names[static_cast<size_t>(found - sums.begin())];
}

absl::string_view NamesTable::Surname(absl::string_view state_key, Random& random) const {
  const bool by_state = random.Uniform(2) == 0 && lists_.contains(state_key);
  return Pick(by_state ? state_key : "MX", random);
}

}  // namespace brigada
