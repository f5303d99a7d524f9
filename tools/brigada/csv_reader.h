// Rows of a CSV file of any size and any quality, one at a time.
//
// RFC 4180: fields parted by the separator, in double quotes when they hold one, a quote or a line
// end; "" inside quotes is a quote. Lines end with LF, CRLF or CR. A byte order mark is skipped,
// and so are empty lines. Strict: what a spreadsheet would guess at is a problem of that row, which
// is reported and skipped; reading goes on with the next one. A quote that never closes, or that
// the quote of a later row seems to close, does not swallow the rows behind it: reading resumes at
// the line after the one it opened in.
//
// Memory: a few times `max_row_bytes`, whatever the file holds.
#ifndef TOOLS_BRIGADA_CSV_READER_H_
#define TOOLS_BRIGADA_CSV_READER_H_

#include <cstddef>
#include <cstdint>
#include <istream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace brigada {

struct CsvOptions {
  char separator = ',';
  size_t max_row_bytes = size_t{1} << 20;
};

enum class CsvProblem {
  kNone,
  kTooLong,    // longer than max_row_bytes
  kBadQuote,   // a quote inside an unquoted field, or text after a closing one
  kOpenQuote,  // a quote that never closes
  kNotUtf8,
  kNulByte,
};

struct CsvRow {
  // The file's line the row starts at, from 1.
  uint64_t line = 0;
  CsvProblem problem = CsvProblem::kNone;
  // Empty when there is a problem.
  std::vector<std::string> fields;
  // The row as it stands in the file, without its line end; with a problem: its first bytes.
  std::string raw;
};

class CsvReader {
 public:
  // `input` outlives the reader.
  explicit CsvReader(std::istream* input, CsvOptions options = {});

  // False at the end. kDataLoss: the file cannot be read further.
  absl::StatusOr<bool> Next(CsvRow* row);

  // Of the input taken so far; for progress.
  uint64_t bytes_read() const { return bytes_read_; }

 private:
  int Take();
  int Peek();
  bool EndsLine(int byte);
  bool Refill();
  bool ReadRow(CsvRow* row);
  bool GiveUpWhenTooLong(bool in_quotes, CsvRow* row);
  bool IsQuoteDoubled(CsvRow* row);
  void SplitRow(CsvRow* row);
  void SkipLine();
  void ResumeAfterFirstLine(CsvRow* row, absl::string_view line_end);

  std::istream* const input_;
  const CsvOptions options_;
  std::string buffer_;
  size_t at_ = 0;
  uint64_t bytes_read_ = 0;
  uint64_t line_ = 1;
  // What the last row ended with; empty at the end of the file.
  absl::string_view line_end_;
  bool failed_ = false;
};

// The row as a line of CSV, without line end.
std::string CsvLine(const std::vector<std::string>& fields, char separator = ',');

}  // namespace brigada

#endif  // TOOLS_BRIGADA_CSV_READER_H_
