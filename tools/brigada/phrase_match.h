// Recognizing a message that was made from parts, to say it again in other words.
#ifndef TOOLS_BRIGADA_PHRASE_MATCH_H_
#define TOOLS_BRIGADA_PHRASE_MATCH_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace brigada {

// What the '*' of `pattern` stand for in `text`, which holds the pattern somewhere; a '*' at its
// end takes all that follows. Nothing when the pattern is not there. MatchPhrase("open x: no table
// t.", "no table *.") is {"t"}.
absl::optional<std::vector<std::string>> MatchPhrase(absl::string_view text,
                                                     absl::string_view pattern);

// `sentence` with $0, $1... replaced; a number without a part is replaced by nothing.
std::string FillPhrase(absl::string_view sentence, const std::vector<std::string>& parts);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_PHRASE_MATCH_H_
