// Trying again what the authority refused.
#include <string>
#include <vector>

#include "brigada/v1/event.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/store/device_keys.h"
#include "tests/unit/store/device_fixture.h"

namespace brigada {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kOaxaca[] = "MX/20";

class DeviceResubmitTest : public DeviceStoreFixture {
 protected:
  // Answers change set `sequence` at commit 10 + `sequence`.
  void Refuse(uint64_t sequence, v1::RefusalReason reason, v1::Outcome outcome = v1::REJECTED) {
    BatchMaker batch(kOaxaca, scanned_, sequence + 10);
    batch.Verdict(sequence, sequence + 10, outcome);
    batch.body.mutable_verdicts(0)->add_refusals()->set_reason(reason);
    ASSERT_OK(batch.ApplyTo(store.get()));
    scanned_ = sequence + 10;
  }
  void Grant(const std::vector<std::string>& scopes) {
    v1::Welcome welcome;
    *welcome.add_feeds() = BelowFeed(kOaxaca);
    v1::GrantInfo& grant = *welcome.add_grants();
    grant.mutable_scopes()->Assign(scopes.begin(), scopes.end());
    grant.add_writable_types(TypeNamed("Person").type_id());
    ASSERT_OK(store->NoteWelcome(welcome));
  }
  std::vector<v1::RejectedChangeSet> Listed() { return *store->Rejected(); }
  // The server has the change sets up to `last`.
  void Divide(uint64_t last) {
    v1::SharedWork shared;
    shared.set_partition(kOaxaca);
    shared.set_last(last);
    ASSERT_OK(store->BecomeReplica(NewReplicaId(random), {&shared, 1}));
  }
  // Of change set 1, refused for `reason` without a grant.
  void ExpectOneTryForEachTimeThatGrantsCome(v1::RefusalReason reason) {
    Grant({kOaxaca});
    ASSERT_EQ(*store->ResubmitCovered(), 1U);
    Refuse(2, reason);
    EXPECT_EQ(*store->ResubmitCovered(), 0U);
    Reopen();
    Grant({kOaxaca});
    EXPECT_EQ(*store->ResubmitCovered(), 0U);
    Grant({});
    EXPECT_EQ(*store->ResubmitCovered(), 0U);
    Grant({kOaxaca});
    EXPECT_EQ(*store->ResubmitCovered(), 1U);
  }

