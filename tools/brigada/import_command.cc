// import: a CSV file into the replica.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/substitute.h"
#include "absl/types/optional.h"
#include "replica/base/ids.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "replica/schema/diff.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/csv_import.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/grant_note.h"
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
  // Empty: refused.csv, or the first such name that is free.
  std::string refused;
  std::string separator = ",";
  uint64_t skip_rows = 0;
  size_t rows_per_transaction = 500;
  bool dry_run = false;
  bool again = false;
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
    ASSIGN_OR_RETURN(options.scope, ScopeFromMunicipality(flags.municipality));
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

// The refused rows' file, made at the first of them. A file that is there is somebody's work: under
// the name nobody chose, another name is taken.
CsvImport::OpenRefused RefusedFile(ImportFlags* flags, std::ofstream* file) {
  return [flags, file]() -> absl::StatusOr<std::ostream*> {
    std::error_code error;
    if (flags->refused.empty()) {
      flags->refused = "refused.csv";
      for (int i = 2; std::filesystem::exists(flags->refused, error); ++i)
        flags->refused = absl::StrCat("refused-", i, ".csv");
    }
    if (std::filesystem::exists(flags->refused, error)) {
      return SaidError(
          absl::StatusCode::kFailedPrecondition,
          absl::Substitute(Say("$0 ya existe: guárdelo con otro nombre, o use --refused OTRO",
                               "$0 exists: keep it under another name, or use --refused OTHER"),
                           flags->refused));
    }
    file->open(flags->refused, std::ios::binary);
    if (!file->is_open()) {
      return SaidError(absl::StatusCode::kFailedPrecondition,
                       absl::Substitute(Say("No se puede escribir $0; use --refused OTRO",
                                            "Cannot write $0; use --refused OTHER"),
                                        flags->refused));
    }
    std::filesystem::permissions(
        flags->refused, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write,
        error);
    return file;
  };
}

// Whether rows get ids by which they are known when they come again. Stdin cannot be read twice.
bool NamesRows(const ImportFlags& flags) {
  std::error_code error;
  return std::filesystem::is_regular_file(flags.file, error) && !flags.again;
}

// Brings rows into a replica, each under an id that follows from this device and the row's name.
class RowWriter {
 public:
  RowWriter(Replica* replica, const RecordType& type, bool names_rows)
      : replica_(replica), type_(type), names_rows_(names_rows) {}

  absl::StatusOr<CsvImport::Presence> Look(const ImportRow& row) const {
    const bool is_joined = !type_.derived_from().empty();
    if (!names_rows_ && !is_joined) return CsvImport::Presence::kAbsent;
    RecordId id;
    if (is_joined) {
      ASSIGN_OR_RETURN(id, DeriveId(type_, *row.record));
    } else {
      id = IdOf(row);
    }
    if (names_rows_) {
      ASSIGN_OR_RETURN(const bool is_deleted, replica_->IsDeleted(type_.descriptor(), id));
      if (is_deleted) return CsvImport::Presence::kDeleted;
    }
    // What is told again of a record that joins others adds to it.
    if (is_joined) return CsvImport::Presence::kAbsent;
    ASSIGN_OR_RETURN(const bool exists, Exists(id, nullptr));
    return exists ? CsvImport::Presence::kPresent : CsvImport::Presence::kAbsent;
  }

  absl::Status Commit(const std::vector<ImportRow>& rows) const {
    Transaction transaction;
    for (const ImportRow& row : rows) RETURN_IF_ERROR(Add(row, &transaction));
    return replica_->Commit(transaction);
  }

 private:
  RecordId IdOf(const ImportRow& row) const {
    return DerivedRecordId({"import", replica_->replica_id().bytes(), row.name});
  }

  absl::StatusOr<bool> Exists(const RecordId& id, google::protobuf::Message* found) const {
    const std::unique_ptr<google::protobuf::Message> scratch = type_.NewMessage();
    const absl::Status status =
        replica_->ReadMessage(id, found == nullptr ? scratch.get() : found, nullptr);
    if (absl::IsNotFound(status)) return false;
    RETURN_IF_ERROR(status);
    return true;
  }

