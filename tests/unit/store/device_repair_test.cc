// Goal: an answer to a repair changes what it may change, and unsent work outlives it; a store that
// was divided goes on as the same person's work.
#include "replica/store/keys.h"
#include "replica/store/record_ranges.h"
#include "tests/unit/store/device_fixture.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DeviceRepairTest : public DeviceStoreFixture {
 protected:
  // A person another device registered, here since commit 1.
  RecordId Pull(absl::string_view name) {
    const RecordId id = NewId();
    record_.Write(Creation(id, "MX/20/067", PersonNamed(name, "suyo")), 1);
    EXPECT_OK(BatchMaker("MX/20", 0, 1).Entry(record_.EntryAfter(0, true)).ApplyTo(store.get()));
    return id;
  }
  static std::string KeyOf(const RecordId& id) {
    return RangeKey(TypeNamed("Person").type_id(), id);
  }

  ServerRecord record_;
};

TEST_F(DeviceRepairTest, UnsentWorkOfARecordThatIsTakenAwayComesBackWithIt) {
  const RecordId id = Pull("Ana");
  ASSERT_OK(SetNotes(id, "mio"));
  v1::RepairBody body;
  body.add_gone(KeyOf(id));

  ASSERT_OK_AND_ASSIGN(const RepairEffect effect, store->ApplyRepair("MX/20", "", "", body));
  EXPECT_EQ(effect.removed, 1u);
  EXPECT_FALSE(Get(id));
  EXPECT_EQ(Counts().pending, 1u);
  Reopen();

  record_.Write(Edit(id, v1::Person(), PersonNamed("", "otra vez")), 2);
  ASSERT_OK(BatchMaker("MX/20", 1, 2).Entry(record_.EntryAfter(0, true)).ApplyTo(store.get()));
  EXPECT_EQ(NotesOf(id), "mio");
  EXPECT_TRUE(Get(id)->pending);
}

// The server does not know the field, or does not tell it here.
TEST_F(DeviceRepairTest, AnOwnFieldThatIsNotToldStaysAndDoesNotCount) {
  const RecordId id = Register("Ana", "mio");
  ASSERT_OK(BatchMaker("MX/20", 0, 9).Verdict(1, 9).ApplyTo(store.get()));
  WriteRef write;
  write.stamp = Hlc{(uint64_t{1'767'300'000'000} << 16) + 9};
  write.replica = store->replica();
  write.origin_sequence = 1;
  write.sequence = 9;
  record_.Write(Creation(id, "MX/20/067", PersonNamed("Ana")), write);
  v1::RepairBody body;
  *body.add_entries() = record_.EntryAfter(0, true);

  ASSERT_OK(store->ApplyRepair("MX/20", "", "", body));

  EXPECT_EQ(NotesOf(id), "mio");
  EXPECT_THAT(store->RecomputeSums("MX/20"), IsOkAndHolds(false));
}

TEST_F(DeviceRepairTest, ARecordThatChangedBehindTheStoresBackIsNotedWithinADay) {
  const RecordId id = Pull("Ana");
  ASSERT_OK(store->NoteServerTime(clock.Now()));
  EXPECT_THAT(store->RecountWhenDue(nullptr), IsOkAndHolds(false));
  KvBatch loss;
  loss.Delete(Table::kRecords, RecordKey("MX/20", TypeNamed("Person").type_id(), id));
  ASSERT_OK(disk.kv->Write(loss, Durability::kSync));
  Reopen();

  clock.Advance(absl::Hours(23));
  EXPECT_THAT(store->RecountWhenDue(nullptr), IsOkAndHolds(false));
  EXPECT_THAT(store->Repairs().due(), IsEmpty());
  clock.Advance(absl::Hours(2));
  EXPECT_THAT(store->RecountWhenDue(nullptr), IsOkAndHolds(true));
  EXPECT_THAT(store->Repairs().due(), ElementsAre("MX/20"));
  EXPECT_THAT(store->RecountWhenDue(nullptr), IsOkAndHolds(false)) << "once a day";
}

