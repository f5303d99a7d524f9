// Conditions reach the store: it hands out the records that may match, not all of them.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "replica/query/plan_check.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/query/query_world.h"

namespace brigada {
namespace {

class PushdownTest : public ::testing::Test {
 protected:
  PushdownTest() { world_.AddMany(1000, 500, "MX/20/184"); }
  // How many records the store handed out.
  uint64_t ReadsOf(const std::string& sql) {
    world_.view.ResetReads();
    EXPECT_THAT(world_.Run(sql), IsOk()) << sql;
    return world_.view.reads();
  }

  QueryWorld world_;
};

TEST_F(PushdownTest, EqualityReadsWhatMatches) {
  EXPECT_EQ(ReadsOf("SELECT * FROM people"), 504U);
  EXPECT_EQ(ReadsOf("SELECT * FROM people WHERE id = '" + IdText(1) + "'"), 1U);
  EXPECT_EQ(ReadsOf("SELECT * FROM people WHERE scope = 'MX/20/067'"), 2U);
  EXPECT_EQ(ReadsOf("SELECT * FROM people WHERE municipality_key = '20067'"), 2U);
  EXPECT_EQ(ReadsOf("SELECT * FROM people WHERE state_key = '14'"), 1U);
  EXPECT_EQ(ReadsOf("SELECT * FROM people WHERE folio = 'OAX-1'"), 1U);
  EXPECT_EQ(ReadsOf("SELECT * FROM people WHERE registered_sex = 'female'"), 1U);
  EXPECT_EQ(ReadsOf("SELECT * FROM visits WHERE person = '" + IdText(3) + "'"), 1U);
  EXPECT_EQ(ReadsOf("SELECT * FROM conflicts WHERE about_record = '" + IdText(2) + "'"), 1U);
  EXPECT_EQ(ReadsOf("SELECT * FROM people_phones WHERE person_id = '" + IdText(1) + "'"), 1U);
}

TEST_F(PushdownTest, RangesReadWhatLiesBetween) {
  EXPECT_EQ(ReadsOf("SELECT * FROM visits WHERE at < '2026-05-15'"), 1U);
  EXPECT_EQ(ReadsOf("SELECT * FROM visits WHERE at BETWEEN '2026-06-01' AND '2026-06-30'"), 1U);
  EXPECT_EQ(ReadsOf("SELECT * FROM people WHERE folio >= 'OAX' AND folio < 'OAY'"), 1U);
}

TEST_F(PushdownTest, SearchReadsTheLongestWord) {
  EXPECT_EQ(ReadsOf("SELECT * FROM people WHERE search = 'e muno'"), 1U);
  EXPECT_EQ(ReadsOf("SELECT * FROM people WHERE search = 'ana'"), 2U);
}

TEST_F(PushdownTest, JoinLooksUpEachRecord) {
  EXPECT_LE(ReadsOf("SELECT * FROM visits v JOIN people p ON p.id = v.person"), 4U);
  EXPECT_LE(ReadsOf("SELECT * FROM people p JOIN visits v ON v.person = p.id "
                    "WHERE p.scope = 'MX/20/067'"),
            4U);
}

TEST_F(PushdownTest, WhatTheIndexCannotCompareIsScanned) {
  EXPECT_EQ(ReadsOf("SELECT * FROM people WHERE folio = 'oax-1' COLLATE NOCASE"), 504U);
  EXPECT_EQ(ReadsOf("SELECT * FROM people WHERE registered_sex > 'a'"), 504U);
  EXPECT_EQ(ReadsOf("SELECT * FROM visits WHERE at < '2026-05-15 10:00'"), 2U);
  EXPECT_EQ(ReadsOf("SELECT * FROM people WHERE folio = 1"), 504U);
}

// A condition gives the same rows whether the store looks them up or SQLite compares, as it does
// behind a LIMIT.
TEST(PushdownRowsTest, LookedUpConditionsGiveWhatComparingGives) {
  QueryWorld world;
  v1::Person person;
  person.set_folio("007");
  person.set_electoral_section("7");
  world.AddPerson(5, "MX/09/002", person);
  person.set_folio("10");
  person.set_electoral_section("0007");
  world.AddPerson(6, "MX/09/002", person);
  const std::vector<std::string> texts = {"''",
                                          "'7'",
                                          "'007'",
                                          "'10'",
                                          "7",
                                          "10",
                                          "7.0",
                                          "CAST(7 AS INTEGER)",
                                          "CAST(10 AS REAL)",
                                          "CAST(5 AS INTEGER)",
                                          "x'303037'",
                                          "NULL",
                                          "'OAX-1'",
                                          "'OAX'",
                                          "'oax-1'",
                                          "char(79, 0)"};
  const std::vector<std::string> places = {
      "'09'",    "9",  "'9'",         "9.0",         "CAST(9 AS INTEGER)",
      "'20'",    "20", "'09002'",     "9002",        "CAST(9002 AS INTEGER)",
      "x'3039'", "''", "'MX/09/002'", "'mx/09/002'", "'MX/09/002/'"};
  const std::vector<std::string> times = {"'2026'",
                                          "'2026-05'",
                                          "'2026-9-1'",
                                          "'2026-5'",
                                          "'2026-06-2'",
                                          "' 2026-01-01'",
                                          "' 2026'",
                                          "'2026-06-02'",
                                          "'2026-06-02 '",
                                          "'2026-06-02T10'",
                                          "'2026-06-02T10:00'",
                                          "'2026-06-02T10:00:00'",
                                          "'2026-06-02T10:00:00Z'",
                                          "'2026-06-02T10:00:00.0Z'",
                                          "'2026-06-02T10:00:00.000Z'",
                                          "'2026-06-02T10:00:00.000000Z'",
                                          "'2026-06-02T09:59:60Z'",
                                          "'2026-06-02T24:00:00'",
                                          "'2026-13'",
                                          "'2026-00-00'",
                                          "'infinite-future'",
                                          "'infinite-past'",
                                          "'-2026'",
                                          "'+2026'",
                                          "'02026'",
                                          "'20260'",
                                          "'9999-12-31'",
                                          "'0000'",
                                          "2026",
                                          "CAST(2027 AS INTEGER)",
                                          "CAST(2027 AS REAL)",
                                          "x'32303236'",
                                          "'~'",
                                          "''",
                                          "NULL"};
  const std::vector<std::string> names = {"'female'", "'FEMALE'", "'1'",           "'+1'", "1",
                                          "''",       "NULL",     "'unspecified'", "'0'",  "x'66'"};
  const auto expect_same = [&](const std::string& table, const std::string& column,
                               const std::vector<std::string>& values) {
    for (const std::string& value : values) {
      for (const char* op : {"=", "<", "<=", ">", ">=", "IN"}) {
        const std::string right =
            absl::StrCat(" ", op, " (", value, absl::string_view(op) == "IN" ? ", 'zz')" : ")");
        const std::string where = absl::StrCat(" WHERE ", column, right, " ORDER BY 1)");
        const std::string select = "SELECT group_concat(id) FROM (SELECT id FROM ";
        EXPECT_EQ(world.Ask(absl::StrCat(select, table, where)),
                  world.Ask(absl::StrCat(select, "(SELECT * FROM ", table, " LIMIT -1)", where)))
            << column << right;
      }
    }
  };
  expect_same("people", "folio", texts);
  expect_same("people", "electoral_section", texts);
  expect_same("people", "state_key", places);
  expect_same("people", "municipality_key", places);
  expect_same("people", "scope", places);
  expect_same("visits", "at", times);
  expect_same("people", "registered_sex", names);
  expect_same("conflicts", "about_type", {"'people'", "'Person'", "'10'", "10", "'visits'", "''"});
  expect_same("conflicts", "about_record", {absl::StrCat("'", IdText(2), "'"), "'x'", "x'00'"});
  expect_same("people", "id", {absl::StrCat("'", IdText(2), "'"), "'x'", "2", "NULL", "x'00'"});
}

TEST(PushdownRowsTest, SmallTablesGiveWhatComparingGives) {
  QueryWorld world;
  EXPECT_EQ(world.Ask("SELECT count(*) FROM territories t JOIN "
                      "(SELECT CAST(population AS TEXT) AS n FROM territories LIMIT 1) o "
                      "ON t.population = o.n"),
            world.Ask("SELECT count(*) FROM territories t JOIN "
                      "(SELECT CAST(population AS TEXT) AS n FROM territories LIMIT 1) o "
                      "ON +t.population = o.n"));
}

// One record may match several of the searches.
TEST(PushdownRowsTest, SearchForAnyOfSeveralIsRefused) {
  QueryWorld world;
  EXPECT_NE(world.Ask("SELECT count(*) FROM people WHERE search IN ('ana', 'lopez')")
                .find("search stands only"),
            std::string::npos);
  EXPECT_EQ(world.Ask("SELECT count(*) FROM people WHERE search = 'ana' OR search = 'lopez'"), "3");
}

TEST_F(PushdownTest, UnreadableIndexIsNotUsed) {
  world_.options.access.everything = false;
  world_.options.access.feeds = {FeedOf("MX", v1::BELOW, v1::OPERATIONAL)};
  EXPECT_EQ(ReadsOf("SELECT * FROM people WHERE folio = 'OAX-1'"), 504U);
}

TEST(PlanCheckTest, LoopsMultiplyAndSubqueriesAdd) {
  EXPECT_EQ(VisitedRows({{1, 0, "SCAN a VIRTUAL TABLE INDEX 100:"},
                         {2, 0, "SCAN b VIRTUAL TABLE INDEX 50:"}}),
            100 + 100 * 50);
  EXPECT_EQ(VisitedRows({{1, 0, "SCAN a VIRTUAL TABLE INDEX 100:"},
                         {2, 0, "CORRELATED SCALAR SUBQUERY 1"},
                         {3, 2, "SCAN b VIRTUAL TABLE INDEX 7:"}}),
            100 + 100 * 7);
  EXPECT_EQ(VisitedRows({{1, 0, "MATERIALIZE t"},
                         {2, 1, "SCAN a VIRTUAL TABLE INDEX 90000:"},
                         {3, 1, "USE TEMP B-TREE FOR GROUP BY"},
                         {4, 0, "SCAN t"}}),
            90000 + 3000);
}

}  // namespace
}  // namespace brigada
