#include "tools/brigada/csv_import.h"

#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "replica/base/sha256.h"
#include "replica/base/status_macros.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/record_check.h"
#include "tools/brigada/status_text.h"
#include "tools/brigada/table_writer.h"

namespace brigada {
namespace {

// The columns that the file of refused rows has besides those of the first file. No field is called
// like them.
struct OwnColumn {
  const char* spanish;
  const char* english;
  bool IsCalled(absl::string_view name) const {
    name = absl::StripAsciiWhitespace(name);
    return name == spanish || name == english;
  }
};

constexpr OwnColumn kLine = {"rechazo_linea", "refused_line"};
constexpr OwnColumn kReason = {"rechazo_motivo", "refused_reason"};
constexpr OwnColumn kWholeRow = {"rechazo_fila", "refused_row"};

bool IsOfRefusedRows(absl::string_view name) {
  return kLine.IsCalled(name) || kReason.IsCalled(name) || kWholeRow.IsCalled(name);
}

absl::Status ProblemText(CsvProblem problem) {
  switch (problem) {
    case CsvProblem::kTooLong:
      return UsageError(Say("la fila pasa de 1 MB", "the row is longer than 1 MB"));
    case CsvProblem::kBadQuote:
      return UsageError(
          Say("comillas mal puestas: un texto con comillas va entre comillas, y las de "
              "dentro dobles",
              "stray quotes: a text with quotes stands in quotes, those inside doubled"));
    case CsvProblem::kOpenQuote:
      return UsageError(
          Say("unas comillas se abren y no se cierran", "a quote opens and never closes"));
    case CsvProblem::kNotUtf8:
      return UsageError(Say("no es UTF-8: guarde el archivo como «CSV UTF-8»",
                            "it is not UTF-8: save the file as \"CSV UTF-8\""));
    case CsvProblem::kNulByte:
      return UsageError(Say("tiene un byte nulo: ¿es de verdad un CSV?",
                            "it has a NUL byte: is it a CSV at all?"));
    case CsvProblem::kNone:
      break;
  }
  return absl::OkStatus();
}

// Spreadsheets in Spanish part columns by ';': all of a row is one column then.
absl::Status CheckSeparator(const std::vector<std::string>& header, char separator) {
  for (const char other : {';', '\t', ','}) {
    if (header.size() != 1 || other == separator || header[0].find(other) == std::string::npos)
      continue;
    const std::string written =
        other == '\t' ? "$'\\t'" : absl::StrCat("'", std::string(1, other), "'");
    return UsageError(absl::StrCat(
        Say("El encabezado es una sola columna; parece que otro signo las separa: --separator ",
            "The header is a single column; it seems that another sign parts them: --separator "),
        written));
  }
  return absl::OkStatus();
}

}  // namespace

CsvImport::CsvImport(const RecordType& type, ImportOptions options, Steps steps)
    : type_(type), options_(std::move(options)), steps_(std::move(steps)) {}

absl::Status CsvImport::ReadHeader(CsvReader* reader) {
  CsvRow header;
  ASSIGN_OR_RETURN(const bool found, reader->Next(&header));
  if (!found) return UsageError(Say("El archivo está vacío", "The file is empty"));
  RETURN_IF_ERROR(Annotate(ProblemText(header.problem), Say("encabezado", "header")));
  absl::StatusOr<CsvMapping> mapping = CsvMapping::Make(type_, header.fields, options_.rules);
  const bool is_useless = !mapping.ok() || mapping->ignored().size() == mapping->column_count();
  if (is_useless) RETURN_IF_ERROR(CheckSeparator(header.fields, options_.separator));
  RETURN_IF_ERROR(mapping.status());
  mapping_ = *std::move(mapping);
  header_ = std::move(header.fields);
  for (std::string& name : mapping_->ignored()) {
    if (!IsOfRefusedRows(name)) totals_.ignored_columns.push_back(std::move(name));
  }
  if (is_useless) {
    return UsageError(absl::Substitute(
        Say("Ninguna columna corresponde a un campo de $0; diga cuáles con --map 'COLUMNA=CAMPO'",
            "No column belongs to a field of $0; say which with --map 'COLUMN=FIELD'"),
        type_.plural()));
  }
  if (!mapping_->has_scope() && !options_.scope.has_value()) {
    return UsageError(
        Say("¿De qué lugar son las filas? Use --scope, --municipality o una columna con "
            "--map 'COLUMNA=municipality'",
            "Which place are the rows of? Use --scope, --municipality or a column with "
            "--map 'COLUMN=municipality'"));
  }
  return absl::OkStatus();
}

absl::Status CsvImport::Run(std::istream* input) {
  CsvOptions csv;
  csv.separator = options_.separator;
  CsvReader reader(input, csv);
  RETURN_IF_ERROR(ReadHeader(&reader));
  uint64_t seen = 0;
  while (true) {
    CsvRow row;
    ASSIGN_OR_RETURN(const bool found, reader.Next(&row));
    if (!found) break;
    totals_.bytes = reader.bytes_read();
    // A row that is skipped counts among its equals.
    absl::StatusOr<ImportRow> converted = Convert(row);
    if (++seen <= options_.skip_rows) {
      ++totals_.rows;
      continue;
    }
    RETURN_IF_ERROR(Take(row, std::move(converted)));
  }
  return Flush();
}

absl::Status CsvImport::Take(const CsvRow& row, absl::StatusOr<ImportRow> converted) {
  if (converted.ok() && !batch_.empty() &&
      batch_.back().scope.partition() != converted->scope.partition()) {
    RETURN_IF_ERROR(Flush());
  }
  ++unsettled_;
  Presence presence = Presence::kAbsent;
  if (converted.ok() && !options_.dry_run) {
    ASSIGN_OR_RETURN(presence, steps_.look(*converted));
  }
  if (presence != Presence::kAbsent) {
    ++totals_.already;
    if (presence == Presence::kDeleted) ++totals_.deleted;
  } else if (converted.ok()) {
    batch_.push_back(*std::move(converted));
  } else {
    const bool is_cut = row.fields.size() == mapping_->column_count();
    RETURN_IF_ERROR(Refuse(row.line, is_cut ? row.fields : std::vector<std::string>(),
                           is_cut ? "" : row.raw, converted.status()));
  }
  return unsettled_ >= options_.rows_per_transaction ? Flush() : absl::OkStatus();
}

absl::StatusOr<ImportRow> CsvImport::Convert(const CsvRow& row) {
  RETURN_IF_ERROR(ProblemText(row.problem));
  if (row.fields.size() != mapping_->column_count()) {
    return UsageError(absl::Substitute(
        Say("tiene $0 y el encabezado $1", "it has $0 and the header $1"),
        CountText(row.fields.size(), Say("columna", "column"), Say("columnas", "columns")),
        mapping_->column_count()));
  }
  ImportRow result;
  result.line = row.line;
  // What an export marked as no formula is what it was before.
  for (const std::string& field : row.fields) result.fields.push_back(WithFormula(field));
  result.record = type_.NewMessage();
  absl::optional<Scope> scope = options_.scope;
  RETURN_IF_ERROR(mapping_->Apply(result.fields, result.record.get(), &scope));
  if (!scope.has_value()) return UsageError(Say("no dice de qué lugar es", "it names no place"));
  result.scope = *scope;
  RETURN_IF_ERROR(BeginRecord(type_, result.scope, result.record.get()));
  result.name = NameOf(result.scope, mapping_->Content(result.fields));
  return result;
}

std::string CsvImport::NameOf(const Scope& scope, const std::vector<std::string>& content) {
  Sha256Digest digest = Sha256Parts({type_.name(), scope.path()});
  for (const std::string& part : content) digest = Sha256Parts({AsView(digest), part});
  uint64_t begin = 0;
  std::memcpy(&begin, digest.data(), sizeof(begin));
  // Two different rows that begin alike are told apart all the same, by the rest of the digest.
  const uint32_t before = equal_rows_[begin]++;
  return std::string(AsView(Sha256Parts({AsView(digest), absl::StrCat(before)})));
}

absl::Status CsvImport::Flush() {
  if (!batch_.empty()) RETURN_IF_ERROR(CommitBatch(batch_));
  batch_.clear();
  totals_.rows += unsettled_;
  unsettled_ = 0;
  if (refused_ != nullptr && !refused_->flush().good())
    return absl::ResourceExhaustedError("the file of refused rows cannot be written");
  return steps_.on_progress(totals_);
}

absl::Status CsvImport::CommitBatch(const std::vector<ImportRow>& rows) {
  absl::Status status = options_.dry_run ? absl::OkStatus() : steps_.commit(rows);
  if (status.ok()) {
    totals_.imported += rows.size();
    return absl::OkStatus();
  }
  if (!absl::IsInvalidArgument(status) && !absl::IsAlreadyExists(status)) return status;
  if (rows.size() == 1) return Refuse(rows.front().line, rows.front().fields, "", status);
  // Halving finds a single bad row in few commits, and keeps the file's order.
  const auto middle = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2);
  RETURN_IF_ERROR(CommitBatch(std::vector<ImportRow>(rows.begin(), middle)));
  return CommitBatch(std::vector<ImportRow>(middle, rows.end()));
}