  absl::Status Add(const ImportRow& row, Transaction* transaction) const {
    if (type_.derived_from().empty() && !names_rows_) {
      transaction->Create(row.scope, *row.record);
    } else if (type_.derived_from().empty()) {
      transaction->Create(IdOf(row), row.scope, *row.record);
    } else {
      // The same fact told again adds to what is known of it.
      ASSIGN_OR_RETURN(const RecordId id, DeriveId(type_, *row.record));
      const std::unique_ptr<google::protobuf::Message> before = type_.NewMessage();
      ASSIGN_OR_RETURN(const bool exists, Exists(id, before.get()));
      if (!exists) {
        transaction->Create(row.scope, *row.record);
        return absl::OkStatus();
      }
      const std::unique_ptr<google::protobuf::Message> after = type_.NewMessage();
      after->CopyFrom(*before);
      after->MergeFrom(*row.record);
      transaction->Update(id, *before, *after);
    }
    return absl::OkStatus();
  }

  Replica* const replica_;
  const RecordType& type_;
  const bool names_rows_;
};

std::string RowsText(uint64_t rows) {
  return CountText(rows, Say("fila", "row"), Say("filas", "rows"));
}

// What a run that stopped leaves to do.
std::string GoOnText(const ImportFlags& flags, uint64_t rows) {
  const absl::string_view settled =
      rows == 1 ? Say("Quedó dentro la primera fila", "The first row is settled")
                : Say("Quedaron dentro las primeras $0 filas", "The first $0 rows are settled");
  const absl::string_view go_on =
      flags.file == "-" ? Say("; continúe con --skip-rows $0", "; go on with --skip-rows $0")
                        : Say("; dé el mismo comando y seguirá desde ahí",
                              "; give the same command and it goes on from there");
  return absl::Substitute(absl::StrCat(settled, go_on), rows);
}

std::string AlreadyText(uint64_t rows) {
  return absl::Substitute(
      rows == 1 ? Say("1 fila ya estaba por una importación anterior y no se repitió; si es otro "
                      "registro igual, --again lo registra",
                      "1 row was in from an earlier import and was not repeated; if it is another "
                      "record that is equal, --again registers it")
                : Say("$0 filas ya estaban por una importación anterior y no se repitieron; si son "
                      "otros registros iguales, --again los registra",
                      "$0 rows were in from an earlier import and were not repeated; if they are "
                      "other records that are equal, --again registers them"),
      WithThousands(rows));
}

std::string DeletedText(uint64_t rows) {
  return absl::Substitute(rows == 1
                              ? Say("1 de ellas se borró después y no se registró otra vez",
                                    "1 of them was deleted since and was not registered again")
                              : Say("$0 de ellas se borraron después y no se registraron otra vez",
                                    "$0 of them were deleted since and were not registered again"),
                          WithThousands(rows));
}

absl::Status Finish(const CommandLine& line, const ImportFlags& flags, const ImportTotals& totals,
                    absl::Status status) {
  const auto number = [](uint64_t count) { return SqlValue(static_cast<int64_t>(count)); };
  if (!totals.ignored_columns.empty()) {
    line.Note(absl::StrCat(Say("Columnas sin destino: ", "Columns that go nowhere: "),
                           absl::StrJoin(totals.ignored_columns, ", ")));
  }
  line.Show({{"rows", Say("Filas vistas", "Rows seen"), number(totals.rows)},
             {"already", Say("Ya estaban", "Were in already"), number(totals.already)},
             {"deleted", Say("De esas, borradas después", "Of those, deleted since"),
              number(totals.deleted)},
             {"imported",
              flags.dry_run ? Say("Entrarían", "Would go in") : Say("Registradas", "Imported"),
              number(totals.imported)},
             {"refused", Say("Rechazadas", "Refused"), number(totals.refused)}});
  if (totals.already > 0) line.Note(AlreadyText(totals.already));
  if (totals.deleted > 0) line.Note(DeletedText(totals.deleted));
  if (!status.ok()) {
    line.Note(GoOnText(flags, totals.rows));
    return status;
  }
  if (totals.refused == 0) return status;
  return UnfinishedError(absl::Substitute(
      totals.refused == 1
          ? Say("1 fila no entró: línea y motivo están en $1. Corríjala ahí y dé el mismo comando "
                "con ese archivo; lo que ya entró no se repite",
                "1 row did not go in: line and reason are in $1. Correct it there and give the "
                "same command with that file; what is in is not repeated")
          : Say("$0 filas no entraron: línea y motivo están en $1. Corríjalas ahí y dé el mismo "
                "comando con ese archivo; lo que ya entró no se repite",
                "$0 rows did not go in: line and reason are in $1. Correct them there and give the "
                "same command with that file; what is in is not repeated"),
      totals.refused, flags.refused));
}

