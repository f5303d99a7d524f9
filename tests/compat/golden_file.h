// Bytes that must never change, in text files kept in git: what every version of the program has to
// read, and where one content has one encoding also to write.
//
// A file is a list of entries: a name in brackets, what the bytes say (text), the bytes in
// hexadecimal behind "=". Checking compares; with BRIGADA_REGENERATE=1 in the environment the tests
// write instead (tests/compat/regenerate).
#ifndef TESTS_COMPAT_GOLDEN_FILE_H_
#define TESTS_COMPAT_GOLDEN_FILE_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace brigada {

// True: this run writes the golden files instead of checking them.
bool IsRegenerating();
// The directory of the golden files.
std::string GoldenPath(absl::string_view name);

struct GoldenEntry {
  std::string text;  // lines, each ended
  std::string bytes;
};

// One file of one test. Failures are reported to GoogleTest.
class GoldenFile {
 public:
  // `about` is the comment at the head of the file.
  GoldenFile(absl::string_view name, absl::string_view about);
  GoldenFile(const GoldenFile&) = delete;
  GoldenFile& operator=(const GoldenFile&) = delete;

  // What this program makes today of the content `text`: must be the entry `name`.
  void Expect(const std::string& name, absl::string_view text, absl::string_view bytes);
  // The entry as it is kept (while regenerating: as it was given); null without one.
  const GoldenEntry* Find(const std::string& name) const;
  const std::vector<std::string>& names() const { return names_; }
  // Entries that nobody expected are failures too. Writes the file when regenerating.
  void Finish();

 private:
  void Read();
  void Write() const;

  const std::string path_;
  const std::string about_;
  std::vector<std::string> names_;  // in the order of the file
  std::map<std::string, GoldenEntry> entries_;
  std::set<std::string> expected_;
};

}  // namespace brigada

#endif  // TESTS_COMPAT_GOLDEN_FILE_H_