TEST_F(DeviceRepairTest, ACountEndsWhenWhoeverWaitsForItHasHadEnough) {
  Pull("Ana");
  ASSERT_OK(store->NoteServerTime(clock.Now()));
  const std::atomic<bool> cancel{true};
  EXPECT_THAT(store->RecountWhenDue(&cancel), IsOkAndHolds(false)) << "none is due";
  clock.Advance(absl::Hours(25));
  EXPECT_THAT(store->RecountWhenDue(&cancel), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(DeviceRepairTest, WhatLiesOutsideTheRangeThatWasAskedForStays) {
  const RecordId id = Pull("Ana");
  const std::string key = KeyOf(id);
  const std::string next = key + std::string(1, '\0');
  v1::RepairBody gone;
  gone.add_gone(key);
  v1::RepairBody kept;
  kept.add_kept(key);
  v1::RepairBody changed;
  *changed.add_entries() = record_.EntryAfter(0, true);
  for (const v1::RepairBody& body : {gone, kept, changed}) {
    EXPECT_THAT(store->ApplyRepair("MX/20", "", key, body),
                StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(store->ApplyRepair("MX/20", next, "", body),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_EQ(NotesOf(id), "suyo");
}

// Under the new id nothing else says that its writer knew its own earlier work.
TEST_F(DeviceRepairTest, ADividedStoreNamesWhatItWroteUnderTheSharedIdAsSeen) {
  const RecordId id = Register("Ana");
  ASSERT_OK(SetNotes(id, "dos"));
  const ReplicaId before = store->replica();
  v1::SharedWork shared;
  shared.set_partition("MX/20");
  shared.set_last(1);

  ASSERT_OK(store->BecomeReplica(NewReplicaId(random), {&shared, 1}));

  const v1::ChangeSetHeader header = HeaderOf(2);
  ASSERT_EQ(header.position().provisional_size(), 1);
  EXPECT_EQ(header.position().provisional(0).replica(), before.bytes());
  EXPECT_EQ(header.position().provisional(0).sequence(), 1u);
}

// Of what it wrote itself a store counts fields that it does not know in another class.
TEST_F(DeviceRepairTest, ADividedStoreHasTheSumsThatItsRecordsGive) {
  v1::Change change = Creation(NewId(), "MX/20/067", PersonNamed("Ana"));
  // Field 900, three bytes.
  change.set_values(change.values() + std::string("\xa2\x38\x03new", 6));
  ASSERT_OK(CommitOne(change));
  ASSERT_OK(BatchMaker("MX/20", 0, 1).Verdict(1, 1).ApplyTo(store.get()));
  ASSERT_OK_AND_ASSIGN(const bool differed, store->RecomputeSums("MX/20"));
  ASSERT_FALSE(differed);

  ASSERT_OK(store->BecomeReplica(NewReplicaId(random), {}));

  ASSERT_OK_AND_ASSIGN(const bool differs, store->RecomputeSums("MX/20"));
  EXPECT_FALSE(differs);
}

// There is nothing retained that could be judged again.
TEST_F(DeviceRepairTest, ADividedStoreDoesNotWaitForVerdictsOfWhatItNoLongerHas) {
  Register("Ana");
  ASSERT_OK(BatchMaker("MX/20", 0, 1).Verdict(1, 1).ApplyTo(store.get()));
  v1::SharedWork shared;
  shared.set_partition("MX/20");
  shared.set_last(1);
  ASSERT_OK(store->BecomeReplica(NewReplicaId(random), {&shared, 1}));
  ASSERT_OK(store->ResumeAfterLoss("MX/20", 1));
  ASSERT_OK(BatchMaker("MX/20", 0, 1).ApplyTo(store.get()));
  EXPECT_TRUE(store->IsAtCheckpoint("MX/20"));
}

// The server went back, and where this work was it has the other copy's.
TEST_F(DeviceRepairTest, WhatTheServerHasLostADividedStoreSendsAgainUnderItsNewId) {
  Register("Ana");
  Register("Eva");
  ASSERT_OK(BatchMaker("MX/20", 0, 1).Verdict(1, 1).ApplyTo(store.get()));
  ASSERT_OK_AND_ASSIGN(const std::vector<v1::UnsentChain> asked, store->UnsentChains());
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].first(), 1u);
  EXPECT_EQ(asked[0].chains_size(), 2);
  const ReplicaId id = NewReplicaId(random);

  ASSERT_OK(store->BecomeReplica(id, {}));

  EXPECT_EQ(store->Head("MX/20").confirmed(), 1u);
  ASSERT_OK(store->ResumeAfterLoss("MX/20", 1));
  ASSERT_OK_AND_ASSIGN(const OutboxPage page, store->ReadOutbox("MX/20", 1, 1 << 20));
  EXPECT_EQ(page.last_sequence, 2u);
  ASSERT_EQ(page.redelivered.size(), 1u);
  EXPECT_EQ(page.redelivered[0].verdict().sequence(), 1u);
  EXPECT_EQ(HeaderOf(1).replica(), id.bytes());
  EXPECT_EQ(HeaderOf(2).replica(), id.bytes());
}

TEST_F(DeviceRepairTest, ADividedStoreIsTheNewReplicaAfterARestartToo) {
  Register("Ana");
  const ReplicaId id = NewReplicaId(random);
  ASSERT_OK(store->BecomeReplica(id, {}));
  Reopen();
  EXPECT_EQ(store->replica(), id);
  EXPECT_EQ(HeaderOf(1).replica(), id.bytes());
}

}  // namespace
}  // namespace brigada
