#include "tools/brigada/csv_reader.h"

#include <sstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;

std::vector<CsvRow> ReadAll(const std::string& text, CsvOptions options = {}) {
  std::istringstream input(text);
  CsvReader reader(&input, options);
  std::vector<CsvRow> rows;
  CsvRow row;
  while (true) {
    const absl::StatusOr<bool> found = reader.Next(&row);
    EXPECT_OK(found);
    if (!found.ok() || !*found) return rows;
    rows.push_back(row);
  }
}

TEST(CsvReaderTest, SplitsFieldsAndSkipsEmptyLines) {
  const auto rows = ReadAll("a,b,\r\n\r\n\nc,,d\n");

  ASSERT_EQ(rows.size(), 2u);
  EXPECT_THAT(rows[0].fields, ElementsAre("a", "b", ""));
  EXPECT_THAT(rows[1].fields, ElementsAre("c", "", "d"));
  EXPECT_EQ(rows[1].line, 4u);
}

TEST(CsvReaderTest, QuotesHoldSeparatorsQuotesAndLineEnds) {
  const auto rows = ReadAll("\"a,\"\"b\"\"\r\nc\",\"\",d\nnext");

  ASSERT_EQ(rows.size(), 2u);
  EXPECT_THAT(rows[0].fields, ElementsAre("a,\"b\"\r\nc", "", "d"));
  EXPECT_EQ(rows[1].line, 3u);
}

TEST(CsvReaderTest, SkipsAByteOrderMarkAndTakesAnotherSeparator) {
  CsvOptions options;
  options.separator = ';';
  const auto rows = ReadAll("\xef\xbb\xbfnombre;clave\n", options);

  ASSERT_EQ(rows.size(), 1u);
  EXPECT_THAT(rows[0].fields, ElementsAre("nombre", "clave"));
}

TEST(CsvReaderTest, RefusesARowWithStrayQuotesAndGoesOn) {
  const auto rows = ReadAll("a\"b,c\n\"x\"y,z\nok,1\n");

  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].problem, CsvProblem::kBadQuote);
  EXPECT_EQ(rows[1].problem, CsvProblem::kBadQuote);
  EXPECT_THAT(rows[2].fields, ElementsAre("ok", "1"));
}

TEST(CsvReaderTest, AQuoteThatNeverClosesCostsOneLine) {
  const auto rows = ReadAll("1,\"open\n2,b\n3,c\n");

  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].problem, CsvProblem::kOpenQuote);
  EXPECT_EQ(rows[0].raw, "1,\"open");
  EXPECT_THAT(rows[1].fields, ElementsAre("2", "b"));
  EXPECT_EQ(rows[1].line, 2u);
  EXPECT_THAT(rows[2].fields, ElementsAre("3", "c"));
}

// The quote that opens row 1 meets the one of a good row far below: what lies between is good too.
TEST(CsvReaderTest, AStrayQuoteCostsOneLineThoughALaterRowHasQuotes) {
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    std::string text = "1,\"open" + end;
    for (int i = 2; i <= 51; ++i) absl::StrAppend(&text, i, ",b", end);
    absl::StrAppend(&text, "52,\"quoted, text\"", end, "53,z", end);

    const auto rows = ReadAll(text);

    ASSERT_EQ(rows.size(), 53u);
    EXPECT_EQ(rows[0].problem, CsvProblem::kBadQuote);
    EXPECT_EQ(rows[0].raw, "1,\"open");
    EXPECT_THAT(rows[1].fields, ElementsAre("2", "b"));
    EXPECT_THAT(rows[51].fields, ElementsAre("52", "quoted, text"));
    EXPECT_THAT(rows[52].fields, ElementsAre("53", "z"));
    EXPECT_EQ(rows[52].line, 53u);
  }
}

TEST(CsvReaderTest, LinesOfCrAloneAreRows) {
  const auto rows = ReadAll("a,b\r\"c\rd\",e\r\rf,g");

  ASSERT_EQ(rows.size(), 3u);
  EXPECT_THAT(rows[0].fields, ElementsAre("a", "b"));
  EXPECT_THAT(rows[1].fields, ElementsAre("c\rd", "e"));
  EXPECT_THAT(rows[2].fields, ElementsAre("f", "g"));
  EXPECT_EQ(rows[2].line, 5u);
}

TEST(CsvReaderTest, RefusesWhatIsNotUtf8AndNulBytes) {
  const auto rows = ReadAll(
      "mar\xed"
      "a,1\n" +
      std::string("a\0b,2\n", 6) + "ok,3\n");

  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].problem, CsvProblem::kNotUtf8);
  EXPECT_EQ(rows[1].problem, CsvProblem::kNulByte);
  EXPECT_EQ(rows[2].problem, CsvProblem::kNone);
}

TEST(CsvReaderTest, AnEndlessLineIsRefusedInBoundedMemory) {
  const std::string line(100 << 20, 'x');

  const auto rows = ReadAll(line + "\nok,1\n");

  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].problem, CsvProblem::kTooLong);
  EXPECT_LE(rows[0].raw.size(), 1024u);
  EXPECT_THAT(rows[1].fields, ElementsAre("ok", "1"));
  EXPECT_EQ(rows[1].line, 2u);
}

TEST(CsvReaderTest, AnOpenQuoteInALongFileIsGivenUpAtTheLimit) {
  CsvOptions options;
  options.max_row_bytes = 16;
  const auto rows = ReadAll("\"a\n1111,2\n3333,4\n5555,6\n", options);

  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].problem, CsvProblem::kOpenQuote);
  EXPECT_THAT(rows[1].fields, ElementsAre("1111", "2"));
  EXPECT_EQ(rows[3].line, 4u);
}

TEST(CsvLineTest, WritesWhatTheReaderReads) {
  const std::vector<std::string> fields = {"a,b", "say \"x\"", "two\nlines", "", "plain"};

  const auto rows = ReadAll(CsvLine(fields) + "\r\n");

  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].fields, fields);
}

}  // namespace
}  // namespace brigada
