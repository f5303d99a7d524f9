// query: SQL on this replica, or on the server's merged data.
#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "brigada/administration.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/status_text.h"

namespace brigada {
namespace {

constexpr size_t kMaxSqlBytes = size_t{1} << 20;

struct QueryFlags {
  std::string sql;
  std::vector<std::string> parameters;
  bool server = false;
  uint32_t max_rows = 0;
};

absl::Status Query(const CommandLine& line, const QueryFlags& flags) {
  std::string sql = flags.sql;
  if (sql == "-") {
    ASSIGN_OR_RETURN(sql, ReadText("-", kMaxSqlBytes));
  }
  const std::vector<SqlValue> arguments(flags.parameters.begin(), flags.parameters.end());
  TableWriter table = line.Table();
  const auto on_columns = [&](absl::Span<const std::string> columns) {
    table.Columns(columns);
    return absl::OkStatus();
  };
  const auto on_row = [&](const SqlRow& row) {
    table.Row(row);
    return absl::OkStatus();
  };
  bool truncated = false;
  if (flags.server) {
    ASSIGN_OR_RETURN(const std::unique_ptr<Administration> server,
                     Administration::Connect(line.directory()));
    ASSIGN_OR_RETURN(const v1::QuerySummary summary,
                     server->Query(sql, arguments, flags.max_rows, on_columns, on_row));
    truncated = summary.truncated();
  } else {
    ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
    ASSIGN_OR_RETURN(const QuerySummary summary,
                     replica->QueryRows(sql, arguments, on_columns, on_row));
    truncated = summary.truncated;
  }
  table.Finish();
  if (!truncated) return absl::OkStatus();
  // An error and no note: who counts on these rows must not take them for all there are.
  return UnfinishedError(absl::Substitute(
      Say("La respuesta no está completa: el límite la cortó en $0 filas y hay más. Pida menos con "
          "WHERE o LIMIT, o cuente con count(*)",
          "The answer is not whole: the limit cut it at $0 rows and there are more. Ask for fewer "
          "with WHERE or LIMIT, or count with count(*)"),
      table.rows()));
}

}  // namespace

void AddQueryCommand(CommandLine* line) {
  const auto flags = std::make_shared<QueryFlags>();
  CLI::App* const command = line->Add(
      {"query",
       Say("Consulta con SQL, solo lectura", "Query with SQL, read only"),
       {"brigada query 'SELECT municipality_key, count(*) FROM people GROUP BY 1'",
        "brigada query --server --format csv 'SELECT outcome, count(*) FROM visits GROUP BY 1' > "
        "visitas.csv",
        "brigada query 'SELECT id FROM people WHERE name_first_surname = ?' --param Ñeco"}},
      [line, flags] {
        return flags->server ? AtServer(Query(*line, *flags)) : Query(*line, *flags);
      });
  command
      ->add_option("SQL", flags->sql,
                   std::string(Say("Un SELECT, o - para la entrada", "One SELECT, or - for stdin")))
      ->required();
  command
      ->add_option("--param", flags->parameters,
                   std::string(Say("Valor de un ? (repetible)", "Value of a ? (repeatable)")))
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command->add_flag("--server", flags->server,
                    std::string(Say("Pregunta al servidor", "Ask the server")));
  command
      ->add_option("--max-rows", flags->max_rows,
                   std::string(Say("Límite de filas del servidor", "Row limit of the server")))
      ->check(NumberIn(1, 1'000'000'000));
}

}  // namespace brigada
