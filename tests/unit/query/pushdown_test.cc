// Conditions reach the store: it hands out the records that may match, not all of them.

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
