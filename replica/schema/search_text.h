// Folding of names for search: accents and case do not matter, Ñ is kept and also found as N.
#ifndef REPLICA_SCHEMA_SEARCH_TEXT_H_
#define REPLICA_SCHEMA_SEARCH_TEXT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace brigada {

// Unicode NFC. Invalid UTF-8 is returned as it is (validation refuses it elsewhere).
std::string NormalizeNfc(absl::string_view text);

// Lower case without accents, ñ kept: "María Ñeco" -> "maria ñeco".
std::string FoldText(absl::string_view text);

// Longer words are cut to at most this much, in records and in what is searched for alike.
inline constexpr size_t kMaxTokenBytes = 64;

// The distinct folded words of `text`, sorted; a word with ñ is also given with n. Words are runs
// of letters and digits; apostrophes and the saltillo join their sides ("O'Brien" -> "obrien").
std::vector<std::string> SearchTokens(absl::string_view text);

}  // namespace brigada

#endif  // REPLICA_SCHEMA_SEARCH_TEXT_H_
