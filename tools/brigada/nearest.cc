#include "tools/brigada/nearest.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "replica/base/language.h"

namespace brigada {
namespace {

std::string Plain(absl::string_view name) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(name), {{"_", "-"}});
}

// Names of several words of which `wanted` is the first.
std::vector<std::string> BegunWords(absl::string_view wanted,
                                    const std::vector<std::string>& names) {
  const std::string first = absl::StrCat(Plain(wanted), "-");
  std::vector<std::string> begun;
  for (const std::string& name : names) {
    if (absl::StartsWith(Plain(name), first)) begun.push_back(name);
  }
  return begun;
}

}  // namespace

size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> before_last(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, change});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

std::string NearestName(absl::string_view wanted, const std::vector<std::string>& names) {
  // Longer than any name there is: not worth the time.
  if (wanted.size() > 200) return "";
  const std::string plain = Plain(wanted);
  std::string nearest;
  // Nothing says which name one letter, or another word of two, was to be. The dashes of an option
  // say nothing either.
  const size_t letters = absl::StripPrefix(absl::StripPrefix(plain, "-"), "-").size();
  size_t distance = std::min(letters / 3 + 2, letters);
  std::vector<std::string> begun;
  for (const std::string& name : names) {
    const std::string candidate = Plain(name);
    const size_t found = EditDistance(plain, candidate);
    if (found < distance) {
      distance = found;
      nearest = name;
    }
    const bool is_part = absl::StartsWith(candidate, plain) || absl::EndsWith(candidate, plain);
    if (plain.size() > 2 && is_part) begun.push_back(name);
  }
  if (nearest.empty() && begun.size() == 1) return begun.front();
  return nearest;
}

std::string DidYouMean(absl::string_view wanted, const std::vector<std::string>& names) {
  std::vector<std::string> meant = BegunWords(wanted, names);
  if (meant.size() < 2) meant = {NearestName(wanted, names)};
  if (meant.front().empty()) return "";
  return absl::StrCat(Say(" ¿Quiso decir ", " Did you mean "),
                      absl::StrJoin(meant, Say(" o ", " or ")), "?");
}

}  // namespace brigada
