// Statements that write, reach out, never end or want too much are refused or stopped.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "replica/query/query.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/query/query_world.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class HostileSqlTest : public ::testing::Test {
 protected:
  QueryWorld world_;
};

TEST_F(HostileSqlTest, WhatIsNotReadingIsDenied) {
  for (const char* sql : {
           "INSERT INTO people(id) VALUES('x')",
           "DELETE FROM people",
           "UPDATE people SET folio = 'x'",
           "CREATE TABLE t(a)",
           "CREATE TEMP TABLE t AS SELECT * FROM people",
           "CREATE VIRTUAL TABLE t USING json_each",
           "ATTACH DATABASE '/tmp/out.db' AS o",
           "PRAGMA table_list",
           "PRAGMA temp_store_directory = '/tmp'",
           "BEGIN",
           "SAVEPOINT a",
           "ANALYZE",
           "VACUUM INTO '/tmp/out.db'",
           "SELECT load_extension('x')",
           "SELECT randomblob(1000000)",
           "SELECT sqlite_source_id()",
           "SELECT sqlite_compileoption_get(1)",
           "SELECT name FROM sqlite_master",
           "SELECT count(*) FROM sqlite_schema",
           "SELECT name FROM pragma_table_list",
           "SELECT count(*) FROM pragma_table_list",
       }) {
    EXPECT_THAT(world_.Run(sql), StatusIs(absl::StatusCode::kPermissionDenied)) << sql;
  }
}

TEST_F(HostileSqlTest, WhatIsNotOneSelectIsRefused) {
  for (const std::string& sql :
       {std::string(), std::string("  -- nothing"), std::string("SELECT 1; SELECT 2"),
        std::string("SELECT 1; DROP TABLE people"), std::string("EXPLAIN SELECT 1"),
        std::string("REINDEX"), std::string("SELECT 1\0; DROP", 15),
        std::string(200'000, ' ') + "SELECT 1", std::string("SELECT readfile('/etc/passwd')"),
        std::string("DROP TABLE people"), std::string("SELECT * FROM dbstat"),
        std::string("SELECT * FROM sqlite_stmt"),
        "SELECT " + std::string(500, '(') + "1" + std::string(500, ')')}) {
    const auto code = world_.Run(sql).status().code();
    EXPECT_TRUE(code == absl::StatusCode::kInvalidArgument ||
                code == absl::StatusCode::kPermissionDenied)
        << sql.substr(0, 40) << " " << code;
  }
}

TEST_F(HostileSqlTest, EndlessRecursionMeetsTheDeadline) {
  world_.options.limits.time = absl::Milliseconds(50);
  EXPECT_THAT(world_.Run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                         "SELECT count(*) FROM n"),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("narrow")));
}

