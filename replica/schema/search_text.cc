#include "replica/schema/search_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "replica/base/utf8.h"

namespace brigada {
namespace {

constexpr absl::string_view kEnyeBytes = "\xc3\xb1";

bool IsAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

// People write the glottal stop of their language with any of these.
bool IsApostrophe(int32_t point) {
  switch (point) {
    case '\'':
    case '`':
    case 0xb4:    // acute accent
    case 0x2b9:   // modifier prime
    case 0x2bb:   // modifier turned comma
    case 0x2bc:   // modifier apostrophe
    case 0x2c8:   // modifier vertical line
    case 0x2018:  // single quotation marks
    case 0x2019:
    case 0x2032:  // prime
    case 0xa78b:  // saltillo
    case 0xa78c:
      return true;
    default:
      return false;
  }
}

bool IsWordPart(int32_t point) {
  switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    default:
      return false;
  }
}

std::string WithoutEnye(absl::string_view word) {
  std::string plain;
  for (size_t at = 0; at < word.size();) {
    if (word.substr(at, kEnyeBytes.size()) == kEnyeBytes) {
      plain.push_back('n');
      at += kEnyeBytes.size();
    } else {
      plain.push_back(word[at++]);
    }
  }
  return plain;
}

void AddWord(std::string* word, std::vector<std::string>* words) {
  if (word->empty()) return;
  if (word->find(kEnyeBytes.data(), 0, kEnyeBytes.size()) != std::string::npos)
    words->push_back(WithoutEnye(*word));
  words->push_back(std::move(*word));
  word->clear();
}

}  // namespace

std::string NormalizeNfc(absl::string_view text) {
  if (IsAscii(text)) return std::string(text);
  utf8proc_uint8_t* composed = nullptr;
  const auto size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &composed,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  if (size < 0) return std::string(text);
  std::string result(reinterpret_cast<const char*>(composed), static_cast<size_t>(size));
  std::free(composed);  // NOLINT(cppcoreguidelines-no-malloc): utf8proc allocates with malloc
  return result;
}

std::string FoldText(absl::string_view text) {
  if (IsAscii(text)) return absl::AsciiStrToLower(text);
  const absl::optional<std::vector<int32_t>> points = FoldedCodePoints(text);
  // Invalid UTF-8: nothing better can be done, and validation keeps it out of records.
  if (!points.has_value()) return absl::AsciiStrToLower(text);
  std::string folded;
  folded.reserve(text.size());
  for (const int32_t point : *points) AppendCodePoint(point, &folded);
  return folded;
}

std::vector<std::string> SearchTokens(absl::string_view text) {
  const std::string folded = FoldText(text);
  std::vector<std::string> words;
  std::string word;
  absl::string_view rest = folded;
  while (!rest.empty()) {
    const int32_t point = TakeCodePoint(&rest);
    if (point >= 0 && IsApostrophe(point)) continue;
    if (point < 0 || !IsWordPart(point)) {
      AddWord(&word, &words);
    } else if (word.size() + 4 <= kMaxTokenBytes) {
      AppendCodePoint(point, &word);
    }
  }
  AddWord(&word, &words);
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

}  // namespace brigada
