#include "tools/brigada/table_writer.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/brigada/csv_reader.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/record_json.h"
#include "tools/brigada/sql_json.h"

namespace brigada {
namespace {

constexpr size_t kHeldRows = 1000;
constexpr size_t kMinCellWidth = 8;
constexpr size_t kGap = 2;

bool IsNumber(const SqlValue& value) {
  return std::holds_alternative<int64_t>(value) || std::holds_alternative<double>(value);
}

// Cuts the widest columns until the table fits, none below a readable width. Ids stay whole, to be
// pasted into the next command.
void Shrink(size_t terminal_width, const std::vector<bool>& is_id, std::vector<size_t>* widths) {
  size_t total = 0;
  for (const size_t width : *widths) total += width + kGap;
  while (total > terminal_width + kGap) {
    size_t* widest = nullptr;
    for (size_t i = 0; i < widths->size(); ++i) {
      size_t& width = (*widths)[i];
      if (!is_id[i] && (widest == nullptr || width > *widest)) widest = &width;
    }
    if (widest == nullptr || *widest <= kMinCellWidth) return;
    --*widest;
    --total;
  }
}

bool LooksLikeId(absl::string_view cell) {
  constexpr size_t kUuidLength = 36;
  return cell.size() == kUuidLength && cell[8] == '-' && cell[13] == '-' && cell[18] == '-';
}

}  // namespace

std::string ValueText(const SqlValue& value) {
  if (const auto* const integer = std::get_if<int64_t>(&value)) return absl::StrCat(*integer);
  if (const auto* const real = std::get_if<double>(&value)) return absl::StrFormat("%.15g", *real);
  if (const auto* const text = std::get_if<std::string>(&value)) return *text;
  if (const auto* const blob = std::get_if<SqlBlob>(&value))
    return absl::BytesToHexString(blob->bytes);
  return "";
}

std::string WithoutFormula(std::string text) {
  if (text.empty()) return text;
  const char first = text.front();
  bool is_formula = first == '=' || first == '@' || first == '\t' || first == '\r';
  if (first == '+' || first == '-') {
    double number = 0;
    is_formula = !absl::SimpleAtod(text, &number);
  }
  if (is_formula) text.insert(0, "'");
  return text;
}

std::string WithFormula(std::string text) {
  if (text.empty() || text.front() != '\'') return text;
  std::string bare = text.substr(1);
  return WithoutFormula(bare) == text ? bare : text;
}

TableWriter::TableWriter(std::ostream* out, TableOptions options) : out_(out), options_(options) {}

void TableWriter::Columns(absl::Span<const std::string> names) {
  absl::flat_hash_set<std::string> taken;
  for (const std::string& name : names) {
    std::string free = name;
    // JSON objects hold a key once.
    for (int i = 2; options_.format == Format::kJson && !taken.insert(free).second; ++i)
      free = absl::StrCat(name, "_", i);
    names_.push_back(std::move(free));
  }
  is_number_.assign(names_.size(), true);
  if (options_.format == Format::kCsv) *out_ << CsvLine(names_) << "\r\n";
  if (options_.format == Format::kJson) *out_ << "[";
}

void TableWriter::Row(const SqlRow& row) {
  ++rows_;
  switch (options_.format) {
    case Format::kJson:
      return JsonRow(row);
    case Format::kCsv:
      return CsvRow(row);
    case Format::kTable:
      break;
  }
  std::vector<std::string> cells;
  cells.reserve(row.size());
  for (const SqlValue& value : row) cells.push_back(PrintableText(ValueText(value)));
  TableRow(std::move(cells), row);
}

void TableWriter::JsonRow(const SqlRow& row) {
  Json object = Json::object();
  for (size_t i = 0; i < row.size() && i < names_.size(); ++i) object[names_[i]] = SqlJson(row[i]);
  *out_ << (rows_ == 1 ? "\n" : ",\n") << JsonText(object);
}

void TableWriter::CsvRow(const SqlRow& row) {
  std::vector<std::string> cells;
  for (const SqlValue& value : row)
    cells.push_back(IsNumber(value) ? ValueText(value) : WithoutFormula(ValueText(value)));
  *out_ << CsvLine(cells) << "\r\n";
}

void TableWriter::TableRow(std::vector<std::string> cells, const SqlRow& row) {
  for (size_t i = 0; i < row.size() && i < is_number_.size(); ++i) {
    if (!IsNumber(row[i]) && !std::holds_alternative<std::monostate>(row[i])) is_number_[i] = false;
  }
  if (fixed_) return WriteCells(cells, false);
  held_.push_back(std::move(cells));
  if (held_.size() >= kHeldRows) FixWidths();
}

void TableWriter::FixWidths() {
  fixed_ = true;
  for (const std::string& name : names_) widths_.push_back(DisplayWidth(name));
  for (const std::vector<std::string>& cells : held_) {
    for (size_t i = 0; i < cells.size() && i < widths_.size(); ++i)
      widths_[i] = std::max(widths_[i], DisplayWidth(cells[i]));
  }
  std::vector<bool> is_id(widths_.size(), false);
  for (size_t i = 0; i < widths_.size() && !held_.empty(); ++i)
    is_id[i] = i < held_[0].size() && LooksLikeId(held_[0][i]);
  if (options_.terminal_width > 0) Shrink(options_.terminal_width, is_id, &widths_);
  WriteCells(names_, true);
  std::string rule;
  for (size_t i = 0; i < widths_.size(); ++i) {
    if (i > 0) rule.append(kGap, ' ');
    for (size_t j = 0; j < widths_[i]; ++j) rule += "─";
  }
  *out_ << rule << "\n";
  for (const std::vector<std::string>& cells : held_) WriteCells(cells, false);
  held_.clear();
}

void TableWriter::WriteCells(const std::vector<std::string>& cells, bool is_header) {
  std::string line;
  for (size_t i = 0; i < cells.size() && i < widths_.size(); ++i) {
    const std::string cell =
        options_.terminal_width > 0 ? CutToWidth(cells[i], widths_[i]) : cells[i];
    const size_t width = DisplayWidth(cell);
    const size_t padding = widths_[i] > width ? widths_[i] - width : 0;
    if (i > 0) line.append(kGap, ' ');
    if (is_number_[i]) line.append(padding, ' ');
    line += cell;
    const bool is_last = i + 1 == widths_.size();
    if (!is_number_[i] && !is_last) line.append(padding, ' ');
  }
  if (is_header && options_.is_terminal) line = absl::StrCat("\x1b[1m", line, "\x1b[0m");
  *out_ << line << "\n";
}

void TableWriter::Finish() {
  if (options_.format == Format::kJson) *out_ << (rows_ == 0 ? "]\n" : "\n]\n");
  if (options_.format == Format::kTable && !fixed_) FixWidths();
  out_->flush();
}

}  // namespace brigada
