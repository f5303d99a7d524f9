#include "tools/brigada/phrase_match.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"

namespace brigada {

absl::optional<std::vector<std::string>> MatchPhrase(absl::string_view text,
                                                     absl::string_view pattern) {
  std::vector<std::string> parts;
  const std::vector<absl::string_view> words = absl::StrSplit(pattern, '*');
  for (size_t i = 0; i < words.size(); ++i) {
    const bool takes_the_rest = i > 0 && i + 1 == words.size() && words[i].empty();
    const size_t at = takes_the_rest ? text.size() : text.find(words[i]);
    if (at == absl::string_view::npos) return absl::nullopt;
    if (i > 0) parts.emplace_back(text.substr(0, at));
    text.remove_prefix(at + words[i].size());
  }
  return parts;
}

std::string FillPhrase(absl::string_view sentence, const std::vector<std::string>& parts) {
  std::string filled;
  for (size_t i = 0; i < sentence.size(); ++i) {
    const bool is_place = sentence[i] == '$' && i + 1 < sentence.size() &&
                          absl::ascii_isdigit(static_cast<unsigned char>(sentence[i + 1]));
    if (!is_place) {
      filled += sentence[i];
      continue;
    }
    const size_t number = static_cast<size_t>(sentence[++i] - '0');
    if (number < parts.size()) filled += parts[number];
  }
  return filled;
}

}  // namespace brigada
