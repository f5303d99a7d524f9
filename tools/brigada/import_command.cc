// import: a CSV file into the replica.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/csv_import.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/scope_text.h"
#include "tools/brigada/status_text.h"

namespace brigada {
namespace {

constexpr size_t kMaxMappingBytes = size_t{1} << 20;

struct ImportFlags {
  std::string type;
  std::string file;
  std::vector<std::string> rules;
  std::string map_file;
  std::string scope;
  std::string municipality;
  std::string refused = "refused.csv";
  std::string separator = ",";
  uint64_t skip_rows = 0;
  size_t rows_per_transaction = 500;
  bool dry_run = false;
};

volatile std::sig_atomic_t interrupted = 0;
void OnInterrupt(int) { interrupted = 1; }

absl::StatusOr<ImportOptions> OptionsOf(const ImportFlags& flags) {
  ImportOptions options;
  if (!flags.map_file.empty()) {
    ASSIGN_OR_RETURN(const std::string text, ReadText(flags.map_file, kMaxMappingBytes));
    options.rules = MappingRules(text);
  }
  options.rules.insert(options.rules.end(), flags.rules.begin(), flags.rules.end());
  if (!flags.scope.empty()) {
    ASSIGN_OR_RETURN(options.scope, ScopeFromText(flags.scope));
  } else if (!flags.municipality.empty()) {
    ASSIGN_OR_RETURN(options.scope, ScopeFromPlace(flags.municipality));
  }
  if (flags.separator.size() != 1 || flags.separator == "\"" || flags.separator == "\n") {
    return UsageError(Say("--separator: se espera un carácter, como , o ;",
                          "--separator: expected one character, such as , or ;"));
  }
  options.separator = flags.separator[0];
  options.skip_rows = flags.skip_rows;
  options.rows_per_transaction = flags.rows_per_transaction;
  options.dry_run = flags.dry_run;
  return options;
}

// The refused rows' file, made at the first of them. A file that is there is somebody's work.
CsvImport::OpenRefused RefusedFile(const ImportFlags& flags, std::ofstream* file) {
  return [&flags, file]() -> absl::StatusOr<std::ostream*> {
    std::error_code error;
    if (std::filesystem::exists(flags.refused, error)) {
      return SaidError(
          absl::StatusCode::kFailedPrecondition,
          absl::Substitute(Say("$0 ya existe: guárdelo con otro nombre, o use --refused OTRO",
                               "$0 exists: keep it under another name, or use --refused OTHER"),
                           flags.refused));
    }
    file->open(flags.refused, std::ios::binary);
    if (!file->is_open()) {
      return SaidError(absl::StatusCode::kFailedPrecondition,
                       absl::Substitute(Say("No se puede escribir $0; use --refused OTRO",
                                            "Cannot write $0; use --refused OTHER"),
                                        flags.refused));
    }
    std::filesystem::permissions(
        flags.refused, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write,
        error);
    return file;
  };
}

absl::Status Finish(const CommandLine& line, const ImportFlags& flags, const ImportTotals& totals,
                    absl::Status status) {
  const auto number = [](uint64_t count) { return SqlValue(static_cast<int64_t>(count)); };
  if (!totals.ignored_columns.empty()) {
    line.Note(absl::StrCat(Say("Columnas sin destino: ", "Columns that go nowhere: "),
                           absl::StrJoin(totals.ignored_columns, ", ")));
  }
  line.Show({{"rows", Say("Filas vistas", "Rows seen"), number(totals.rows)},
             {"imported",
              flags.dry_run ? Say("Entrarían", "Would go in") : Say("Registradas", "Imported"),
              number(totals.imported)},
             {"refused", Say("Rechazadas", "Refused"), number(totals.refused)}});
  if (!status.ok()) {
    line.Note(
        absl::Substitute(Say("Quedaron dentro las primeras $0 filas; continúe con --skip-rows $0",
                             "The first $0 rows are settled; go on with --skip-rows $0"),
                         totals.rows));
    return status;
  }
  if (totals.refused == 0) return status;
  return UnfinishedError(absl::Substitute(
      Say("$0 filas no entraron: vea línea y motivo en $1, corríjalas e impórtelas de nuevo",
          "$0 rows did not go in: see line and reason in $1, correct them and import them again"),
      totals.refused, flags.refused));
}

absl::Status Import(const CommandLine& line, const ImportFlags& flags) {
  ASSIGN_OR_RETURN(const RecordType* const type, TypeByName(flags.type));
  ASSIGN_OR_RETURN(ImportOptions options, OptionsOf(flags));
  std::ifstream opened;
  if (flags.file != "-") opened.open(flags.file, std::ios::binary);
  std::error_code error;
  if (flags.file != "-" &&
      (!opened.is_open() || std::filesystem::is_directory(flags.file, error))) {
    return SaidError(
        absl::StatusCode::kNotFound,
        absl::Substitute(Say("No se puede leer el archivo $0", "Cannot read the file $0"),
                         flags.file));
  }
  const uintmax_t size = flags.file == "-" ? 0 : std::filesystem::file_size(flags.file, error);
  const uint64_t total = error ? 0 : static_cast<uint64_t>(size);
  std::unique_ptr<Replica> replica;
  if (!flags.dry_run) {
    ASSIGN_OR_RETURN(replica, line.OpenReplica());
  }
  std::ofstream refused;
  ProgressBar bar(&std::cerr, line.progress_style(), std::string(Say("Importando", "Importing")));
  CsvImport import(
      *type, std::move(options),
      [&](const std::vector<ImportRow>& rows) {
        Transaction transaction;
        for (const ImportRow& row : rows) transaction.Create(row.scope, *row.record);
        return replica->Commit(transaction);
      },
      RefusedFile(flags, &refused),
      [&](const ImportTotals& totals) -> absl::Status {
        bar.Update(totals.bytes, total,
                   absl::Substitute(Say("$0 filas, $1 rechazadas", "$0 rows, $1 refused"),
                                    WithThousands(totals.rows), WithThousands(totals.refused)));
        return interrupted != 0 ? absl::CancelledError() : absl::OkStatus();
      });
  std::signal(SIGINT, OnInterrupt);
  absl::Status status = import.Run(flags.file == "-" ? &std::cin : &opened);
  const ImportTotals& totals = import.totals();
  bar.Finish(absl::Substitute(Say("$0 filas", "$0 rows"), WithThousands(totals.rows)));
  if (!status.ok() && totals.rows == 0 && totals.refused == 0) return status;
  return Finish(line, flags, totals, std::move(status));
}

}  // namespace

void AddImportCommand(CommandLine* line) {
  const auto flags = std::make_shared<ImportFlags>();
  CLI::App* const command =
      line->Add({"import",
                 Say("Registra las filas de un CSV", "Register the rows of a CSV file"),
                 {"brigada import people padron.csv --municipality 20067 --map "
                  "'nombre=name.given-names' --dry-run",
                  "brigada import people padron.csv --map-file padron.map --map "
                  "'sexo=registered_sex{H=male,M=female}'",
                  "brigada import people padron.csv --map-file padron.map --skip-rows 12000"}},
                [line, flags] { return Import(*line, *flags); });
  const auto text = [](absl::string_view spanish, absl::string_view english) {
    return std::string(Say(spanish, english));
  };
  command
      ->add_option("TYPE", flags->type, text("Tipo: people, visits...", "Type: people, visits..."))
      ->required();
  command
      ->add_option("FILE", flags->file,
                   text("Archivo CSV con encabezado, o -", "CSV file with a header, or -"))
      ->required();
  command
      ->add_option("--map", flags->rules,
                   text("COLUMNA=CAMPO (repetible); campo scope o municipality da el lugar",
                        "COLUMN=FIELD (repeatable); field scope or municipality gives the place"))
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command->add_option("--map-file", flags->map_file,
                      text("Archivo con una regla por línea", "File with a rule per line"));
  command->add_option("--scope", flags->scope,
                      text("Lugar de las filas que no lo dicen", "Place of rows that name none"));
  command->add_option("--municipality", flags->municipality,
                      text("Lo mismo, por nombre o clave", "The same, by name or key"));
  command
      ->add_option("--refused", flags->refused,
                   text("Archivo de las filas rechazadas", "File of the refused rows"))
      ->capture_default_str();
  command->add_option("--separator", flags->separator, text("Entre columnas", "Between columns"))
      ->capture_default_str();
  command->add_option("--skip-rows", flags->skip_rows,
                      text("Filas que ya entraron", "Rows that are in already"));
  command
      ->add_option("--batch", flags->rows_per_transaction,
                   text("Filas por transacción", "Rows per transaction"))
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_flag("--dry-run", flags->dry_run,
                    text("Solo revisa, no registra", "Check only, register nothing"));
}

}  // namespace brigada