TEST_F(HostileSqlTest, ScanThatSqliteNeverSeesMeetsTheDeadline) {
  world_.AddMany(1000, 600, "MX/20/067");
  world_.options.limits.time = absl::ZeroDuration();
  EXPECT_THAT(world_.Run("SELECT 1 FROM people WHERE search = 'eva zz'"),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

// What SQLite's own trim, instr and replace would compare for hours in one step.
TEST_F(HostileSqlTest, FunctionsOfTwoLongTextsTakeTimeByTheirLengths) {
  const std::string a = std::string(4'000'000, 'a');
  const std::string other = std::string(2'000'000, 'a') + "b";
  EXPECT_EQ(world_.Ask("SELECT length(trim(?, ?))", {a, other}), "0");
  EXPECT_EQ(world_.Ask("SELECT length(ltrim(?, ?))", {a + "c", other}), "1");
  EXPECT_EQ(world_.Ask("SELECT length(rtrim(?, ?))", {"c" + a, other}), "1");
  EXPECT_EQ(world_.Ask("SELECT instr(?, ?)", {a, other}), "0");
  EXPECT_EQ(world_.Ask("SELECT length(replace(?, ?, 'x'))", {a, other}), "4000000");
  EXPECT_EQ(world_.Ask("SELECT length(replace(?1 || 'b', ?2, 'x'))", {a, other}), "2000001");
}

// One call reads for a moment; none of the next begins.
TEST_F(HostileSqlTest, LongTextsMeetTheDeadlineInsideAStatementWithoutLoop) {
  world_.options.limits.time = absl::ZeroDuration();
  const std::string text(5000, 'a');
  for (const char* call : {"trim(?)", "instr(?, 'b')", "replace(?, 'b', 'c')", "? LIKE '%b'",
                           "? LIKE '%b' ESCAPE '!'", "? GLOB '*b'"}) {
    EXPECT_THAT(world_.Ask(absl::StrCat("SELECT ", call), {text}), HasSubstr("DEADLINE_EXCEEDED"))
        << call;
  }
}

TEST_F(HostileSqlTest, TextFunctionsAnswerAsSqliteDoes) {
  EXPECT_EQ(
      world_.Ask("SELECT trim('  a b '), ltrim('xxaxx', 'x'), rtrim('aéñé', 'éñ'), "
                 "trim('aba', 'ab'), trim('a', ''), trim(NULL), trim('a', NULL), trim(101, 1)"),
      "a b|axx|a||a|NULL|NULL|0");
  EXPECT_EQ(world_.Ask("SELECT '<' || trim('a', '') || '>', '<' || trim('', 'a') || '>'"),
            "<a>|<>");
  EXPECT_EQ(world_.Ask("SELECT instr('añob', 'b'), instr(x'c3b162', x'62'), instr('a', ''), "
                       "instr('', 'a'), instr('a', NULL), instr(123, 3), "
                       "instr('abcabcabcabcabcabcabcd', 'abcabcabcabcabcabcd')"),
            "4|3|1|0|NULL|3|4");
  EXPECT_EQ(world_.Ask("SELECT replace('banana', 'an', 'x'), replace('a', '', 'x'), "
                       "replace('aaa', 'aa', 'b'), replace(NULL, 'a', 'b'), replace(121, 2, 'x'), "
                       "replace('abababababababababab', 'ababababababababab', 'c')"),
            "bxxa|a|ba|NULL|1x1|cab");
  EXPECT_EQ(world_.Ask("SELECT 'Ana' LIKE 'a%', 'Ana' LIKE '_n_', 'a%' LIKE 'a!%' ESCAPE '!', "
                       "'ab' LIKE 'añ%' ESCAPE 'ñ', 'a%' LIKE 'añ%' ESCAPE 'ñ', NULL LIKE 'a', "
                       "'Ana' NOT LIKE 'b%', 'Ana' GLOB 'A*', 'Ana' GLOB 'a*', 'b' GLOB '[a-c]'"),
            "1|1|1|0|1|NULL|1|1|0|1");
  EXPECT_THAT(world_.Ask("SELECT 'a' LIKE 'a' ESCAPE 'ab'"), HasSubstr("INVALID_ARGUMENT"));
  EXPECT_THAT(world_.Ask("SELECT 'a' LIKE ?", {std::string(201, 'a')}),
              HasSubstr("INVALID_ARGUMENT"));
}

// Each level doubles the statement again, before its first step.
TEST_F(HostileSqlTest, StatementsThatUnfoldWithoutEndMeetTheMemoryOfTheProcess) {
  std::string sum = "SELECT value AS x FROM json_each('[1]')";
  for (int level = 0; level < 6; ++level) {
    std::string terms = "x";
    for (int i = 1; i < 80; ++i) terms += "+x";
    sum = absl::StrCat("SELECT ", terms, " AS x FROM (", sum, ")");
  }
  std::string tables = "WITH c0 AS (SELECT 1 AS x)";
  for (int level = 1; level < 40; ++level) {
    absl::StrAppend(&tables, ",c", level, " AS (SELECT a.x FROM c", level - 1, " a, c", level - 1,
                    " b)");
  }
  LimitSqliteMemory(size_t{128} << 20);
  for (const std::string& sql : {sum, tables + " SELECT * FROM c39"}) {
    EXPECT_THAT(world_.Run(sql), StatusIs(absl::StatusCode::kResourceExhausted)) << sql;
    EXPECT_OK(world_.Run("SELECT count(*) FROM people"));
  }
  LimitSqliteMemory(0);
}

TEST_F(HostileSqlTest, TakingAStatementApartMeetsTheDeadline) {
  world_.options.limits.time = absl::ZeroDuration();
  EXPECT_THAT(world_.Run("SELECT id FROM people WHERE folio = 'a'"),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(HostileSqlTest, GrowingMemoryMeetsItsLimit) {
  world_.options.limits.memory_bytes = size_t{4} << 20;
  EXPECT_THAT(world_.Run("WITH RECURSIVE n(t) AS (SELECT printf('%10000d', 1) UNION ALL "
                         "SELECT t FROM n LIMIT 100000) SELECT t FROM n ORDER BY t"),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("MiB")));
  EXPECT_THAT(world_.Run("SELECT replace(printf('%4000d', 1), ' ', printf('%4000d', 1))"),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(HostileSqlTest, CrossJoinOfBigTablesIsRefusedWithAdvice) {
  world_.AddMany(1000, 8000, "MX/20/067");
  const std::string refused =
      "RESOURCE_EXHAUSTED: the query would visit too many rows: join each table on an id, a "
      "reference or another indexed column, or narrow it by scope, state_key or municipality_key";
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people a, people b"), refused);
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people a JOIN people b "
                       "ON a.name_first_surname = b.name_first_surname"),
            refused);
  EXPECT_EQ(world_.Ask("SELECT (SELECT count(*) FROM people b WHERE b.notes = a.notes) "
                       "FROM people a"),
            refused);
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people a JOIN people b ON a.id = b.id"), "8004");
}

TEST_F(HostileSqlTest, TooManyRowsAreCut) {
  world_.options.limits.rows = 2;
  std::vector<SqlRow> rows;
  const auto summary = world_.Run("SELECT id FROM people", &rows);
  ASSERT_OK(summary);
  EXPECT_TRUE(summary->truncated);
  EXPECT_EQ(summary->rows, 2U);
  EXPECT_EQ(rows.size(), 2U);
  const auto whole = world_.Run("SELECT id FROM people LIMIT 2");
  ASSERT_OK(whole);
  EXPECT_FALSE(whole->truncated);
}

TEST_F(HostileSqlTest, ErrorsDoNotRepeatLiterals) {
  for (const char* sql : {"SELECT 'Ana López", "SELECT 1 'Ana López' 'Ruiz'", "SELECT x'zz-Ana'",
                          "SELECT 951123b4567"}) {
    const std::string answer = world_.Ask(sql);
    EXPECT_THAT(answer, HasSubstr("INVALID_ARGUMENT")) << sql;
    EXPECT_THAT(answer, Not(HasSubstr("Ana"))) << sql;
    EXPECT_THAT(answer, Not(HasSubstr("951123"))) << sql;
  }
}

// The protocol cannot carry it as text.
TEST_F(HostileSqlTest, TextThatIsNotUtf8ComesAsItsBytes) {
  EXPECT_EQ(world_.Ask("SELECT CAST(x'ff41' AS TEXT), CAST(x'c3b1' AS TEXT)"), "blob:2|ñ");
}

TEST_F(HostileSqlTest, ParametersMustFit) {
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people WHERE folio = ?", {std::string("OAX-1")}), "1");
  EXPECT_THAT(world_.Ask("SELECT ?", {}), HasSubstr("INVALID_ARGUMENT"));
  EXPECT_THAT(world_.Ask("SELECT 1", {int64_t{1}}), HasSubstr("INVALID_ARGUMENT"));
  EXPECT_THAT(world_.Ask("SELECT ?1000000", {}), HasSubstr("INVALID_ARGUMENT"));
}

TEST_F(HostileSqlTest, CallbackStopsTheQuery) {
  const auto summary = RunQuery(
      Registry::BuiltIn(), world_.view, "SELECT id FROM people", {}, world_.options,
      [](absl::Span<const std::string>) { return absl::OkStatus(); },
      [](const SqlRow&) { return absl::CancelledError("enough"); });
  EXPECT_THAT(summary, StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(HostileSqlTest, SearchThatCannotBePushedDownIsRefused) {
  EXPECT_THAT(world_.Ask("SELECT search FROM people"), HasSubstr("search stands only"));
  EXPECT_THAT(world_.Ask("SELECT id FROM people WHERE search = name_given_names"),
              HasSubstr("search stands only"));
}

TEST_F(HostileSqlTest, DamagedRecordIsNamed) {
  RecordView damaged;
  damaged.id = IdOf(99);
  damaged.scope = "MX/20/067";
  damaged.message = "\x0a\xff";
  world_.view.Add(*Registry::BuiltIn().FindByName("Person"), damaged);
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people"), "5");
  EXPECT_EQ(world_.Ask("SELECT notes FROM people WHERE id = '" + IdText(99) + "'"),
            "DATA_LOSS: read Person " + IdText(99) + ": damaged");
}

}  // namespace
}  // namespace brigada
