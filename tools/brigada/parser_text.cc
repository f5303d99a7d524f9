#include "tools/brigada/parser_text.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/nearest.h"
#include "tools/brigada/phrase_match.h"
#include "tools/brigada/table_writer.h"

namespace brigada {
namespace {

std::string Text(absl::string_view spanish, absl::string_view english) {
  return std::string(Say(spanish, english));
}

// What the parser says of a malformed line, in the user's language.
struct ParserPhrase {
  const char* words;
  const char* spanish;
  const char* english;
};

constexpr ParserPhrase kParserPhrases[] = {
    {"INI was not able to parse *",
     "el archivo de --config tiene una clave que aquí no existe: $0. Cada opción de un comando va "
     "en "
     "la sección de su nombre, como [serve]",
     "the --config file has a key that is not known here: $0. Each option of a command stands in "
     "the "
     "section of its name, such as [serve]"},
    {"* was not readable (missing?)", "no se puede leer el archivo $0", "cannot read the file $0"},
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

// The command that was being read when the parser gave up.
const CLI::App* Chosen(const CLI::App& root) {
  const CLI::App* at = &root;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  return at;
}

}  // namespace

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

std::string ParseErrorText(const CLI::App& root, const CLI::ParseError& error) {
  const CLI::App* const command = Chosen(root);
  std::string path = command->get_name();
  for (const CLI::App* above = command->get_parent(); above != nullptr; above = above->get_parent())
    path = absl::StrCat(above->get_name(), " ", path);
  const std::string help = absl::StrCat(" ", Say("Ayuda: ", "Help: "), path, " --help");
  const std::vector<std::string> rest = root.remaining(true);
  const std::string first = rest.empty() ? "" : rest.front();
  if (root.get_name() == "brigada" && command == &root &&
      (first == "restore" || first == "serve")) {
    return absl::Substitute(Say("Eso se hace en la máquina del servidor: brigada-server $0. Ayuda: "
                                "brigada-server $0 --help",
                                "That is done on the server's machine: brigada-server $0. Help: "
                                "brigada-server $0 --help"),
                            first);
  }
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
  if (error.get_name() == "RequiredError" && command == &root)
    return absl::StrCat(Say("Falta un comando.", "A command is missing."), help);
  // The parser's words may hold what was typed.
  return absl::StrCat(ParserText(PrintableText(error.what())), ".", help);
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

}  // namespace brigada
