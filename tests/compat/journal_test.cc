// The journal beside the server's store outlives it: a later program must read what an earlier one
// wrote.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "brigada/v1/storage.pb.h"
#include "gtest/gtest.h"
#include "server/journal.h"
#include "tests/compat/filled_message.h"
#include "tests/compat/golden_file.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

constexpr absl::string_view kAbout =

    "The file that holds the filled JournalRecord of messages.txt, without the map of its epoch.";

constexpr int64_t kWrittenMs = 1'767'225'600'000;

std::vector<v1::JournalRecord> FilledRecords() {
  std::vector<v1::JournalRecord> records;
  for (const auto& [name, message] : FilledMessages(v1::JournalRecord::descriptor()))
    records.push_back(dynamic_cast<const v1::JournalRecord&>(*message));
  for (v1::JournalRecord& record : records) {
    record.set_at_ms(kWrittenMs);
    // The file is not written with the entries of maps in order.
    if (record.has_epoch()) record.mutable_epoch()->clear_parted();
  }
  return records;
}

class GoldenJournalTest : public ::testing::Test {
 public:
  ~GoldenJournalTest() override { Remove(); }

 protected:
  GoldenJournalTest()
      : path_(absl::StrCat(::testing::TempDir(), "brigada_golden_journal_", getpid())) {
    Remove();
  }
  void Remove() { std::filesystem::remove(path_); }

  const std::string path_;
  FakeClock clock_{absl::FromUnixMillis(kWrittenMs)};
};

TEST_F(GoldenJournalTest, IsWrittenAsTheGoldenOne) {
  GoldenFile golden("journal.txt", kAbout);
  ASSERT_OK_AND_ASSIGN(const auto journal, Journal::Open(path_, &clock_));
  ASSERT_OK(journal->Append(FilledRecords()));
  std::ifstream file(path_, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  golden.Expect("file", "", bytes);
  golden.Finish();
}

TEST_F(GoldenJournalTest, GoldenOneIsRead) {
  if (IsRegenerating()) GTEST_SKIP();
  const GoldenFile golden("journal.txt", kAbout);
  ASSERT_NE(golden.Find("file"), nullptr);
  std::ofstream(path_, std::ios::binary) << golden.Find("file")->bytes;
  ASSERT_OK_AND_ASSIGN(const auto journal, Journal::Open(path_, &clock_));
  const std::vector<v1::JournalRecord> expected = FilledRecords();
  ASSERT_EQ(journal->records().size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(DeterministicBytes(journal->records()[i]), DeterministicBytes(expected[i]));
}

}  // namespace
}  // namespace brigada
