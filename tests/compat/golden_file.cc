#include "tests/compat/golden_file.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace brigada {
namespace {

constexpr size_t kBytesPerLine = 48;
constexpr absl::string_view kHint =
    "; if that is meant, run tests/compat/regenerate and read what it changes: stores and peers "
    "of earlier versions hold these bytes";

std::string AsLines(absl::string_view text) {
  std::string lines(text);
  if (!lines.empty() && lines.back() != '\n') lines.push_back('\n');
  return lines;
}

bool IsName(const std::string& line) {
  return line.size() > 2 && line.front() == '[' && line.back() == ']';
}

}  // namespace

bool IsRegenerating() { return std::getenv("BRIGADA_REGENERATE") != nullptr; }

std::string GoldenPath(absl::string_view name) {
  return absl::StrCat(BRIGADA_SOURCE_DIR, "/tests/compat/golden/", name);
}

GoldenFile::GoldenFile(absl::string_view name, absl::string_view about)
    : path_(GoldenPath(name)), about_(about) {
  if (!IsRegenerating()) Read();
}

void GoldenFile::Read() {
  std::ifstream file(path_);
  EXPECT_TRUE(file.is_open()) << path_;
  GoldenEntry* entry = nullptr;
  for (std::string line; std::getline(file, line);) {
    if (IsName(line)) {
      names_.push_back(line.substr(1, line.size() - 2));
      entry = &entries_[names_.back()];
    } else if (entry != nullptr && absl::StartsWith(line, "= ")) {
      entry->bytes += absl::HexStringToBytes(line.substr(2));
    } else if (entry != nullptr && !line.empty()) {
      absl::StrAppend(&entry->text, line, "\n");
    }
  }
}

void GoldenFile::Expect(const std::string& name, absl::string_view text, absl::string_view bytes) {
  expected_.insert(name);
  if (IsRegenerating()) {
    if (!entries_.contains(name)) names_.push_back(name);
    entries_[name] = {AsLines(text), std::string(bytes)};
    return;
  }
  const auto found = entries_.find(name);
  if (found == entries_.end()) {
    ADD_FAILURE() << path_ << " has no entry [" << name << "]" << kHint;
    return;
  }
  EXPECT_EQ(found->second.text, AsLines(text)) << path_ << " [" << name << "]" << kHint;
  EXPECT_EQ(absl::BytesToHexString(found->second.bytes), absl::BytesToHexString(bytes))
      << path_ << " [" << name << "]" << kHint;
}

const GoldenEntry* GoldenFile::Find(const std::string& name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second;
}

void GoldenFile::Finish() {
  if (IsRegenerating()) return Write();
  for (const std::string& name : names_)
    EXPECT_TRUE(expected_.contains(name)) << path_ << " [" << name << "] is of nothing" << kHint;
}

void GoldenFile::Write() const {
  std::ofstream file(path_, std::ios::trunc);
  for (const absl::string_view line : absl::StrSplit(about_, '\n')) file << "# " << line << "\n";
  for (const std::string& name : names_) {
    const GoldenEntry& entry = entries_.at(name);
    file << "\n[" << name << "]\n" << entry.text;
    if (entry.bytes.empty()) file << "= \n";
    for (size_t at = 0; at < entry.bytes.size(); at += kBytesPerLine)
      file << "= " << absl::BytesToHexString(entry.bytes.substr(at, kBytesPerLine)) << "\n";
  }
  EXPECT_TRUE(file.good()) << path_;
}

}  // namespace brigada
