// Goal: each record a device makes gets a folio that no other of its records has or had, in the
// commit that makes it.
#include "replica/store/folio.h"

#include <set>

#include "brigada/v1/event.pb.h"
#include "brigada/v1/visit.pb.h"
#include "tests/unit/store/device_fixture.h"

namespace brigada {
namespace {

std::string PlaceOf(absl::string_view path) { return path.substr(0, 5) == "MX/20" ? "OAX" : "PUE"; }

class FolioTest : public DeviceStoreFixture {
 protected:
  FolioTest() { ReopenWithFolios(); }

  void ReopenWithFolios() {
    store.reset();
    DeviceStoreOptions options{&Registry::BuiltIn(), &clock, &random};
    options.folio_place = PlaceOf;
    ASSERT_OK_AND_ASSIGN(store, OpenDeviceStore(std::make_unique<SharedKv>(&disk), options));
  }
  std::string Device() { return FolioDevice(store->replica()); }
  std::string FolioOf(const RecordId& id) { return GetPerson(id).value_or(v1::Person()).folio(); }
};

TEST_F(FolioTest, TheDevicePartIsFourLettersThatNobodyMistakes) {
  const auto of = [](const char* id) { return FolioDevice(*ReplicaId::Parse(id)); };
  EXPECT_EQ(of("00000000000000000000000000000000"), "0000");
  EXPECT_EQ(of("ffffffffffffffffffffffffffffffff"), "ZZZZ");
  EXPECT_EQ(of("6ccf3000000000000000000000000000"), "DK7K");
  EXPECT_EQ(FolioText("OAX", *ReplicaId::Parse("6ccf3000000000000000000000000000"), 123),
            "OAX-DK7K-000123");
  EXPECT_EQ(FolioText("OAX", ReplicaId(), 12345678), "OAX-0000-12345678");
}

TEST_F(FolioTest, ANewRecordGetsOneAndItIsPartOfWhatIsSent) {
  const RecordId id = Register("Ana");
  const std::string folio = "OAX-" + Device() + "-000001";
  EXPECT_EQ(FolioOf(id), folio);
  v1::Person sent;
  ASSERT_TRUE(sent.ParseFromString(BodyOf(1).changes(0).values()));
  EXPECT_EQ(sent.folio(), folio);
  EXPECT_EQ(sent.name().given_names(), "Ana");
}

TEST_F(FolioTest, EveryTypeAndStateCountsOn) {
  Register("Ana");
  v1::Visit visit;
  visit.mutable_at()->set_seconds(1);
  visit.set_outcome(v1::CONTACT);
  const RecordId visited = NewId();
  ASSERT_OK(CommitOne(Creation(visited, "MX/21/114", visit, "Visit")));
  ASSERT_TRUE(visit.ParseFromString(Get(visited, "Visit")->message));
  EXPECT_EQ(visit.folio(), "PUE-" + Device() + "-000002");
}

TEST_F(FolioTest, ACommitOfSeveralGivesEachItsOwn) {
  const RecordId one = NewId();
  const RecordId two = NewId();
  ASSERT_OK(store->Commit({Creation(one, "MX/20/067", PersonNamed("Ana")),
                           Creation(two, "MX/20/067", PersonNamed("Eva"))},
                          Durability::kSync));
  EXPECT_EQ(FolioOf(one), "OAX-" + Device() + "-000001");
  EXPECT_EQ(FolioOf(two), "OAX-" + Device() + "-000002");
}

TEST_F(FolioTest, OneThatIsGivenStaysAndTakesNoNumber) {
  v1::Person person = PersonNamed("Ana");
  person.set_folio("PAPEL-7");
  const RecordId id = NewId();
  ASSERT_OK(CommitOne(Creation(id, "MX/20/067", person)));
  EXPECT_EQ(FolioOf(id), "PAPEL-7");
  EXPECT_EQ(FolioOf(Register("Eva")), "OAX-" + Device() + "-000001");
}

TEST_F(FolioTest, EditsAndMovesLeaveIt) {
  const RecordId id = Register("Ana");
  const std::string folio = FolioOf(id);
  ASSERT_OK(SetNotes(id, "otra"));
  v1::Change move = Edit(id, v1::Person(), v1::Person());
  move.set_scope("MX/21/114");
  ASSERT_OK(CommitOne(move));
  EXPECT_EQ(FolioOf(id), folio);
}

TEST_F(FolioTest, ACommitThatFailsTakesNoNumber) {
  const RecordId id = NewId();
  EXPECT_FALSE(store
                   ->Commit({Creation(id, "MX/20/067", PersonNamed("Ana")),
                             Creation(id, "MX/20/067", PersonNamed("Eva"))},
                            Durability::kSync)
                   .ok());
  EXPECT_EQ(FolioOf(Register("Luz")), "OAX-" + Device() + "-000001");
}

TEST_F(FolioTest, AFullDiskTakesNoNumber) {
  disk.fails = true;
  EXPECT_FALSE(CommitOne(Creation(NewId(), "MX/20/067", PersonNamed("Ana"))).ok());
  disk.fails = false;
  EXPECT_EQ(FolioOf(Register("Luz")), "OAX-" + Device() + "-000001");
}

TEST_F(FolioTest, TheCountGoesOnAfterAReopen) {
  Register("Ana");
  ReopenWithFolios();
  EXPECT_EQ(FolioOf(Register("Eva")), "OAX-" + Device() + "-000002");
}

TEST_F(FolioTest, AReplicaThatBecameAnotherCountsOnUnderItsNewName) {
  const RecordId id = Register("Ana");
  const std::string before = FolioOf(id);
  ASSERT_OK(store->BecomeReplica(NewReplicaId(random), {}));
  EXPECT_EQ(FolioOf(id), before);
  const std::string after = FolioOf(Register("Eva"));
  EXPECT_EQ(after, "OAX-" + Device() + "-000002");
  EXPECT_NE(after.substr(0, 9), before.substr(0, 9));
}

TEST_F(FolioTest, WhatTheServerRefusedKeepsItWhenItIsSentAgain) {
  const RecordId id = Register("Ana");
  const std::string folio = FolioOf(id);
  BatchMaker batch("MX/20", 0, 5);
  batch.Verdict(1, 5, v1::REJECTED);
  ASSERT_OK(batch.ApplyTo(store.get()));
  ASSERT_OK(store->Resubmit("MX/20", 1, {}));
  EXPECT_EQ(FolioOf(id), folio);
  EXPECT_EQ(FolioOf(Register("Eva")), "OAX-" + Device() + "-000002");
}

}  // namespace
}  // namespace brigada
