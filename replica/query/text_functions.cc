#include "replica/query/text_functions.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "replica/base/utf8.h"
#include "replica/query/index_bounds.h"
#include "replica/query/sqlite_value.h"

namespace brigada {
namespace {

// Reading less than this takes less time than asking for it.
constexpr size_t kLongBytes = 4096;
// Below it, comparing at each place costs less than a table of the word.
constexpr size_t kShortWord = 16;

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// False, with the error set: the query has reached a limit.
bool MayRead(sqlite3_context* context, int argc, sqlite3_value** argv) {
  size_t bytes = 0;
  for (int i = 0; i < argc; ++i) bytes += static_cast<size_t>(sqlite3_value_bytes(argv[i]));
  if (bytes < kLongBytes) return true;
  QueryContext& query = *static_cast<QueryContext*>(sqlite3_user_data(context));
  const absl::Status status = query.check_limits();
  if (status.ok()) return true;
  query.Fail(status);
  sqlite3_result_error_code(context, SQLITE_INTERRUPT);
  return false;
}

bool AnyNull(int argc, sqlite3_value** argv) {
  return std::any_of(argv, argv + argc,
                     [](sqlite3_value* value) { return sqlite3_value_type(value) == SQLITE_NULL; });
}

void SetText(sqlite3_context* context, absl::string_view text) {
  SetResult(context, SqlValue(std::string(text)));
}

// Where a word stands in a text, in time that grows with both and not with their product: the
// method of Knuth, Morris and Pratt.
class WordFinder {
 public:
  // `word` is not empty and outlives the finder.
  explicit WordFinder(absl::string_view word) : word_(word) {
    if (word.size() <= kShortWord) return;
    border_.resize(word.size(), 0);
    uint32_t length = 0;
    for (size_t i = 1; i < word.size(); ++i) {
      length = Extend(length, word[i]);
      border_[i] = length;
    }
  }

  // The first place at or after `from`; npos: none.
  size_t Find(absl::string_view text, size_t from) const {
    if (border_.empty()) return text.find(word_, from);
    uint32_t length = 0;
    for (size_t i = from; i < text.size(); ++i) {
      length = Extend(length, text[i]);
      if (length == word_.size()) return i + 1 - length;
    }
    return absl::string_view::npos;
  }

 private:
  // How much of the word's beginning ends at `next`, when `length` of it ended before.
  uint32_t Extend(uint32_t length, char next) const {
    while (length > 0 && word_[length] != next) length = border_[length - 1];
    return word_[length] == next ? length + 1 : 0;
  }