absl::Status Import(const CommandLine& line, ImportFlags flags) {
  ASSIGN_OR_RETURN(const RecordType* const type, TypeByName(flags.type));
  ASSIGN_OR_RETURN(ImportOptions options, OptionsOf(flags));
  std::ifstream opened;
  if (flags.file != "-") opened.open(flags.file, std::ios::binary);
  std::error_code error;
  if (flags.file != "-" && std::filesystem::is_directory(flags.file, error)) {
    return UsageError(absl::Substitute(
        Say("$0 es una carpeta: dé el archivo CSV que está en ella, o - para leer la entrada",
            "$0 is a folder: give the CSV file that is in it, or - to read stdin"),
        PrintableText(flags.file)));
  }
  if (flags.file != "-" && !opened.is_open()) return CannotRead(flags.file);
  const uintmax_t size = flags.file == "-" ? 0 : std::filesystem::file_size(flags.file, error);
  const uint64_t total = error ? 0 : static_cast<uint64_t>(size);
  std::unique_ptr<Replica> replica;
  if (!flags.dry_run) {
    ASSIGN_OR_RETURN(replica, line.OpenReplica());
  }
  const RowWriter writer(replica.get(), *type, NamesRows(flags));
  std::ofstream refused;
  ProgressBar bar(&std::cerr, line.progress_style(), std::string(Say("Importando", "Importing")));
  absl::optional<MissingGrants> missing;
  if (replica != nullptr) missing.emplace(*replica, *type);
  CsvImport::Steps steps;
  steps.look = [&](const ImportRow& row) { return writer.Look(row); };
  steps.commit = [&](const std::vector<ImportRow>& rows) -> absl::Status {
    RETURN_IF_ERROR(writer.Commit(rows));
    for (const ImportRow& row : rows) missing->Add(row.scope);
    return absl::OkStatus();
  };
  steps.open_refused = RefusedFile(&flags, &refused);
  steps.on_progress = [&](const ImportTotals& totals) -> absl::Status {
    bar.Update(totals.bytes, total,
               absl::Substitute(Say("$0, rechazadas $1", "$0, refused $1"), RowsText(totals.rows),
                                WithThousands(totals.refused)));
    return interrupted != 0 ? absl::CancelledError() : absl::OkStatus();
  };
  CsvImport import(*type, std::move(options), std::move(steps));
  std::signal(SIGINT, OnInterrupt);
  absl::Status status = import.Run(flags.file == "-" ? &std::cin : &opened);
  const ImportTotals& totals = import.totals();
  bar.Finish(RowsText(totals.rows));
  if (missing.has_value()) missing->Note(line);
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
                  "cat padron.csv | brigada import people - --scope 20067 --skip-rows 12000"}},
                [line, flags] { return Import(*line, *flags); });
  const auto text = [](absl::string_view spanish, absl::string_view english) {
    return std::string(Say(spanish, english));
  };
  command
      ->add_option(std::string(Say("TIPO", "TYPE")), flags->type,
                   text("Tipo: people, visits...", "Type: people, visits..."))
      ->required();
  command
      ->add_option(std::string(Say("ARCHIVO", "FILE")), flags->file,
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
  command->add_option("--refused", flags->refused,
                      text("Archivo nuevo de las filas rechazadas; si falta, refused.csv",
                           "New file of the refused rows; else refused.csv"));
  command->add_option("--separator", flags->separator, text("Entre columnas", "Between columns"))
      ->capture_default_str();
  command
      ->add_option("--skip-rows", flags->skip_rows,
                   text("Filas que ya entraron", "Rows that are in already"))
      ->check(NumberIn(0, 1'000'000'000'000));
  command
      ->add_option("--batch", flags->rows_per_transaction,
                   text("Filas por transacción, de 1 a 1000", "Rows per transaction, 1 to 1000"))
      ->check(NumberIn(1, 1000))
      ->capture_default_str();
  command->add_flag(
      "--again", flags->again,
      text("Registra también lo que ya se importó", "Register also what was imported already"));
  command->add_flag("--dry-run", flags->dry_run,
                    text("Solo revisa, no registra", "Check only, register nothing"));
}

}  // namespace brigada
