// list: the records of a type.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/headings.h"
#include "tools/brigada/scope_text.h"
#include "tools/brigada/status_text.h"
#include "tools/brigada/telling_columns.h"

namespace brigada {
namespace {

constexpr size_t kFieldColumns = 6;

// What one query answers (QueryLimits::rows): with more the answer would be cut in silence.
constexpr uint64_t kMaxRows = 1'000'000;

struct ListFlags {
  std::string type;
  std::string scope;
  std::string search;
  uint64_t limit = 50;
};

// For people: what tells records apart. Programs get every column.
std::string ColumnsOf(const RecordType& type, bool all) {
  if (all) return "*";
  std::vector<std::string> columns = TellingColumns(type, kFieldColumns);
  columns.insert(columns.begin(), {"id", "scope"});
  columns.push_back("updated_by");
  return absl::StrJoin(columns, ", ");
}

absl::Status List(const CommandLine& line, const ListFlags& flags, bool all_columns) {
  ASSIGN_OR_RETURN(const RecordType* const type, TypeByName(flags.type));
  std::vector<std::string> conditions;
  std::vector<SqlValue> arguments;
  if (!flags.scope.empty()) {
    ASSIGN_OR_RETURN(const Scope scope, ScopeFromText(flags.scope));
    conditions.emplace_back("(scope = ? OR (scope >= ? AND scope < ?))");
    arguments.emplace_back(scope.path());
    arguments.emplace_back(scope.path() + "/");
    arguments.emplace_back(scope.path() + "0");
  }
  if (!flags.search.empty()) {
    if (!HasSearch(*type)) {
      return UsageError(absl::Substitute(
          Say("$0 no tiene campos en que buscar palabras", "$0 has no fields to search for words"),
          type->plural()));
    }
    conditions.push_back(absl::StrCat(type->plural(), ".search = ?"));
    arguments.emplace_back(flags.search);
  }
  std::string sql =
      absl::StrCat("SELECT ", ColumnsOf(*type, all_columns), " FROM ", type->plural());
  if (!conditions.empty()) absl::StrAppend(&sql, " WHERE ", absl::StrJoin(conditions, " AND "));
  absl::StrAppend(&sql, " ORDER BY created_at DESC LIMIT ", flags.limit);
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  TableWriter table = line.Table();
  const absl::StatusOr<QuerySummary> shown = replica->QueryRows(
      sql, arguments,
      [&](absl::Span<const std::string> columns) {
        std::vector<std::string> headings(columns.begin(), columns.end());
        table.Columns(Headings(std::move(headings), line.wants_text()));
        return absl::OkStatus();
      },
      [&](const SqlRow& row) {
        table.Row(row);
        return absl::OkStatus();
      });
  RETURN_IF_ERROR(shown.status());
  table.Finish();
  if (table.rows() == flags.limit) {
    line.Note(absl::Substitute(
        Say("Se muestran $0; pida más con --limit", "Showing $0; ask for more with --limit"),
        flags.limit));
  }
  return absl::OkStatus();
}

}  // namespace

void AddListCommands(CommandLine* line) {
  const auto flags = std::make_shared<ListFlags>();
  const auto all = std::make_shared<bool>(false);
  CLI::App* const command =
      line->Add({"list",
                 Say("Lista registros de un tipo, los más nuevos primero",
                     "List records of a type, newest first"),
                 {"brigada list people --search 'maria neco'",
                  "brigada list visits --scope MX/20/067 --limit 20 --format csv"}},
                [line, flags, all] { return List(*line, *flags, *all || line->wants_json()); });
  command
      ->add_option(
          std::string(Say("TIPO", "TYPE")), flags->type,
          std::string(Say("Tipo: people, visits, events...", "Type: people, visits, events...")))
      ->required();
  command->add_option(
      "--scope", flags->scope,
      std::string(Say("Solo este lugar y lo que contiene", "Only this place and what is in it")));
  command->add_option("--search", flags->search,
                      std::string(Say("Palabras, o sus comienzos, sin importar acentos",
                                      "Words, or their beginnings, accents aside")));
  command->add_option("--limit", flags->limit, std::string(Say("Cuántos", "How many")))
      ->check(NumberIn(1, kMaxRows))
      ->capture_default_str();
  command->add_flag("--all-columns", *all, std::string(Say("Todas las columnas", "Every column")));
}

}  // namespace brigada
