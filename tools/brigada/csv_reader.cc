#include "tools/brigada/csv_reader.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "replica/base/utf8.h"

namespace brigada {
namespace {

constexpr size_t kReadBytes = size_t{64} << 10;
// What a refused row is shown by.
constexpr size_t kShownBytes = 1024;
constexpr int kEnd = -1;
constexpr absl::string_view kByteOrderMark = "\xef\xbb\xbf";

// Takes a CR off the end of the row; whether there was one.
bool TakeTrailingCr(std::string* raw) {
  if (!absl::EndsWith(*raw, "\r")) return false;
  raw->pop_back();
  return true;
}

// Cuts one row, without its line end, into fields.
class RowSplitter {
 public:
  RowSplitter(absl::string_view raw, char separator) : raw_(raw), separator_(separator) {}

  bool Split(std::vector<std::string>* fields) {
    while (true) {
      std::string field;
      const bool is_good = at_ < raw_.size() && raw_[at_] == '"' ? Quoted(&field) : Plain(&field);
      if (!is_good) return false;
      fields->push_back(std::move(field));
      if (at_ == raw_.size()) return true;
      ++at_;
    }
  }

 private:
  bool Plain(std::string* field) {
    const size_t end = std::min(raw_.find(separator_, at_), raw_.size());
    field->assign(raw_.data() + at_, end - at_);
    at_ = end;
    return !absl::StrContains(*field, '"');
  }

  bool Quoted(std::string* field) {
    for (++at_; at_ < raw_.size(); ++at_) {
      if (raw_[at_] != '"') {
        field->push_back(raw_[at_]);
        continue;
      }
      if (at_ + 1 < raw_.size() && raw_[at_ + 1] == '"') {
        field->push_back('"');
        ++at_;
        continue;
      }
      ++at_;
      return at_ == raw_.size() || raw_[at_] == separator_;
    }
    return false;
  }