absl::Status CsvImport::OpenRefusedRows() {
  ASSIGN_OR_RETURN(refused_, steps_.open_refused());
  std::vector<std::string> names = {std::string(Say(kLine.spanish, kLine.english)),
                                    std::string(Say(kReason.spanish, kReason.english))};
  for (const std::string& name : header_) {
    if (!IsOfRefusedRows(name)) names.push_back(name);
  }
  names.emplace_back(Say(kWholeRow.spanish, kWholeRow.english));
  *refused_ << CsvLine(names, options_.separator) << "\r\n";
  return absl::OkStatus();
}

absl::Status CsvImport::Refuse(uint64_t line, const std::vector<std::string>& fields,
                               std::string raw, const absl::Status& reason) {
  ++totals_.refused;
  if (refused_ == nullptr) RETURN_IF_ERROR(OpenRefusedRows());
  std::vector<std::string> cells = {absl::StrCat(line), StatusText(reason)};
  for (size_t i = 0; i < header_.size(); ++i) {
    const std::string cell = i < fields.size() ? fields[i] : std::string();
    if (!IsOfRefusedRows(header_[i])) cells.push_back(WithoutFormula(cell));
    // Refused before and not corrected since.
    if (kWholeRow.IsCalled(header_[i]) && raw.empty()) raw = WithFormula(cell);
  }
  cells.push_back(WithoutFormula(std::move(raw)));
  *refused_ << CsvLine(cells, options_.separator) << "\r\n";
  return absl::OkStatus();
}

}  // namespace brigada
