#include "tools/brigada/command_line.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/nearest.h"
#include "tools/brigada/record_json.h"
#include "tools/brigada/status_text.h"
#include "tools/brigada/time_text.h"

namespace brigada {
namespace {

std::string Text(absl::string_view spanish, absl::string_view english) {
  return std::string(Say(spanish, english));
}

std::string DefaultDirectory() {
  if (const char* const named = std::getenv("BRIGADA_DIR"); named != nullptr && *named != '\0')
    return named;
  const char* const home = std::getenv("HOME");
  return absl::StrCat(home == nullptr ? "." : home, "/.local/share/brigada");
}

size_t TerminalWidth() {
  winsize size{};
  if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

// Types by the names that people say.
struct SpanishType {
  const char* one;
  const char* many;
  const char* plural;
};

constexpr SpanishType kSpanishTypes[] = {
    {"persona", "personas", "people"},   {"visita", "visitas", "visits"},
    {"evento", "eventos", "events"},     {"asistencia", "asistencias", "attendances"},
    {"conteo", "conteos", "headcounts"}, {"conflicto", "conflictos", "conflicts"},
};

}  // namespace

CommandLine::CommandLine()
    : app_(Text("Brigada: registros de campo que trabajan sin señal",
                "Brigada: field records that work without a link"),
           "brigada"),
      directory_(DefaultDirectory()) {
  app_.formatter(HelpFormatter());
  app_.option_defaults()->group(Text("Opciones", "Options"));
  app_.set_help_flag("-h,--help", Text("Muestra esta ayuda", "Show this help"));
  app_.set_version_flag("--version", std::string("brigada ") + BRIGADA_VERSION,
                        Text("Muestra la versión", "Show the version"));
  app_.require_subcommand(1);
  AddGlobals(&app_);
  app_.footer(
      Text("Ayuda y ejemplos de un comando: brigada COMANDO --help\n"
           "Códigos de salida: 0 bien, 1 falló, 2 mal escrito, 3 no existe, 4 sin conexión,\n"
           "5 sin permiso, 6 hecho pero queda algo por resolver",
           "Help and examples of a command: brigada COMMAND --help\n"
           "Exit codes: 0 fine, 1 failed, 2 misspelt, 3 not found, 4 no connection,\n"
           "5 not allowed, 6 done but something is left to resolve"));
}

void CommandLine::AddGlobals(CLI::App* app) {
  const std::string group = Text("Opciones de todos los comandos", "Options of all commands");
  app->add_option("--dir", directory_,
                  Text("Directorio de la réplica (también BRIGADA_DIR); ahora ",
                       "Directory of the replica (also BRIGADA_DIR); now ") +
                      directory_)
      ->group(group);
  app->add_option("--format", format_,
                  Text("Salida: table, json o csv", "Output: table, json or csv"))
      ->check(OneOf({"table", "json", "csv"}))
      ->group(group);
  app->add_option("--lang", language_, Text("Idioma: es o en", "Language: es or en"))
      ->check(OneOf({"es", "en"}))
      ->group(group);
  app->add_flag("--quiet", quiet_, Text("Sin avance ni avisos", "No progress, no notes"))
      ->group(group);
}

CLI::App* CommandLine::Add(const CommandText& text, std::function<absl::Status()> run) {
  return AddUnder(&app_, text, std::move(run));
}

CLI::App* CommandLine::AddUnder(CLI::App* parent, const CommandText& text,
                                std::function<absl::Status()> run) {
  CLI::App* const command = parent->add_subcommand(text.name, std::string(text.purpose));
  command->group(Text("Comandos", "Commands"));
  command->option_defaults()->group(Text("Opciones", "Options"));
  AddGlobals(command);
  command->get_help_ptr()->group(Text("Opciones de todos los comandos", "Options of all commands"));
  if (!text.examples.empty()) {
    command->footer(
        absl::StrCat(Text("Ejemplos:", "Examples:"), "\n  ", absl::StrJoin(text.examples, "\n  ")));
  }
  // The innermost command's callback runs first, and its choice stands.
  command->callback([this, run = std::move(run)] {
    if (!chosen_) chosen_ = run;
  });
  return command;
}

int CommandLine::Report(const CLI::ParseError& error) const {
  // Help and version are not errors.
  if (error.get_exit_code() == 0) return app_.exit(error);
  std::cerr << "brigada: " << ParseErrorText(app_, error) << std::endl;
  return kExitUsage;
}

int CommandLine::Main(int argc, char** argv) {
  int code = kExitOk;
  // The parser speaks by exceptions; they end here.
  try {
    app_.parse(argc, argv);
    const absl::Status status = chosen_ ? chosen_() : absl::OkStatus();
    if (!status.ok()) std::cerr << "brigada: " << StatusText(status) << std::endl;
    code = ExitCodeOf(status);
  } catch (const CLI::ParseError& error) {
    code = Report(error);
  }
  std::cout.flush();
  if (std::cout.good()) return code;
  // A program that reads half of the rows must not take them for all.
  std::cerr << "brigada: "
            << Say("No se pudo escribir todo el resultado: lo que salió está incompleto. Libere "
                   "espacio, o mande la salida a otro lugar, y repita",
                   "Not all of the result could be written: what came out is incomplete. Free some "
                   "space, or send the output elsewhere, and repeat")
            << std::endl;
  return code == kExitOk ? kExitFailed : code;
}

absl::StatusOr<std::unique_ptr<Replica>> CommandLine::OpenReplica(
    DurabilityLevel durability) const {
  Options options;
  options.path = directory_;
  options.create_if_missing = false;
  options.durability = durability;
  return Replica::Open(std::move(options));
}

TableWriter CommandLine::Table() const {
  TableOptions options;
  options.format = format_ == "json"  ? Format::kJson
                   : format_ == "csv" ? Format::kCsv
                                      : Format::kTable;
  options.terminal_width = TerminalWidth();
  options.is_terminal = isatty(STDOUT_FILENO) != 0;
  return TableWriter(&std::cout, options);
}

ProgressStyle CommandLine::progress_style() const {
  if (quiet_) return ProgressStyle::kQuiet;
  return isatty(STDERR_FILENO) != 0 ? ProgressStyle::kBar : ProgressStyle::kLastWord;
}

void CommandLine::Note(absl::string_view text) const {
  if (!quiet_) std::cerr << text << std::endl;
}

void CommandLine::Show(const std::vector<Fact>& facts) const {
  if (format_ == "table") {
    size_t width = 0;
    for (const Fact& fact : facts) width = std::max(width, DisplayWidth(fact.label));
    for (const Fact& fact : facts) {
      std::cout << fact.label << std::string(width - DisplayWidth(fact.label) + 2, ' ')
                << PrintableText(ValueText(fact.value)) << "\n";
    }
    return;
  }
  TableWriter table = Table();
  std::vector<std::string> names;
  SqlRow row;
  for (const Fact& fact : facts) {
    names.push_back(fact.name);
    row.push_back(fact.value);
  }
  table.Columns(names);
  table.Row(row);
  table.Finish();
}

absl::StatusOr<const RecordType*> TypeByName(absl::string_view name) {
  const Registry& registry = Registry::BuiltIn();
  for (const SpanishType& type : kSpanishTypes) {
    if (absl::EqualsIgnoreCase(type.one, name) || absl::EqualsIgnoreCase(type.many, name))
      name = type.plural;
  }
  if (const RecordType* const type = registry.FindByName(name); type != nullptr) return type;
  std::vector<std::string> names;
  std::vector<std::string> said;  // what people may have meant to write
  for (const RecordType* const type : registry.types()) {
    if (absl::EqualsIgnoreCase(type->name(), name) || absl::EqualsIgnoreCase(type->plural(), name))
      return type;
    names.push_back(type->plural());
    said.push_back(type->plural());
    said.push_back(absl::AsciiStrToLower(type->name()));
  }
  for (const SpanishType& type : kSpanishTypes) {
    said.emplace_back(type.one);
    said.emplace_back(type.many);
  }
  if (RecordId::Parse(name).ok()) {
    return UsageError(
        absl::StrCat(absl::Substitute(Say("Falta el tipo antes del identificador $0.",
                                          "The type is missing before the identifier $0."),
                                      name),
                     Say(" Los tipos son: ", " The types are: "), absl::StrJoin(names, ", ")));
  }
  return UsageError(
      absl::StrCat(absl::Substitute(Say("No hay un tipo «$0».", "There is no type \"$0\"."),
                                    CutToWidth(PrintableText(name), 40)),
                   DidYouMean(name, said), Say(" Los tipos son: ", " The types are: "),
                   absl::StrJoin(names, ", ")));
}

SqlValue TimeValue(absl::Time time) {
  if (time == absl::InfinitePast() || time == absl::InfiniteFuture()) return std::monostate();
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

SqlValue CommandLine::TimeCell(int64_t unix_millis) const {
  if (wants_text()) return TimeText(unix_millis);
  return TimeValue(unix_millis == 0 ? absl::InfinitePast() : absl::FromUnixMillis(unix_millis));
}

absl::Status CannotRead(const std::string& file) {
  return SaidError(
      absl::StatusCode::kNotFound,
      absl::Substitute(Say("No se puede leer el archivo $0: revise la ruta y sus permisos",
                           "Cannot read the file $0: check the path and its permissions"),
                       PrintableText(file)));
}

absl::StatusOr<std::string> ReadText(const std::string& file, size_t max_bytes) {
  if (file.empty())
    return UsageError(Say("El nombre del archivo está vacío", "The file's name is empty"));
  std::ifstream opened;
  if (file != "-") opened.open(file, std::ios::binary);
  std::istream& input = file == "-" ? std::cin : opened;
  std::string text;
  char chunk[4096];
  while (input.read(chunk, sizeof(chunk)) || input.gcount() > 0) {
    text.append(chunk, static_cast<size_t>(input.gcount()));
    if (text.size() > max_bytes) {
      return UsageError(absl::Substitute(
          Say("$0 es demasiado grande: el límite es $1", "$0 is too large: the limit is $1"),
          PrintableText(file), ByteCount(max_bytes)));
    }
  }
  if (input.bad() || (file != "-" && !opened.is_open())) return CannotRead(file);
  return text;
}

}  // namespace brigada