  uint64_t scanned_ = 0;
};

TEST_F(DeviceResubmitTest, ARetryTakesThePlaceOfTheRefusedSetInOneWrite) {
  ASSERT_OK(store->NoteServerTime(absl::FromUnixMillis(1000)));
  const RecordId id = Register("Ana");
  const v1::ChangeSetHeader first = HeaderOf(1);
  const v1::ChangeSetBody content = BodyOf(1);
  Refuse(1, v1::NOT_GRANTED);
  ASSERT_OK(store->NoteRevocation(7));
  clock.Advance(absl::Seconds(3));
  const int writes = disk.writes;
  ASSERT_OK_AND_ASSIGN(const auto receipts, store->Resubmit(kOaxaca, 1, {}));
  EXPECT_EQ(disk.writes, writes + 1);
  ASSERT_THAT(receipts, SizeIs(1));
  EXPECT_EQ(receipts[0].sequence, 2U);
  EXPECT_EQ(Counts().rejected, 0U);
  EXPECT_EQ(Counts().pending, 1U);
  EXPECT_TRUE(GetPerson(id));
  const v1::ChangeSetHeader again = HeaderOf(2);
  EXPECT_EQ(again.retry_of().sequence(), 1U);
  EXPECT_EQ(again.retry_of().replica(), store->replica().bytes());
  EXPECT_EQ(again.same_work().SerializeAsString(), again.retry_of().SerializeAsString());
  EXPECT_EQ(again.stamp(), first.stamp());
  EXPECT_EQ(again.position().SerializeAsString(), first.position().SerializeAsString());
  EXPECT_EQ(again.retried_at_ms(), 4000);
  EXPECT_EQ(again.retried_revocation(), 7U);
  EXPECT_EQ(BodyOf(2).SerializeAsString(), content.SerializeAsString());
}

TEST_F(DeviceResubmitTest, ARetryOfARetryNamesTheFirstTry) {
  Register("Ana");
  Refuse(1, v1::NOT_GRANTED);
  ASSERT_OK(store->Resubmit(kOaxaca, 1, {}));
  Refuse(2, v1::NOT_GRANTED);
  ASSERT_OK(store->Resubmit(kOaxaca, 2, {}));
  EXPECT_EQ(HeaderOf(3).retry_of().sequence(), 1U);
}

// The content that another copy of this store tries again may be the edited one.
TEST_F(DeviceResubmitTest, WhatWasEditedIsWorkOfItsOwnFromThenOn) {
  const RecordId id = Register("Ana");
  Refuse(1, v1::INVALID_VALUE);
  ASSERT_OK(store->Resubmit(kOaxaca, 1, {Creation(id, "MX/20/067", PersonNamed("Anna"))}));
  EXPECT_FALSE(HeaderOf(2).has_same_work());
  Refuse(2, v1::NOT_GRANTED);
  ASSERT_OK(store->Resubmit(kOaxaca, 2, {}));
  EXPECT_EQ(HeaderOf(3).retry_of().sequence(), 1U);
  EXPECT_EQ(HeaderOf(3).same_work().sequence(), 2U);
}

TEST_F(DeviceResubmitTest, ADividedStoreNamesTheIdUnderWhichItTriedFirst) {
  Register("Ana");
  Refuse(1, v1::NOT_GRANTED);
  const ReplicaId before = store->replica();
  Divide(1);
  ASSERT_OK(store->Resubmit(kOaxaca, 1, {}));
  EXPECT_EQ(HeaderOf(2).replica(), store->replica().bytes());
  EXPECT_EQ(HeaderOf(2).retry_of().replica(), before.bytes());
  EXPECT_EQ(HeaderOf(2).same_work().replica(), before.bytes());
}

// Under the old id the other copy's change sets have these numbers.
TEST_F(DeviceResubmitTest, ADividedStoreNamesByItsNewIdWhatItTakesAlong) {
  Register("Ana");
  Register("Eva");
  Refuse(1, v1::NOT_GRANTED);
  Refuse(2, v1::NOT_GRANTED);
  ASSERT_OK(store->Resubmit(kOaxaca, 1, {}));
  Divide(0);
  EXPECT_EQ(HeaderOf(3).retry_of().replica(), store->replica().bytes());
  EXPECT_EQ(HeaderOf(3).same_work().replica(), store->replica().bytes());
  ASSERT_OK(store->Resubmit(kOaxaca, 2, {}));
  EXPECT_EQ(HeaderOf(4).retry_of().replica(), store->replica().bytes());
  EXPECT_EQ(HeaderOf(4).same_work().replica(), store->replica().bytes());
}

TEST_F(DeviceResubmitTest, ADividedStoreNamesByItsNewIdWhatARetryHadSeenOfItsOwn) {
  const RecordId id = Register("Ana");
  ASSERT_OK(SetNotes(id, "dos"));
  Refuse(1, v1::NOT_GRANTED);
  Refuse(2, v1::UNKNOWN_RECORD);
  ASSERT_OK(store->Resubmit(kOaxaca, 1, {}));
  ASSERT_EQ(HeaderOf(4).position().provisional_size(), 1);
  Divide(0);
  EXPECT_EQ(HeaderOf(4).position().provisional(0).replica(), store->replica().bytes());
}

// The word that the server has applied it goes to the id that is given up.
TEST_F(DeviceResubmitTest, WhatWaitsForARecordGoesFromADividedStoreOnceThatIsHere) {
  const RecordId id = NewId();
  ServerRecord record;
  record.Write(Creation(id, "MX/20/067", PersonNamed("Ana")), 5);
  ASSERT_OK(BatchMaker(kOaxaca, 0, 5).Entry(record.EntryAfter(0, true)).ApplyTo(store.get()));
  scanned_ = 5;
  ASSERT_OK(SetNotes(id, "dos"));
  Refuse(1, v1::UNKNOWN_RECORD, v1::QUARANTINED);
  ASSERT_OK_AND_ASSIGN(const uint64_t kept, store->ResubmitCovered());
  EXPECT_EQ(kept, 0U) << "the server applies it by itself";

  Divide(1);
  ASSERT_OK_AND_ASSIGN(const uint64_t went, store->ResubmitCovered());

  EXPECT_EQ(went, 1U);
  EXPECT_EQ(Counts().rejected, 0U);
  EXPECT_EQ(HeaderOf(2).same_work().sequence(), 1U);
}

TEST_F(DeviceResubmitTest, DependentsGoAlongInOrder) {
  const RecordId id = Register("Ana");
  ASSERT_OK(SetNotes(id, "dos"));
  const RecordId other = Register("Beto");
  ASSERT_OK(SetNotes(id, "tres"));
  Refuse(1, v1::NOT_GRANTED);
  Refuse(2, v1::UNKNOWN_RECORD);
  Refuse(3, v1::NOT_GRANTED);
  Refuse(4, v1::UNKNOWN_RECORD);
  ASSERT_OK_AND_ASSIGN(const auto receipts, store->Resubmit(kOaxaca, 1, {}));
  ASSERT_THAT(receipts, SizeIs(3));
  EXPECT_EQ(receipts[2].sequence, 7U);
  EXPECT_EQ(NotesOf(id), "tres");
  // The later ones have seen the earlier ones of this write.
  EXPECT_EQ(HeaderOf(5).position().provisional_size(), 0);
  ASSERT_EQ(HeaderOf(7).position().provisional_size(), 2);
  EXPECT_EQ(HeaderOf(7).position().provisional(1).sequence(), 6U);
  ASSERT_THAT(Listed(), SizeIs(1));
  EXPECT_EQ(Listed()[0].verdict().sequence(), 3U);
  EXPECT_FALSE(Get(other));
}

TEST_F(DeviceResubmitTest, ADependentWithAnotherFaultStays) {
  const RecordId id = Register("Ana");
  ASSERT_OK(SetNotes(id, "dos"));
  Refuse(1, v1::NOT_GRANTED);
  Refuse(2, v1::INVALID_VALUE);
  ASSERT_OK_AND_ASSIGN(const auto receipts, store->Resubmit(kOaxaca, 1, {}));
  EXPECT_THAT(receipts, SizeIs(1));
  EXPECT_THAT(Listed(), SizeIs(1));
}

TEST_F(DeviceResubmitTest, AnEditedContentGoesInItsPlace) {
  const RecordId id = Register("Ana");
  Refuse(1, v1::INVALID_VALUE);
  ASSERT_OK(store->Resubmit(kOaxaca, 1, {Creation(id, "MX/20/067", PersonNamed("Anna"))}));
  EXPECT_EQ(GetPerson(id)->name().given_names(), "Anna");
  EXPECT_EQ(HeaderOf(2).retry_of().sequence(), 1U);
}

TEST_F(DeviceResubmitTest, WhatIsEditedIntoAnotherPartitionBeginsThereAlone) {
  const RecordId id = Register("Ana");
  ASSERT_OK(SetNotes(id, "dos"));
  Refuse(1, v1::NOT_GRANTED);
  Refuse(2, v1::UNKNOWN_RECORD);
  ASSERT_OK_AND_ASSIGN(
      const auto receipts,
      store->Resubmit(kOaxaca, 1, {Creation(id, "MX/09/003", PersonNamed("Ana"))}));
  ASSERT_THAT(receipts, SizeIs(1));
  EXPECT_EQ(receipts[0].partition, "MX/09");
  EXPECT_EQ(receipts[0].sequence, 1U);
  const v1::ChangeSetHeader header = HeaderOf(1, "MX/09");
  EXPECT_FALSE(header.has_retry_of());
  EXPECT_FALSE(header.has_same_work());
  EXPECT_TRUE(GetPerson(id));
  EXPECT_EQ(Counts().pending, 1U);
  ASSERT_THAT(Listed(), SizeIs(1));
  EXPECT_EQ(Listed()[0].verdict().sequence(), 2U);
}

// The server has it as well, and somebody may release it there.
TEST_F(DeviceResubmitTest, WhatIsInQuarantineStaysInItsPartition) {
  const RecordId id = Register("Ana");
  Refuse(1, v1::NOT_GRANTED, v1::QUARANTINED);
  EXPECT_THAT(store->Resubmit(kOaxaca, 1, {Creation(id, "MX/09/003", PersonNamed("Ana"))}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Listed(), SizeIs(1));
}

TEST_F(DeviceResubmitTest, AnEditThatBreaksARuleChangesNothing) {
  const RecordId id = Register("Ana");
  Refuse(1, v1::INVALID_VALUE);
  EXPECT_THAT(store->Resubmit(kOaxaca, 1, {Creation(id, "MX/20/067", PersonNamed(""))}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Listed(), SizeIs(1));
  EXPECT_EQ(Counts().pending, 0U);
}

TEST_F(DeviceResubmitTest, AFailedWriteLeavesTheListAsItWas) {
  Register("Ana");
  Refuse(1, v1::NOT_GRANTED);
  disk.fails = true;
  EXPECT_FALSE(store->Resubmit(kOaxaca, 1, {}).ok());
  disk.fails = false;
  Reopen();
  EXPECT_EQ(Counts().rejected, 1U);
  EXPECT_EQ(Counts().pending, 0U);
}

// Accepted on a line that the server lost, and the record went another way since.
TEST_F(DeviceResubmitTest, WhatIsQuarantinedForARuleIsEditedLikeWhatWasRefused) {
  const RecordId id = Register("Ana");
  Refuse(1, v1::ILLEGAL_TRANSITION, v1::QUARANTINED);
  Grant({kOaxaca});
  EXPECT_EQ(*store->ResubmitCovered(), 0U);
  ASSERT_OK(
      store->Resubmit(kOaxaca, 1, {Creation(id, "MX/20/067", PersonNamed("Ana", "corregida"))}));
  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_EQ(NotesOf(id), "corregida");
  EXPECT_EQ(HeaderOf(2).retry_of().sequence(), 1U);
}

TEST_F(DeviceResubmitTest, AnotherUsersWorkIsNotSentAgain) {
  ASSERT_OK(store->SetUser("ana"));
  Register("Rosa");
  Refuse(1, v1::NOT_GRANTED);
  ASSERT_OK(store->SetUser("beto"));
  EXPECT_THAT(store->Resubmit(kOaxaca, 1, {}), StatusIs(absl::StatusCode::kFailedPrecondition));
  Grant({kOaxaca});
  EXPECT_EQ(*store->ResubmitCovered(), 0U);
  EXPECT_THAT(Listed(), SizeIs(1));
}

TEST_F(DeviceResubmitTest, AnEditOfARecordThatIsNotHereAnyMoreCanGoAgain) {
  const RecordId id = NewId();
  ServerRecord record;
  record.Write(Creation(id, "MX/20/067", PersonNamed("Ana")), 1);
  ASSERT_OK(BatchMaker(kOaxaca, 0, 1).Entry(record.EntryAfter(0, true)).ApplyTo(store.get()));
  scanned_ = 1;
  ASSERT_OK(SetNotes(id, "mía"));
  Refuse(1, v1::LATE_AFTER_REVOCATION);
  ASSERT_OK(BatchMaker(kOaxaca, 11, 12).Departure(id, 12, "MX/09/002").ApplyTo(store.get()));
  ASSERT_FALSE(Get(id));
  ASSERT_OK(store->Resubmit(kOaxaca, 1, {}));
  EXPECT_EQ(BodyOf(2).changes(0).record_id(), id.AsBytes());
}

TEST_F(DeviceResubmitTest, WhatLackedAGrantGoesByItselfWhenOneCoversIt) {
  const RecordId id = Register("Ana");
  ASSERT_OK(SetNotes(id, "dos"));
  Refuse(1, v1::NOT_GRANTED);
  Refuse(2, v1::UNKNOWN_RECORD);
  Grant({"MX/20/551"});
  EXPECT_EQ(*store->ResubmitCovered(), 0U);
  Grant({"MX/20/067"});
  EXPECT_EQ(*store->ResubmitCovered(), 2U);
  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_EQ(NotesOf(id), "dos");
  EXPECT_EQ(*store->ResubmitCovered(), 0U);
}

TEST_F(DeviceResubmitTest, ItGoesOnceForEachTimeAGrantComes) {
  Register("Ana");
  Refuse(1, v1::NOT_GRANTED);
  ExpectOneTryForEachTimeThatGrantsCome(v1::NOT_GRANTED);
}

TEST_F(DeviceResubmitTest, ARoleThatMayNotWriteTheTypeDoesNotCoverIt) {
  v1::Event event;
  event.set_kind(v1::CIRCLE);
  event.set_title("Círculo");
  ASSERT_OK(CommitOne(Creation(NewId(), "MX/20/067", event, "Event")));
  Refuse(1, v1::NOT_GRANTED);
  Grant({kOaxaca});
  EXPECT_EQ(*store->ResubmitCovered(), 0U);
}

TEST_F(DeviceResubmitTest, QuarantinedForLackOfAGrantGoesByItselfWhenOneCoversIt) {
  const RecordId id = Register("Ana");
  Refuse(1, v1::NOT_GRANTED, v1::QUARANTINED);
  Grant({});
  EXPECT_EQ(*store->ResubmitCovered(), 0U);
  Grant({kOaxaca});
  EXPECT_EQ(*store->ResubmitCovered(), 1U);
  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_TRUE(GetPerson(id));
  EXPECT_EQ(HeaderOf(2).retry_of().sequence(), 1U);
}

TEST_F(DeviceResubmitTest, QuarantinedForLackOfAGrantCanBeTriedAgainByHand) {
  Register("Ana");
  Refuse(1, v1::NOT_GRANTED, v1::QUARANTINED);
  EXPECT_OK(store->Resubmit(kOaxaca, 1, {}));
  EXPECT_THAT(Listed(), IsEmpty());
}

TEST_F(DeviceResubmitTest, WhatTheServerFailedAtIsTriedAgainByHandAndNotByItself) {
  Register("Ana");
  Refuse(1, v1::NOT_JUDGED, v1::QUARANTINED);
  Grant({kOaxaca});
  EXPECT_EQ(*store->ResubmitCovered(), 0U);
  EXPECT_OK(store->Resubmit(kOaxaca, 1, {}));
  EXPECT_THAT(Listed(), IsEmpty());
}

// A lost epoch would otherwise bring back both.
TEST_F(DeviceResubmitTest, FirstTryThatLeftQuarantineIsRetainedAsRefused) {
  Register("Ana");
  Refuse(1, v1::NOT_GRANTED, v1::QUARANTINED);
  Grant({kOaxaca});
  ASSERT_EQ(*store->ResubmitCovered(), 1U);
  v1::OutboxChangeSet kept;
  ASSERT_TRUE(kept.ParseFromString(**disk.kv->Get(Table::kOutbox, ChangeSetKey(kOaxaca, 1))));
  EXPECT_EQ(kept.verdict().outcome(), v1::REJECTED);
  EXPECT_TRUE(kept.change_set().has_body()) << "it may be released before the retry gets there";
}

TEST_F(DeviceResubmitTest, WhatWaitsInQuarantineForARecordIsLeftToTheServer) {
  const RecordId id = Register("Ana");
  ASSERT_OK(SetNotes(id, "dos"));
  Refuse(1, v1::NOT_GRANTED);
  Refuse(2, v1::UNKNOWN_RECORD, v1::QUARANTINED);
  Grant({kOaxaca});
  EXPECT_EQ(*store->ResubmitCovered(), 1U);
  EXPECT_EQ(*store->ResubmitCovered(), 0U);
  EXPECT_THAT(store->Resubmit(kOaxaca, 2, {}), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(DeviceResubmitTest, ListLongerThanOneStepGoesWholeWithItsDependents) {
  std::vector<RecordId> people;
  people.reserve(200);
  for (int i = 0; i < 200; ++i) people.push_back(Register("Ana"));
  for (const RecordId& id : people) ASSERT_OK(SetNotes(id, "dos"));
  for (uint64_t i = 1; i <= 200; ++i) Refuse(i, v1::NOT_GRANTED);
  for (uint64_t i = 201; i <= 400; ++i) Refuse(i, v1::UNKNOWN_RECORD);
  Grant({"MX/20/067"});
  EXPECT_EQ(*store->ResubmitCovered(), 400U);
  EXPECT_THAT(Listed(), IsEmpty());
  for (const RecordId& id : people) EXPECT_EQ(NotesOf(id), "dos");
}

TEST_F(DeviceResubmitTest, DependentRefusedAfterItsCreatorWentAgainFollowsIt) {
  const RecordId id = Register("Ana");
  ASSERT_OK(SetNotes(id, "dos"));
  Refuse(1, v1::NOT_GRANTED);
  Grant({"MX/20/067"});
  ASSERT_EQ(*store->ResubmitCovered(), 1U);  // set 3
  Refuse(2, v1::UNKNOWN_RECORD);
  EXPECT_EQ(*store->ResubmitCovered(), 1U);  // set 4
  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_EQ(NotesOf(id), "dos");
  ASSERT_EQ(HeaderOf(4).position().provisional_size(), 1);
  EXPECT_EQ(HeaderOf(4).position().provisional(0).sequence(), 3U);
}

TEST_F(DeviceResubmitTest, DependentThatFailsAgainGoesOnlyOnceForItsRecord) {
  const RecordId id = Register("Ana");
  ASSERT_OK(SetNotes(id, "dos"));
  Refuse(1, v1::NOT_GRANTED);
  Grant({"MX/20/067"});
  ASSERT_EQ(*store->ResubmitCovered(), 1U);  // set 3
  Refuse(2, v1::UNKNOWN_RECORD);
  ASSERT_EQ(*store->ResubmitCovered(), 1U);  // set 4
  BatchMaker accepted(kOaxaca, scanned_, 13);
  ASSERT_OK(accepted.Verdict(3, 13, v1::APPLIED).ApplyTo(store.get()));
  scanned_ = 13;
  Refuse(4, v1::UNKNOWN_RECORD);
  EXPECT_EQ(*store->ResubmitCovered(), 0U);
  EXPECT_EQ(*store->ResubmitCovered(), 0U);
}

// Who may not read a record is told what he is told of one that is not there.
class MaskedResubmitTest : public DeviceResubmitTest {
 protected:
  // A person of Oaxaca de Juárez as the server tells it at commit `scanned_` + 1.
  void Bring(const RecordId& id, absl::string_view scope = "MX/20/067") {
    ServerRecord record;
    record.Write(Creation(id, scope, PersonNamed("Ana")), scanned_ + 1);
    BatchMaker batch(kOaxaca, scanned_, scanned_ + 1);
    ASSERT_OK(batch.Entry(record.EntryAfter(0, true)).ApplyTo(store.get()));
    ++scanned_;
  }
  void TakeAway(const RecordId& id) {
    BatchMaker batch(kOaxaca, scanned_, scanned_ + 1);
    ASSERT_OK(batch.Departure(id, scanned_ + 1, "MX/09/002").ApplyTo(store.get()));
    ++scanned_;
  }
  // An edit of this person, refused.
  RecordId RefusedEdit() {
    const RecordId id = NewId();
    Bring(id);
    EXPECT_OK(SetNotes(id, "mía"));
    Refuse(1, v1::UNKNOWN_RECORD);
    return id;
  }
};

TEST_F(MaskedResubmitTest, GoesOnceGrantsCoverTheRecord) {
  const RecordId id = RefusedEdit();
  EXPECT_EQ(*store->ResubmitCovered(), 0U);
  Grant({"MX/20/551"});
  EXPECT_EQ(*store->ResubmitCovered(), 0U);
  Grant({"MX/20/067"});
  EXPECT_EQ(*store->ResubmitCovered(), 1U);
  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_EQ(NotesOf(id), "mía");
  EXPECT_EQ(HeaderOf(2).retry_of().sequence(), 1U);
}

TEST_F(MaskedResubmitTest, GoesOnceTheRecordIsHere) {
  const RecordId id = RefusedEdit();
  TakeAway(id);
  Grant({kOaxaca});
  EXPECT_EQ(*store->ResubmitCovered(), 0U);
  Bring(id);
  EXPECT_EQ(*store->ResubmitCovered(), 1U);
}

TEST_F(MaskedResubmitTest, GoesOnceForEachTimeThatGrantsComeToCoverIt) {
  RefusedEdit();
  ExpectOneTryForEachTimeThatGrantsCome(v1::UNKNOWN_RECORD);
}

// While it is on its way its record is gone here.
TEST_F(MaskedResubmitTest, DeletionGoesOnceForEachTimeThatGrantsComeToCoverIt) {
  const RecordId id = NewId();
  Bring(id);
  ASSERT_OK(CommitOne(Deletion(id)));
  Refuse(1, v1::UNKNOWN_RECORD);
  EXPECT_TRUE(GetPerson(id));
  ExpectOneTryForEachTimeThatGrantsCome(v1::UNKNOWN_RECORD);
}

TEST_F(MaskedResubmitTest, WhatCountsIsWhereTheRecordIsNow) {
  const RecordId id = RefusedEdit();
  TakeAway(id);
  Bring(id, "MX/20/551");
  Grant({"MX/20/067"});
  EXPECT_EQ(*store->ResubmitCovered(), 0U);
  Grant({"MX/20/551"});
  EXPECT_EQ(*store->ResubmitCovered(), 1U);
}

TEST_F(MaskedResubmitTest, RecordMayBeHereFromAnotherState) {
  const RecordId id = RefusedEdit();
  TakeAway(id);
  ServerRecord record;
  record.Write(Creation(id, "MX/09/002", PersonNamed("Ana")), 1);
  ASSERT_OK(BatchMaker("MX/09", 0, 1).Entry(record.EntryAfter(0, true)).ApplyTo(store.get()));
  Grant({kOaxaca});
  EXPECT_EQ(*store->ResubmitCovered(), 0U);
  Grant({"MX/09"});
  EXPECT_EQ(*store->ResubmitCovered(), 1U);
  // A change set stays in its partition; the server takes it to where the record is.
  EXPECT_EQ(HeaderOf(2).retry_of().sequence(), 1U);
}

TEST_F(MaskedResubmitTest, AllThatItTouchesHasToBeCovered) {
  const RecordId id = NewId();
  Bring(id);
  v1::Change move = Edit(id, v1::Person(), PersonNamed("", "mía"));
  move.set_scope("MX/20/551");
  ASSERT_OK(CommitOne(move));
  Refuse(1, v1::UNKNOWN_RECORD);
  Grant({"MX/20/067"});
  EXPECT_EQ(*store->ResubmitCovered(), 0U);
  Grant({"MX/20/067", "MX/20/551"});
  EXPECT_EQ(*store->ResubmitCovered(), 1U);
}

// It stays refused without its creation, whatever the grants.
TEST_F(MaskedResubmitTest, DependentOfARefusedCreationWaitsForThat) {
  const RecordId id = Register("Ana");
  ASSERT_OK(SetNotes(id, "dos"));
  Refuse(1, v1::INVALID_VALUE);
  Refuse(2, v1::UNKNOWN_RECORD);
  Grant({kOaxaca});
  EXPECT_EQ(*store->ResubmitCovered(), 0U);
  EXPECT_THAT(Listed(), SizeIs(2));
}

// No grant tells of it, and the creation is sent again by hand: the dependent follows each time.
TEST_F(MaskedResubmitTest, DependentFollowsItsCreationWithoutAGrantOnceForEachTimeThatGoes) {
  const RecordId id = Register("Ana");
  ASSERT_OK(SetNotes(id, "dos"));
  Refuse(1, v1::NOT_GRANTED);
  ASSERT_OK(store->Resubmit(kOaxaca, 1, {}));  // set 3
  Refuse(2, v1::UNKNOWN_RECORD);
  ASSERT_EQ(*store->ResubmitCovered(), 1U);  // set 4
  BatchMaker accepted(kOaxaca, scanned_, 13);
  ASSERT_OK(accepted.Verdict(3, 13, v1::APPLIED).ApplyTo(store.get()));
  scanned_ = 13;
  Refuse(4, v1::UNKNOWN_RECORD);
  EXPECT_EQ(*store->ResubmitCovered(), 0U);
  EXPECT_EQ(*store->ResubmitCovered(), 0U);
}

TEST_F(DeviceResubmitTest, DamagedEntryHoldsNothingUpAndCanBeDiscarded) {
  Register("Ana");
  Register("Beto");
  Refuse(1, v1::NOT_GRANTED);
  Refuse(2, v1::NOT_GRANTED);
  KvBatch damage;
  damage.Put(Table::kRejected, ChangeSetKey(kOaxaca, 1), "\xff damaged");
  ASSERT_OK(disk.kv->Write(damage, Durability::kSync));
  Grant({kOaxaca});
  EXPECT_EQ(*store->ResubmitCovered(), 1U);
  ASSERT_THAT(Listed(), SizeIs(1));
  EXPECT_EQ(Listed()[0].verdict().sequence(), 1U);
  EXPECT_EQ(Listed()[0].verdict().refusals(0).reason(), v1::UNREADABLE_BODY);
  EXPECT_FALSE(store->Resubmit(kOaxaca, 1, {}).ok());
  EXPECT_OK(store->DiscardRejected(kOaxaca, 1));
  EXPECT_THAT(Listed(), IsEmpty());
}

TEST_F(DeviceResubmitTest, OtherFaultsDoNotGoByThemselves) {
  Register("Ana");
  Refuse(1, v1::INVALID_VALUE);
  Grant({kOaxaca});
  EXPECT_EQ(*store->ResubmitCovered(), 0U);
}

}  // namespace
}  // namespace brigada
