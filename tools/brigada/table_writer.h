// Rows on the screen or in a file: a table for people, JSON or CSV for programs.
//
// Table: columns aligned by what the text takes on the screen, control characters made visible; the
// first rows decide the widths, so that millions of rows stream. JSON: one array, an object per
// line. CSV: RFC 4180; a text that a spreadsheet would run as a formula gets a ' in front (phone
// numbers do not).
#ifndef TOOLS_BRIGADA_TABLE_WRITER_H_
#define TOOLS_BRIGADA_TABLE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "replica/query/sql_value.h"

namespace brigada {

enum class Format { kTable, kJson, kCsv };

struct TableOptions {
  Format format = Format::kTable;
  // Columns of the terminal; wider tables are cut cell by cell. 0: as wide as it gets.
  size_t terminal_width = 0;
  bool is_terminal = false;  // headers in bold
};

class TableWriter {
 public:
  // `out` outlives the writer.
  TableWriter(std::ostream* out, TableOptions options);

  // Once, first.
  void Columns(absl::Span<const std::string> names);
  void Row(const SqlRow& row);
  // Once, last: writes what is held back.
  void Finish();

  uint64_t rows() const { return rows_; }

 private:
  void TableRow(std::vector<std::string> cells, const SqlRow& row);
  void JsonRow(const SqlRow& row);
  void CsvRow(const SqlRow& row);
  void FixWidths();
  void WriteCells(const std::vector<std::string>& cells, bool is_header);

  std::ostream* const out_;
  const TableOptions options_;
  std::vector<std::string> names_;
  // Rows kept until the widths are known.
  std::vector<std::vector<std::string>> held_;
  std::vector<size_t> widths_;
  std::vector<bool> is_number_;
  bool fixed_ = false;
  uint64_t rows_ = 0;
};

// A value as text: blobs in hexadecimal, NULL as nothing.
std::string ValueText(const SqlValue& value);

// `text` with ' in front when a spreadsheet would take it for a formula.
std::string WithoutFormula(std::string text);
// The text that WithoutFormula was given, when it put a ' in front; any other text as it is.
std::string WithFormula(std::string text);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_TABLE_WRITER_H_
