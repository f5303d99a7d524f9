#include "replica/query/guard.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "replica/base/clock.h"
#include "replica/base/status_macros.h"
#include "replica/query/allowed_functions.h"

namespace brigada {
namespace {

// Steps of SQLite's machine between two looks at clock and memory: some microseconds.
constexpr int kStepsPerCheck = 100;

struct Limit {
  int id;
  int value;
};

constexpr Limit kLimits[] = {
    {SQLITE_LIMIT_LENGTH, kMaxValueBytes},
    {SQLITE_LIMIT_COLUMN, 500},
    {SQLITE_LIMIT_EXPR_DEPTH, 100},
    {SQLITE_LIMIT_COMPOUND_SELECT, 50},
    // Steps without a jump are not looked at: this many at most.
    {SQLITE_LIMIT_VDBE_OP, 20'000},
    {SQLITE_LIMIT_FUNCTION_ARG, 64},
    {SQLITE_LIMIT_ATTACHED, 0},
    {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 200},
    {SQLITE_LIMIT_VARIABLE_NUMBER, 1000},
    {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
    {SQLITE_LIMIT_WORKER_THREADS, 0},
    // "EXPLAIN QUERY PLAN " goes before what the caller wrote.
    {SQLITE_LIMIT_SQL_LENGTH, static_cast<int>(kMaxSqlBytes) + 64},
};

std::string ActionName(int action) {
  switch (action) {
    case SQLITE_PRAGMA:
      return "PRAGMA";
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
      return "ATTACH";
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
      return "a transaction";
    default:
      return "changing data";
  }
}

// Literals may hold personal data, so what SQLite quotes of the statement stays only where it is a
// name or a word of the language.
std::string WithoutLiterals(absl::string_view message) {
  const bool quotes_token =
      absl::StartsWith(message, "near \"") || absl::StartsWith(message, "unrecognized token");
  const auto is_plain = [](char c) {
    return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '"' || c == ' ' ||
           c == ':' || absl::ascii_ispunct(static_cast<unsigned char>(c));
  };
  const bool shows_literal =
      absl::StrContains(message, '\'') || !std::all_of(message.begin(), message.end(), is_plain);
  return quotes_token && shows_literal ? "syntax error" : std::string(message);
}

absl::Status SqlError(absl::string_view message, int offset) {
  std::string text = absl::StrCat("SQL: ", WithoutLiterals(message));
  if (offset >= 0) absl::StrAppend(&text, " (at character ", offset + 1, ")");
  return absl::InvalidArgumentError(text);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Guard>> Guard::Open(const QueryLimits& limits) {
  sqlite3* database = nullptr;
  const int code = sqlite3_open_v2(
      ":memory:", &database,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
      nullptr);
  std::unique_ptr<Guard> guard(new Guard(database, limits));
  if (code != SQLITE_OK) return absl::ResourceExhaustedError("SQL: no memory for a query");
  RETURN_IF_ERROR(guard->Configure());
  return guard;
}

Guard::Guard(sqlite3* database, const QueryLimits& limits)
    : database_(database),
      limits_(limits),
      deadline_(SystemClock().Monotonic() + limits.time),
      memory_at_start_(sqlite3_memory_used()) {}

Guard::~Guard() { sqlite3_close(database_); }

absl::Status Guard::Configure() {
  constexpr Limit kSwitches[] = {
      {SQLITE_DBCONFIG_DEFENSIVE, 1},
      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
      {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
      {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
      {SQLITE_DBCONFIG_DQS_DML, 0},
      {SQLITE_DBCONFIG_DQS_DDL, 0},
      {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
  };
  for (const Limit& item : kSwitches) {
    if (sqlite3_db_config(database_, item.id, item.value, nullptr) != SQLITE_OK)
      return absl::InternalError(absl::StrCat("SQLite refused setting ", item.id));
  }
  // Tables that come with SQLite, and tell about it, go.
  const char* kept_modules[] = {"json_each", "json_tree", nullptr};
  sqlite3_drop_modules(database_, kept_modules);
  // Sorting must not leave readable files behind on a device whose store is encrypted.
  if (sqlite3_exec(database_, "PRAGMA temp_store=MEMORY", nullptr, nullptr, nullptr) != SQLITE_OK)
    return absl::InternalError("SQLite refused to sort in memory");
  // They are declared at first use, which the authorizer would take for a change of the schema.
  const char* declare_both = "SELECT 1 FROM json_each('1'), json_tree('1')";
  if (sqlite3_exec(database_, declare_both, nullptr, nullptr, nullptr) != SQLITE_OK)
    return absl::InternalError("SQLite has no JSON tables");
  for (const Limit& limit : kLimits) sqlite3_limit(database_, limit.id, limit.value);
  return absl::OkStatus();
}

void Guard::Fence(absl::flat_hash_set<std::string> tables, const bool* is_declaring) {
  tables_ = std::move(tables);
  is_declaring_ = is_declaring;
  sqlite3_set_authorizer(database_, &Guard::Authorize, this);
  sqlite3_progress_handler(database_, kStepsPerCheck, &Guard::OnProgress, this);
}

int Guard::Deny(std::string what) {
  if (denied_.empty()) denied_ = std::move(what);
  return SQLITE_DENY;
}

int Guard::AuthorizeRead(absl::string_view name, absl::string_view column) {
  // SQLite gives the name as it was written when no column is read.
  const std::string table = absl::AsciiStrToLower(name);
  if (table == "json_each" || table == "json_tree") return SQLITE_OK;
  if (tables_.contains(table)) {
    tables_read_.insert(table);
    return SQLITE_OK;
  }
  // A common table expression of which no column is read comes here by its name.
  const bool is_internal =
      absl::StartsWithIgnoreCase(table, "sqlite_") || absl::StartsWithIgnoreCase(table, "pragma_");
  if (column.empty() && !is_internal) return SQLITE_OK;
  return Deny("reading SQLite's own tables");
}

int Guard::Authorize(void* self, int action, const char* first, const char* second,
                     const char* /*database*/, const char* /*trigger*/) {
  Guard& guard = *static_cast<Guard*>(self);
  if (*guard.is_declaring_) return SQLITE_OK;
  // Taking a statement apart is not a step, and it may take long.
  if (guard.stopped_.ok()) guard.stopped_ = guard.CheckLimits();
  if (!guard.stopped_.ok()) return SQLITE_DENY;
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_READ:
      return guard.AuthorizeRead(first == nullptr ? "" : first, second == nullptr ? "" : second);
    case SQLITE_FUNCTION:
      if (second != nullptr && IsAllowedFunction(second)) return SQLITE_OK;
      return guard.Deny(absl::StrCat("the function ", second == nullptr ? "" : second));
    default:
      return guard.Deny(ActionName(action));
  }
}

int Guard::OnProgress(void* self) {
  Guard& guard = *static_cast<Guard*>(self);
  guard.stopped_ = guard.CheckLimits();
  return guard.stopped_.ok() ? 0 : 1;
}

absl::Status Guard::CheckLimits() const {
  if (SystemClock().Monotonic() >= deadline_) {
    return absl::DeadlineExceededError(
        absl::StrCat("the query took longer than ", absl::FormatDuration(limits_.time),
                     ": narrow it by id, scope, municipality or an indexed column"));
  }
  if (sqlite3_memory_used() - memory_at_start_ > static_cast<int64_t>(limits_.memory_bytes)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the query needs more than ", limits_.memory_bytes >> 20,
                     " MiB: sort, group or join fewer rows at once"));
  }
  return absl::OkStatus();
}

absl::Status Guard::ErrorOf(int code) const {
  const absl::string_view message = sqlite3_errmsg(database_);
  if (!denied_.empty())
    return absl::PermissionDeniedError(absl::StrCat("not allowed in a query: ", denied_));
  if (!stopped_.ok()) return stopped_;
  switch (code & 0xff) {
    case SQLITE_INTERRUPT:
      return absl::CancelledError("the query was interrupted");
    case SQLITE_NOMEM:
      return absl::ResourceExhaustedError(
          "no memory left for the query: nest fewer subqueries, or ask for less at once");
    case SQLITE_TOOBIG:
      return absl::ResourceExhaustedError(absl::StrCat(
          "the statement, or a value it makes, is larger than ", kMaxValueBytes >> 20, " MiB"));
    default:
      break;
  }
  if (absl::StrContains(message, "may not be"))
    return absl::PermissionDeniedError("not allowed in a query: changing data");
  if (absl::StrContains(message, "no query solution") ||
      absl::StrContains(message, "unable to use function MATCH")) {
    return absl::InvalidArgumentError(
        "SQL: search stands only in a condition of its own: ... AND people.search = 'words'");
  }
  return SqlError(message, sqlite3_error_offset(database_));
}

absl::StatusOr<Statement> Guard::PrepareOne(absl::string_view sql, absl::string_view* rest) {
  sqlite3_stmt* statement = nullptr;
  const char* tail = nullptr;
  const int code =
      sqlite3_prepare_v3(database_, sql.data(), static_cast<int>(sql.size()), 0, &statement, &tail);
  Statement owned(statement);
  if (code != SQLITE_OK) return ErrorOf(code);
  if (rest != nullptr) *rest = sql.substr(static_cast<size_t>(tail - sql.data()));
  return owned;
}

absl::Status Guard::CheckIsSelect(sqlite3_stmt* statement) const {
  if (statement == nullptr) return absl::InvalidArgumentError("SQL: there is no statement");
  if (sqlite3_stmt_readonly(statement) == 0)
    return absl::PermissionDeniedError("not allowed in a query: changing data");
  if (sqlite3_column_count(statement) == 0 || sqlite3_stmt_isexplain(statement) != 0)
    return absl::InvalidArgumentError("SQL: the statement is not a SELECT");
  return absl::OkStatus();
}

absl::StatusOr<Statement> Guard::Prepare(absl::string_view sql) {
  if (sql.size() > kMaxSqlBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("SQL: the statement is longer than ", kMaxSqlBytes, " bytes"));
  }
  if (absl::StrContains(sql, '\0'))
    return absl::InvalidArgumentError("SQL: the statement holds a zero byte");
  absl::string_view rest;
  ASSIGN_OR_RETURN(Statement statement, PrepareOne(sql, &rest));
  RETURN_IF_ERROR(CheckIsSelect(statement.get()));
  const auto second = PrepareOne(rest, nullptr);
  // Comments and blanks may follow.
  if (!second.ok() || *second != nullptr)
    return absl::InvalidArgumentError("SQL: only one statement at a time");
  return statement;
}

absl::StatusOr<Statement> Guard::PrepareExplain(absl::string_view sql) {
  return PrepareOne(absl::StrCat("EXPLAIN QUERY PLAN ", sql), nullptr);
}

}  // namespace brigada
