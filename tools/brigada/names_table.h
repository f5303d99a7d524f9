// Given names and surnames of Mexico with how common each is, for data that looks real. Counts over
// public lists of office holders and of the register's most frequent names; no person is in it.
#ifndef TOOLS_BRIGADA_NAMES_TABLE_H_
#define TOOLS_BRIGADA_NAMES_TABLE_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "replica/base/random.h"

namespace brigada {

// The bytes of names.tsv: per line a key (H, M: given names of men and women; MX: surnames; 20:
// surnames of that state), then NAME:WEIGHT, parted by tabs.
absl::string_view EmbeddedNames();

// Immutable; thread safe.
class NamesTable {
 public:
  static const NamesTable& BuiltIn();

  absl::string_view Woman(Random& random) const { return Pick("M", random); }
  absl::string_view Man(Random& random) const { return Pick("H", random); }
  // Half of them by the state's own frequencies, where those are known.
  absl::string_view Surname(absl::string_view state_key, Random& random) const;

 private:
  struct Names {
    std::vector<absl::string_view> names;
    // The sum of the weights up to and with each name.
    std::vector<uint64_t> sums;
  };
  NamesTable();
  absl::string_view Pick(absl::string_view key, Random& random) const;

  absl::flat_hash_map<absl::string_view, Names> lists_;
};

}  // namespace brigada

#endif  // TOOLS_BRIGADA_NAMES_TABLE_H_
