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
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/nearest.h"
#include "tools/brigada/phrase_match.h"
#include "tools/brigada/record_json.h"
#include "tools/brigada/status_text.h"

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

std::shared_ptr<CLI::Formatter> HelpFormatter() {
  auto formatter = std::make_shared<CLI::Formatter>();
  formatter->label("Usage", Text("Uso", "Usage"));
  formatter->label("OPTIONS", Text("OPCIONES", "OPTIONS"));
  formatter->label("SUBCOMMAND", Text("COMANDO", "COMMAND"));
  formatter->label("SUBCOMMANDS", Text("COMANDOS", "COMMANDS"));
  formatter->label("Positionals", Text("Argumentos", "Arguments"));
  formatter->label("REQUIRED", Text("(obligatorio)", "(required)"));
  formatter->label("TEXT", Text("TEXTO", "TEXT"));
  formatter->label("UINT", "N");
  formatter->label("INT", "N");
  formatter->label("Needs", Text("Necesita", "Needs"));
  formatter->label("Excludes", Text("Excluye", "Excludes"));
  formatter->column_width(34);
  return formatter;
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

// What the parser says of a malformed line, in the user's language.
struct ParserPhrase {
  const char* words;
  const char* spanish;
  const char* english;
};

constexpr ParserPhrase kParserPhrases[] = {
    {"Could not convert: * = *", "$0: «$1» no es un número que sirva aquí",
     "$0: \"$1\" is not a number that does here"},
    {"*: 1 required * missing", "$0: falta el valor", "$0: its value is missing"},
    {"*: At least 1 required", "$0: falta el valor", "$0: its value is missing"},
    {"*: At most 1 required*", "$0: dé un solo valor", "$0: give one value"},
    {"* is required", "falta $0", "$0 is missing"},
};

std::string ParserText(absl::string_view message) {
  for (const ParserPhrase& phrase : kParserPhrases) {
    if (const auto parts = MatchPhrase(message, phrase.words); parts.has_value())
      return FillPhrase(Say(phrase.spanish, phrase.english), *parts);
  }
  return std::string(message);
}

std::vector<std::string> LongNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* const option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::vector<std::string> CommandNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* const command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

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

const CLI::App* CommandLine::Chosen() const {
  const CLI::App* at = &app_;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  return at;
}

std::string CommandLine::ParseErrorText(const CLI::ParseError& error) const {
  const CLI::App* const command = Chosen();
  std::string path = command->get_name();
  for (const CLI::App* above = command->get_parent(); above != nullptr; above = above->get_parent())
    path = absl::StrCat(above->get_name(), " ", path);
  const std::string help = absl::StrCat(" ", Say("Ayuda: ", "Help: "), path, " --help");
  const std::vector<std::string> rest = app_.remaining(true);
  const std::string first = rest.empty() ? "" : rest.front();
  if (!first.empty() && !absl::StartsWith(first, "-") && !CommandNames(*command).empty()) {
    return absl::StrCat(
        absl::Substitute(Say("No hay un comando «$0».", "There is no command \"$0\"."),
                         PrintableText(first)),
        DidYouMean(first, CommandNames(*command)), help);
  }
  if (!first.empty() && absl::StartsWith(first, "-")) {
    const std::string flag = first.substr(0, first.find('='));
    return absl::StrCat(
        absl::Substitute(Say("No hay una opción «$0».", "There is no option \"$0\"."),
                         PrintableText(flag)),
        DidYouMean(flag, LongNames(*command)), help);
  }
  if (!first.empty()) {
    return absl::StrCat(absl::Substitute(Say("«$0» sobra.", "\"$0\" is too much."),
                                         CutToWidth(PrintableText(first), 40)),
                        help);
  }
  if (error.get_name() == "RequiredError" && command == &app_)
    return absl::StrCat(Say("Falta un comando.", "A command is missing."), help);
  // The parser's words may hold what was typed.
  return absl::StrCat(ParserText(PrintableText(error.what())), ".", help);
}

int CommandLine::Report(const CLI::ParseError& error) const {
  // Help and version are not errors.
  if (error.get_exit_code() == 0) return app_.exit(error);
  std::cerr << "brigada: " << ParseErrorText(error) << std::endl;
  return kExitUsage;
}

int CommandLine::Main(int argc, char** argv) {
  // The parser speaks by exceptions; they end here.
  try {
    app_.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return Report(error);
  }
  const absl::Status status = chosen_ ? chosen_() : absl::OkStatus();
  std::cout.flush();
  if (!status.ok()) std::cerr << "brigada: " << StatusText(status) << std::endl;
  if (status.ok() && !std::cout.good()) return kExitFailed;
  return ExitCodeOf(status);
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

CLI::Validator OneOf(std::vector<std::string> names) {
  return CLI::Validator(
      [names = std::move(names)](std::string& value) -> std::string {
        if (std::find(names.begin(), names.end(), value) != names.end()) return "";
        return absl::StrCat("«", CutToWidth(PrintableText(value), 24), "» ",
                            Say("no es uno de: ", "is not one of: "), absl::StrJoin(names, ", "));
      },
      "");
}

CLI::Validator NumberIn(int64_t low, int64_t high) {
  return CLI::Validator(
      [low, high](std::string& value) -> std::string {
        int64_t number = 0;
        if (absl::SimpleAtoi(value, &number) && number >= low && number <= high) return "";
        return absl::StrCat("«", CutToWidth(PrintableText(value), 24), "» ",
                            absl::Substitute(Say("debe ser un número de $0 a $1",
                                                 "should be a number from $0 to $1"),
                                             low, high));
      },
      "");
}

absl::StatusOr<const RecordType*> TypeByName(absl::string_view name) {
  const Registry& registry = Registry::BuiltIn();
  for (const SpanishType& type : kSpanishTypes) {
    if (absl::EqualsIgnoreCase(type.one, name) || absl::EqualsIgnoreCase(type.many, name))
      name = type.plural;
  }
  if (const RecordType* const type = registry.FindByName(name); type != nullptr) return type;
  std::vector<std::string> names;
  for (const RecordType* const type : registry.types()) {
    if (absl::EqualsIgnoreCase(type->name(), name) || absl::EqualsIgnoreCase(type->plural(), name))
      return type;
    names.push_back(type->plural());
  }
  return UsageError(
      absl::StrCat(absl::Substitute(Say("No hay un tipo «$0».", "There is no type \"$0\"."),
                                    CutToWidth(PrintableText(name), 40)),
                   DidYouMean(name, names), Say(" Los tipos son: ", " The types are: "),
                   absl::StrJoin(names, ", ")));
}

std::string TimeText(absl::Time time) {
  if (time == absl::InfinitePast() || time == absl::InfiniteFuture()) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M", time, absl::LocalTimeZone());
}

std::string TimeText(int64_t unix_millis) {
  return unix_millis == 0 ? "" : TimeText(absl::FromUnixMillis(unix_millis));
}

SqlValue TimeValue(absl::Time time) {
  if (time == absl::InfinitePast() || time == absl::InfiniteFuture()) return std::monostate();
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

absl::StatusOr<std::string> ReadText(const std::string& file, size_t max_bytes) {
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
  if (input.bad() || (file != "-" && !opened.is_open())) {
    return SaidError(
        absl::StatusCode::kNotFound,
        absl::Substitute(Say("No se puede leer el archivo $0", "Cannot read the file $0"),
                         PrintableText(file)));
  }
  return text;
}

}  // namespace brigada