  const absl::string_view raw_;
  const char separator_;
  size_t at_ = 0;
};

}  // namespace

CsvReader::CsvReader(std::istream* input, CsvOptions options) : input_(input), options_(options) {}

bool CsvReader::Refill() {
  if (at_ < buffer_.size()) return true;
  if (failed_ || !input_->good()) return false;
  const bool is_first = bytes_read_ == 0;
  buffer_.resize(kReadBytes);
  at_ = 0;
  input_->read(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
  buffer_.resize(static_cast<size_t>(input_->gcount()));
  failed_ = input_->bad();
  bytes_read_ += buffer_.size();
  if (is_first && absl::StartsWith(buffer_, kByteOrderMark)) at_ = kByteOrderMark.size();
  return at_ < buffer_.size();
}

int CsvReader::Peek() { return Refill() ? static_cast<unsigned char>(buffer_[at_]) : kEnd; }

int CsvReader::Take() {
  const int byte = Peek();
  if (byte == kEnd) return kEnd;
  ++at_;
  if (EndsLine(byte)) ++line_;
  return byte;
}

// Of the byte just taken. The CR of a CRLF ends nothing yet.
bool CsvReader::EndsLine(int byte) { return byte == '\n' || (byte == '\r' && Peek() != '\n'); }

void CsvReader::SkipLine() {
  for (int byte = Take(); byte != kEnd; byte = Take()) {
    if (EndsLine(byte)) return;
  }
}

// A row that is no row: only its first line is given up, what follows is read again. `line_end`:
// what stood behind the row's bytes and was taken with them.
void CsvReader::ResumeAfterFirstLine(CsvRow* row, absl::string_view line_end) {
  const absl::string_view raw = row->raw;
  const size_t end = raw.find_first_of("\r\n");
  if (end == absl::string_view::npos) {
    SkipLine();
  } else {
    const absl::string_view rest =
        raw.substr(end + (absl::StartsWith(raw.substr(end), "\r\n") ? 2 : 1));
    const size_t taken = rest.size() + line_end.size();
    if (taken <= at_) {
      at_ -= taken;
    } else {
      buffer_ = absl::StrCat(rest, line_end, absl::string_view(buffer_).substr(at_));
      at_ = 0;
    }
    line_ = row->line + 1;
    row->raw.resize(end);
  }
  if (row->raw.size() > kShownBytes) row->raw.resize(kShownBytes);
}

bool CsvReader::GiveUpWhenTooLong(bool in_quotes, CsvRow* row) {
  if (row->raw.size() <= options_.max_row_bytes) return false;
  // A CRLF is not given up in its middle.
  if (row->raw.back() == '\r' && Peek() == '\n') return false;
  const bool is_one_line = row->raw.find_first_of("\r\n") == std::string::npos;
  row->problem = in_quotes && !is_one_line ? CsvProblem::kOpenQuote : CsvProblem::kTooLong;
  ResumeAfterFirstLine(row, "");
  return true;
}

// Behind a quote inside quotes: the second one, which makes it a part of the text, is taken.
bool CsvReader::IsQuoteDoubled(CsvRow* row) {
  if (Peek() != '"') return false;
  row->raw.push_back(static_cast<char>(Take()));
  return true;
}

// Takes the bytes of one row and its line end; false at the end of the file.
bool CsvReader::ReadRow(CsvRow* row) {
  bool in_quotes = false;
  // True where a quote opens a quoted field.
  bool at_field_start = true;
  for (int byte = Take(); byte != kEnd; byte = Take()) {
    if (!in_quotes && EndsLine(byte)) {
      line_end_ = byte == '\r' ? "\r" : TakeTrailingCr(&row->raw) ? "\r\n" : "\n";
      return true;
    }
    const char c = static_cast<char>(byte);
    row->raw.push_back(c);
    if (GiveUpWhenTooLong(in_quotes, row)) return true;
    if (c == '"') in_quotes = in_quotes ? IsQuoteDoubled(row) : at_field_start;
    at_field_start = c == options_.separator && !in_quotes;
  }
  if (in_quotes) {
    row->problem = CsvProblem::kOpenQuote;
    ResumeAfterFirstLine(row, "");
    return true;
  }
  line_end_ = "";
  return !row->raw.empty();
}

void CsvReader::SplitRow(CsvRow* row) {
  const absl::string_view raw = row->raw;
  const bool is_split = RowSplitter(raw, options_.separator).Split(&row->fields);
  const bool is_one_line = raw.find_first_of("\r\n") == absl::string_view::npos;
  if (!is_split && !is_one_line) {
    // A stray quote opened it and the next one, of a row further down, closed it: the rows between
    // are good.
    row->problem = CsvProblem::kBadQuote;
    ResumeAfterFirstLine(row, line_end_);
  } else if (!CountCodePoints(raw).has_value()) {
    row->problem = CsvProblem::kNotUtf8;
  } else if (absl::StrContains(raw, '\0')) {
    row->problem = CsvProblem::kNulByte;
  } else if (!is_split) {
    row->problem = CsvProblem::kBadQuote;
  }
  if (row->problem != CsvProblem::kNone) row->fields.clear();
}

absl::StatusOr<bool> CsvReader::Next(CsvRow* row) {
  do {
    *row = CsvRow();
    row->line = line_;
    if (!ReadRow(row)) {
      if (failed_) return absl::DataLossError("the file cannot be read any further");
      return false;
    }
  } while (row->problem == CsvProblem::kNone && row->raw.empty());
  if (row->problem == CsvProblem::kNone) SplitRow(row);
  return true;
}

std::string CsvLine(const std::vector<std::string>& fields, char separator) {
  std::string line;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) line.push_back(separator);
    const bool plain = fields[i].find_first_of("\"\r\n") == std::string::npos &&
                       fields[i].find(separator) == std::string::npos;
    if (plain) {
      line += fields[i];
    } else {
      absl::StrAppend(&line, "\"", absl::StrReplaceAll(fields[i], {{"\"", "\"\""}}), "\"");
    }
  }
  return line;
}

}  // namespace brigada
