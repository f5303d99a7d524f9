#include "tools/brigada/table_writer.h"

#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/brigada/display_width.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Write(TableOptions options, const std::vector<std::string>& columns,
                  const std::vector<SqlRow>& rows) {
  std::ostringstream out;
  TableWriter table(&out, options);
  table.Columns(columns);
  for (const SqlRow& row : rows) table.Row(row);
  table.Finish();
  return out.str();
}

TEST(TableWriterTest, AlignsByWhatIsSeenNotByBytes) {
  const std::string text =
      Write({}, {"nombre", "n"}, {{"Ñeco", int64_t{7}}, {"Jose\u0301", int64_t{12}}});

  EXPECT_EQ(text,
            "nombre   n\n"
            "──────  ──\n"
            "Ñeco     7\n"
            "Jose\u0301    12\n");
}

TEST(TableWriterTest, ControlCharactersDoNotReachTheTerminal) {
  const std::string text = Write({}, {"x"}, {{"a\x1b[2Jb\nc"}, {"\u202e!"}});

  EXPECT_THAT(text, HasSubstr("a\\x1b[2Jb\\nc"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("\\u202e!"));
}

TEST(TableWriterTest, FitsTheTerminalByCuttingTheWidestColumn) {
  TableOptions options;
  options.terminal_width = 30;

  const std::string text = Write(options, {"id", "nota"}, {{"ab", std::string(200, 'x')}});

  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(DisplayWidth(line), 30u) << line;
  EXPECT_THAT(text, HasSubstr("…"));
}

TEST(TableWriterTest, JsonIsAnArrayOfObjects) {
  TableOptions options;
  options.format = Format::kJson;

  EXPECT_EQ(
      Write(options, {"a", "a", "b"},
            {{int64_t{1}, std::monostate(), "x\"y"}, {2.5, SqlBlob{"\xff"}, "ñ"}}),
      "[\n{\"a\":1,\"a_2\":null,\"b\":\"x\\\"y\"},\n{\"a\":2.5,\"a_2\":\"ff\",\"b\":\"ñ\"}\n]\n");
  EXPECT_EQ(Write(options, {"a"}, {}), "[]\n");
}

TEST(TableWriterTest, WhatWasMarkedAsNoFormulaIsReadAsItWas) {
  for (const char* text : {"=1+1", "+x", "-1-1", "@a", "'", "'ana", "+52", "", "plain"})
    EXPECT_EQ(WithFormula(WithoutFormula(text)), text);
}

TEST(TableWriterTest, CsvQuotesAndGuardsAgainstFormulas) {
  TableOptions options;
  options.format = Format::kCsv;

  EXPECT_EQ(
      Write(options, {"a", "b"}, {{"=1+1", "x,y"}, {"+529511234567", int64_t{-5}}, {"-cmd", "@x"}}),
      "a,b\r\n'=1+1,\"x,y\"\r\n+529511234567,-5\r\n'-cmd,'@x\r\n");
}

TEST(TableWriterTest, ManyRowsStreamWithTheWidthsOfTheFirst) {
  std::ostringstream out;
  TableWriter table(&out, {});
  const std::vector<std::string> columns = {"x"};
  table.Columns(columns);
  for (int i = 0; i < 5000; ++i) table.Row({int64_t{i}});

  EXPECT_THAT(out.str(), HasSubstr("4999"));
}

TEST(DisplayWidthTest, CutsBetweenCharacters) {
  EXPECT_EQ(CutToWidth("María Ñeco", 6), "María…");
  EXPECT_EQ(CutToWidth("María", 5), "María");
  EXPECT_EQ(DisplayWidth("日本"), 4u);
  EXPECT_EQ(WithThousands(1234567), "1,234,567");
  EXPECT_EQ(WithThousands(999), "999");
}

TEST(TableWriterTest, AnIdStaysWholeOnANarrowTerminal) {
  std::ostringstream out;
  TableOptions options;
  options.terminal_width = 60;
  TableWriter table(&out, options);
  const std::string id = "01a20482-20e9-73c1-ae37-cc7aa627086e";

  table.Columns({"id", "notes"});
  table.Row({id, std::string(200, 'x')});
  table.Finish();

  EXPECT_THAT(out.str(), ::testing::HasSubstr(id));
  EXPECT_THAT(out.str(), ::testing::HasSubstr("…"));
}

}  // namespace
}  // namespace brigada