  const absl::string_view word_;
  // The longest proper beginning of the word that also ends at each place.
  std::vector<uint32_t> border_;
};

// The bytes of the character that `text`, which is not empty, begins or ends with.
size_t FirstCharacter(absl::string_view text) {
  size_t size = 1;
  while (size < text.size() && IsContinuation(text[size])) ++size;
  return size;
}

size_t LastCharacter(absl::string_view text) {
  size_t size = 1;
  while (size < text.size() && IsContinuation(text[text.size() - size])) ++size;
  return size;
}

enum Sides { kLeft = 1, kRight = 2, kBoth = 3 };

template <Sides kSides>
void Trim(sqlite3_context* context, int argc, sqlite3_value** argv) {
  if (AnyNull(argc, argv) || !MayRead(context, argc, argv)) return;
  absl::string_view text = TextOfValue(argv[0]);
  absl::flat_hash_set<absl::string_view> set;
  absl::string_view characters = argc == 1 ? absl::string_view(" ") : TextOfValue(argv[1]);
  while (!characters.empty()) {
    const size_t size = FirstCharacter(characters);
    set.insert(characters.substr(0, size));
    characters.remove_prefix(size);
  }
  while ((kSides & kLeft) != 0 && !text.empty()) {
    const size_t size = FirstCharacter(text);
    if (!set.contains(text.substr(0, size))) break;
    text.remove_prefix(size);
  }
  while ((kSides & kRight) != 0 && !text.empty()) {
    const size_t size = LastCharacter(text);
    if (!set.contains(text.substr(text.size() - size))) break;
    text.remove_suffix(size);
  }
  SetText(context, text);
}

// The place of the second argument in the first, from 1, in characters, or in bytes of two BLOBs;
// 0: it is not there.
void Instr(sqlite3_context* context, int argc, sqlite3_value** argv) {
  if (AnyNull(argc, argv) || !MayRead(context, argc, argv)) return;
  const bool in_bytes =
      sqlite3_value_type(argv[0]) == SQLITE_BLOB && sqlite3_value_type(argv[1]) == SQLITE_BLOB;
  const absl::string_view text = TextOfValue(argv[0]);
  const absl::string_view word = TextOfValue(argv[1]);
  const size_t at = word.empty() ? 0 : WordFinder(word).Find(text, 0);
  if (at == absl::string_view::npos) {
    sqlite3_result_int(context, 0);
    return;
  }
  const absl::string_view before = text.substr(0, at);
  const auto inside = in_bytes ? 0 : std::count_if(before.begin(), before.end(), IsContinuation);
  sqlite3_result_int64(context, static_cast<int64_t>(at) - inside + 1);
}

void Replace(sqlite3_context* context, int argc, sqlite3_value** argv) {
  if (AnyNull(argc, argv) || !MayRead(context, argc, argv)) return;
  const absl::string_view text = TextOfValue(argv[0]);
  const absl::string_view word = TextOfValue(argv[1]);
  const absl::string_view other = TextOfValue(argv[2]);
  if (word.empty()) {
    sqlite3_result_value(context, argv[0]);
    return;
  }
  const auto most = static_cast<size_t>(
      sqlite3_limit(sqlite3_context_db_handle(context), SQLITE_LIMIT_LENGTH, -1));
  const WordFinder finder(word);
  std::string replaced;
  size_t from = 0;
  while (true) {
    const size_t at = finder.Find(text, from);
    replaced.append(text.data() + from, std::min(at, text.size()) - from);
    if (at == absl::string_view::npos) break;
    replaced.append(other.data(), other.size());
    from = at + word.size();
    if (replaced.size() > most) {
      sqlite3_result_error_toobig(context);
      return;
    }
  }
  SetText(context, replaced);
}

// False, with the error set: longer than SQLite's own LIKE and GLOB allow.
bool IsPatternOfLength(sqlite3_context* context, sqlite3_value* pattern) {
  const int most =
      sqlite3_limit(sqlite3_context_db_handle(context), SQLITE_LIMIT_LIKE_PATTERN_LENGTH, -1);
  if (sqlite3_value_bytes(pattern) <= most) return true;
  sqlite3_result_error(context, "LIKE or GLOB pattern too complex", -1);
  return false;
}

const char* CStringOf(sqlite3_value* value) {
  return reinterpret_cast<const char*>(sqlite3_value_text(value));
}

// The code point of the one character of `text`; 0: it is not one, or has a meaning of its own.
unsigned int EscapeOf(absl::string_view text) {
  if (text.empty() || text == "%" || text == "_") return 0;
  const int32_t code_point = TakeCodePoint(&text);
  return text.empty() && code_point > 0 ? static_cast<unsigned int>(code_point) : 0;
}

// like(pattern, text, escape) is `text LIKE pattern ESCAPE escape`.
void Like(sqlite3_context* context, int argc, sqlite3_value** argv) {
  if (AnyNull(argc, argv) || !IsPatternOfLength(context, argv[0])) return;
  unsigned int escape = 0;
  if (argc == 3) {
    escape = EscapeOf(TextOfValue(argv[2]));
    if (escape == 0) {
      sqlite3_result_error(context, "ESCAPE takes one character other than % and _", -1);
      return;
    }
  }
  if (!MayRead(context, argc, argv)) return;
  const bool matches = sqlite3_strlike(CStringOf(argv[0]), CStringOf(argv[1]), escape) == 0;
  sqlite3_result_int(context, matches ? 1 : 0);
}

void Glob(sqlite3_context* context, int argc, sqlite3_value** argv) {
  if (AnyNull(argc, argv) || !IsPatternOfLength(context, argv[0])) return;
  if (!MayRead(context, argc, argv)) return;
  const bool matches = sqlite3_strglob(CStringOf(argv[0]), CStringOf(argv[1])) == 0;
  sqlite3_result_int(context, matches ? 1 : 0);
}

struct TextFunction {
  const char* name;
  int arguments;
  void (*function)(sqlite3_context*, int, sqlite3_value**);
};

constexpr TextFunction kTextFunctions[] = {
    {"trim", 1, Trim<kBoth>},  {"trim", 2, Trim<kBoth>},   {"ltrim", 1, Trim<kLeft>},
    {"ltrim", 2, Trim<kLeft>}, {"rtrim", 1, Trim<kRight>}, {"rtrim", 2, Trim<kRight>},
    {"instr", 2, Instr},       {"replace", 3, Replace},    {"like", 2, Like},
    {"like", 3, Like},         {"glob", 2, Glob},
};

}  // namespace

int RegisterTextFunctions(sqlite3* database, QueryContext* context) {
  for (const TextFunction& item : kTextFunctions) {
    const int code = sqlite3_create_function_v2(
        database, item.name, item.arguments, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
        context, item.function, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

}  // namespace brigada
