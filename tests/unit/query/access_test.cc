// A caller sees the records of its feeds and the values up to its class, whatever it asks.

#include "brigada/v1/conflict.pb.h"
#include "replica/schema/parked_edit.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/query/query_world.h"

namespace brigada {
namespace {

class AccessTest : public ::testing::Test {
 protected:
  AccessTest() { world_.options.access.everything = false; }
  void Grant(const std::string& scope, v1::FeedKind kind, v1::DataClass max_class) {
    world_.options.access.feeds.push_back(FeedOf(scope, kind, max_class));
  }

  QueryWorld world_;
};

TEST_F(AccessTest, WithoutFeedsNothingIsThere) {
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people"), "0");
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM events"), "0");
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people WHERE id = '" + IdText(1) + "'"), "0");
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people_phones"), "0");
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM conflicts"), "0");
}

TEST_F(AccessTest, BelowIsTheSubtree) {
  Grant("MX/20", v1::BELOW, v1::SENSITIVE);
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people"), "3");
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people WHERE id = '" + IdText(4) + "'"), "0");
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people WHERE search = 'lopez'"), "1");
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people WHERE scope = 'MX/14/039'"), "0");
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people WHERE state_key = '14'"), "0");
  EXPECT_EQ(world_.Ask("SELECT group_concat(id) FROM events"), IdText(21));
}

TEST_F(AccessTest, HereIsExactlyTheScope) {
  Grant("MX/20/067", v1::BELOW, v1::PERSONAL);
  Grant("MX", v1::HERE, v1::OPERATIONAL);
  EXPECT_EQ(world_.Ask("SELECT id FROM events"), IdText(22));
  EXPECT_EQ(world_.Ask("SELECT id FROM events WHERE kind = 'table'"), IdText(22));
  EXPECT_EQ(world_.Ask("SELECT id FROM events WHERE kind = 'circle'"), "");
  EXPECT_EQ(world_.Ask("SELECT id FROM events WHERE search = 'mesa'"), IdText(22));
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people"), "2");
}

TEST_F(AccessTest, RecordOfTwoFeedsAppearsOnce) {
  Grant("MX/20/067", v1::BELOW, v1::PERSONAL);
  Grant("MX/20", v1::BELOW, v1::PERSONAL);
  Grant("MX/20/067", v1::HERE, v1::OPERATIONAL);
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people"), "3");
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people WHERE search = 'ana'"), "2");
}

TEST_F(AccessTest, RecordsAboveTheClassDoNotAppear) {
  Grant("MX/20", v1::BELOW, v1::OPERATIONAL);
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people"), "0");
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people_phones"), "0");
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM events"), "1");
}

TEST_F(AccessTest, OwnClassOfARecordCounts) {
  RecordView record;
  record.id = IdOf(50);
  record.scope = "MX/20";
  record.data_class = v1::INCIDENT;
  world_.view.Add(*Registry::BuiltIn().FindByName("Event"), record);
  Grant("MX/20", v1::BELOW, v1::SENSITIVE);
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM events"), "1");
}

TEST_F(AccessTest, ValuesAboveTheClassAreNullBeforeAnyCondition) {
  Grant("MX/20", v1::BELOW, v1::PERSONAL);
  EXPECT_EQ(world_.Ask("SELECT gender, curp, folio FROM people WHERE id = '" + IdText(1) + "'"),
            "NULL|NULL|OAX-1");
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people WHERE gender = 'mujer'"), "0");
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people WHERE gender IS NULL"), "3");
  EXPECT_EQ(world_.Ask("SELECT group_concat(gender) FROM people"), "NULL");
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people_relations"), "0");
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people_phones"), "2");
}

TEST_F(AccessTest, ClassIsThatOfTheRecordsFeed) {
  Grant("MX/20/067", v1::BELOW, v1::SENSITIVE);
  Grant("MX", v1::BELOW, v1::PERSONAL);
  EXPECT_EQ(world_.Ask("SELECT count(gender) FROM people"), "2");
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people"), "4");
}

TEST_F(AccessTest, ConflictOfAFieldAboveTheClassTellsNothing) {
  Grant("MX/20", v1::BELOW, v1::PERSONAL);
  EXPECT_EQ(world_.Ask("SELECT winner_value FROM conflicts ORDER BY id"), "NULL\nAnita");
  EXPECT_EQ(world_.Ask("SELECT value FROM conflicts_losers ORDER BY conflict_id, number"),
            "NULL\nNena\nNULL");
  EXPECT_EQ(world_.Ask("SELECT has_conflict FROM people WHERE id = '" + IdText(2) + "'"), "0");
}

TEST_F(AccessTest, WhatAParkedEditTookAwayIsShownToWhoMayReadIt) {
  v1::Conflict whole;
  whole.set_about_type(Registry::BuiltIn().FindByName("Person")->type_id());
  whole.set_about_record(IdOf(9).AsBytes());
  whole.set_state(v1::OPEN);
  whole.mutable_winner()->set_deletion(true);
  v1::Contender* const parked = whole.add_losers();
  v1::Person removed;
  removed.add_phones("+525511111111");
  v1::Change edit;
  edit.set_removed(removed.SerializeAsString());
  edit.add_cleared(v1::Person::kGenderFieldNumber);
  edit.add_cleared(v1::Person::kSocialNameFieldNumber);
  parked->set_value(ParkedValue(edit));
  world_.Add(33, "MX/20/067", whole);
  const std::string ask =
      "SELECT removed, cleared FROM conflicts_losers WHERE conflict_id = '" + IdText(33) + "'";
  Grant("MX/20", v1::BELOW, v1::PERSONAL);
  EXPECT_EQ(world_.Ask(ask), R"({"phones":["+525511111111"]}|["social_name"])");
  Grant("MX/20", v1::BELOW, v1::SENSITIVE);
  EXPECT_EQ(world_.Ask(ask), R"({"phones":["+525511111111"]}|["gender","social_name"])");
}

TEST_F(AccessTest, MalformedFeedsGiveNothing) {
  Grant("", v1::BELOW, v1::INCIDENT);
  Grant("MX/20", v1::FEED_KIND_UNSPECIFIED, v1::INCIDENT);
  Grant("MX/20", v1::BELOW, v1::DATA_CLASS_UNSPECIFIED);
  EXPECT_EQ(world_.Ask("SELECT count(*) FROM people"), "0");
}

}  // namespace
}  // namespace brigada
