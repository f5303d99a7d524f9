// Place names made comparable: what a person types, or a spreadsheet holds, meets the official
// name.
#ifndef REPLICA_TERRITORY_NAME_FOLDING_H_
#define REPLICA_TERRITORY_NAME_FOLDING_H_

#include <string>

#include "absl/strings/string_view.h"

namespace brigada {

enum class Enye {
  kKept,  // ñ is a letter of its own, as in Spanish
  kAsN,   // ñ reads as n, for keyboards and files that lack it
};

// Case and diacritics removed, each run of anything but letters and digits made one space, none at
// the ends: "Dr. Belisario Domínguez" gives "dr belisario dominguez". Any Unicode normal form gives
// the same. Empty when `name` is not UTF-8 or holds no letter or digit.
std::string FoldName(absl::string_view name, Enye enye);

}  // namespace brigada

#endif  // REPLICA_TERRITORY_NAME_FOLDING_H_
