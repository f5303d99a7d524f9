// What a device makes of the second verdict of a change set that an administrator released.
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "replica/store/device_keys.h"
#include "replica/store/keys.h"
#include "tests/unit/store/device_fixture.h"

namespace brigada {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kOaxaca[] = "MX/20";

class DeviceReleasedTest : public DeviceStoreFixture {
 protected:
  void Refuse(uint64_t sequence, v1::RefusalReason reason, v1::Outcome outcome = v1::QUARANTINED) {
    BatchMaker batch = Next();
    batch.Verdict(sequence, scanned_, outcome);
    v1::Refusal& refusal = *batch.body.mutable_verdicts(0)->add_refusals();
    refusal.set_reason(reason);
    ASSERT_OK(batch.ApplyTo(store.get()));
  }
  // The verdict alone, as a device is told that reads nothing there.
  void Released(uint64_t sequence) { ASSERT_OK(Releasing(sequence).ApplyTo(store.get())); }
  BatchMaker Releasing(uint64_t sequence) {
    BatchMaker batch = Next();
    batch.Verdict(sequence, scanned_);
    batch.body.mutable_verdicts(0)->set_released_by("irma");
    batch.body.mutable_verdicts(0)->set_released_ms(1'767'400'000'000);
    return batch;
  }
  BatchMaker Next() {
    ++scanned_;
    return BatchMaker(kOaxaca, scanned_ - 1, scanned_);
  }
  void Grant() {
    v1::Welcome welcome;
    welcome.set_server_time_ms(absl::ToUnixMillis(clock.Now()));
    v1::GrantInfo& grant = *welcome.add_grants();
    grant.add_scopes(kOaxaca);
    grant.set_writes_any_type(true);
    *welcome.add_feeds() = BelowFeed(kOaxaca);
    ASSERT_OK(store->NoteWelcome(welcome));
  }
  // Every backup of the server holds what was judged so far.
  void Cover() {
    v1::Welcome welcome = store->LastWelcome();
    v1::PartitionHead& covered = *welcome.add_covered();
    covered.set_partition(kOaxaca);
    covered.set_sequence(scanned_);
    ASSERT_OK(store->NoteWelcome(welcome));
  }
  v1::OutboxChangeSet Kept(uint64_t sequence) {
    v1::OutboxChangeSet kept;
    const auto value = disk.kv->Get(Table::kOutbox, ChangeSetKey(kOaxaca, sequence));
    EXPECT_OK(value);
    EXPECT_TRUE(value.ok() && value->has_value() && kept.ParseFromString(**value));
    return kept;
  }
  std::vector<v1::RejectedChangeSet> Listed() { return *store->Rejected(); }

  uint64_t scanned_ = 0;
};

TEST_F(DeviceReleasedTest, ItLeavesTheListAndIsShownAgain) {
  const RecordId id = Register("Ana");
  Refuse(1, v1::NOT_JUDGED);
  ASSERT_THAT(Listed(), SizeIs(1));
  ASSERT_FALSE(GetPerson(id));

  Released(1);

  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_EQ(Counts().rejected, 0U);
  ASSERT_TRUE(GetPerson(id));
  EXPECT_FALSE(Get(id)->pending);
  Reopen();
  EXPECT_EQ(Counts().rejected, 0U);
  EXPECT_TRUE(GetPerson(id));
  // A server that went back is sent it as what it is now.
  EXPECT_EQ(Kept(1).verdict().released_by(), "irma");
  EXPECT_EQ(Kept(1).verdict().outcome(), v1::APPLIED);
  EXPECT_TRUE(Kept(1).change_set().has_body());
}

TEST_F(DeviceReleasedTest, PulledOnceMoreTheFirstVerdictPutsNothingBack) {
  const RecordId id = Register("Ana");
  Refuse(1, v1::NOT_JUDGED);
  Released(1);
  ResetCursor();
  BatchMaker all(kOaxaca, 0, scanned_);
  all.Verdict(1, 1, v1::QUARANTINED).Verdict(1, 2);
  all.body.mutable_verdicts(1)->set_released_ms(5);
  ASSERT_OK(all.ApplyTo(store.get()));
  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_EQ(Counts().rejected, 0U);
  EXPECT_TRUE(GetPerson(id));
}

// The server went back behind the release: it is in quarantine once more, and on the list.
TEST_F(DeviceReleasedTest, AServerThatWentBackBehindTheReleaseListsItAgain) {
  Register("Ana");
  Refuse(1, v1::NOT_JUDGED);
  Released(1);
  ResetCursor();
  BatchMaker restored(kOaxaca, 0, 1);
  restored.batch.mutable_cursor()->set_epoch(std::string(16, 'f'));
  restored.Verdict(1, 1, v1::QUARANTINED);
  ASSERT_OK(restored.ApplyTo(store.get()));
  ASSERT_THAT(Listed(), SizeIs(1));
  EXPECT_EQ(Counts().rejected, 1U);
}

// A machine that was set back tells it in the epoch, and at the number, of before.
TEST_F(DeviceReleasedTest, AServerThatWentBackUnawareListsItAgain) {
  Register("Ana");
  Refuse(1, v1::NOT_JUDGED);
  Released(1);
  for (const uint64_t at : {1U, 2U}) {
    ASSERT_OK(store->ResumeAfterLoss(kOaxaca, 1));
    ResetCursor();
    BatchMaker restored(kOaxaca, 0, at);
    restored.Verdict(1, at, v1::REJECTED);
    ASSERT_OK(restored.ApplyTo(store.get()));
    ASSERT_THAT(Listed(), SizeIs(1));
    EXPECT_EQ(Counts().rejected, 1U);
  }
}

TEST_F(DeviceReleasedTest, AtTheSameNumberAServerThatWentBackMayRefuseWhatItApplied) {
  Register("Ana");
  ASSERT_OK(Next().Verdict(1, 1).ApplyTo(store.get()));
  ASSERT_OK(store->ResumeAfterLoss(kOaxaca, 1));
  ResetCursor();
  BatchMaker restored(kOaxaca, 0, 1);
  restored.Verdict(1, 1, v1::REJECTED);
  ASSERT_OK(restored.ApplyTo(store.get()));
  EXPECT_THAT(Listed(), SizeIs(1));
}

TEST_F(DeviceReleasedTest, WhatIsNoLongerRetainedIsFoundOnTheList) {
  Grant();
  const RecordId id = Register("Ana");
  Refuse(1, v1::NOT_JUDGED);
  Cover();
  ASSERT_EQ(store->Head(kOaxaca).retained_from(), 2U);

  Released(1);

  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_EQ(Counts().rejected, 0U);
  EXPECT_TRUE(GetPerson(id));
}

// The list is the user's, and may hold what this device may no longer show.
TEST_F(DeviceReleasedTest, WhatIsNoLongerGrantedLeavesTheListAndIsNotShown) {
  Grant();
  const RecordId id = Register("Ana");
  Refuse(1, v1::NOT_JUDGED);
  Cover();
  v1::Welcome revoked;
  revoked.set_server_time_ms(absl::ToUnixMillis(clock.Now()));
  ASSERT_OK(store->NoteWelcome(revoked));

  Released(1);

  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_FALSE(GetPerson(id));
}

TEST_F(DeviceReleasedTest, ARetryUnderWaySettlesOnceAndLosesNothing) {
  const RecordId id = Register("Ana");
  Refuse(1, v1::NOT_JUDGED);
  ASSERT_OK(store->Resubmit(kOaxaca, 1, {}));
  ASSERT_EQ(Counts().pending, 1U);

  Released(1);
  EXPECT_TRUE(GetPerson(id));
  EXPECT_TRUE(Get(id)->pending);
  Refuse(2, v1::RELEASED, v1::REJECTED);

  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_EQ(Counts().pending, 0U);
  EXPECT_EQ(Counts().rejected, 0U);
  ASSERT_TRUE(GetPerson(id));
  EXPECT_FALSE(Get(id)->pending);
  // Only the first try comes back to life on a server that went back.
  EXPECT_EQ(Kept(1).verdict().outcome(), v1::APPLIED);
  EXPECT_TRUE(Kept(1).change_set().has_body());
  EXPECT_EQ(Kept(2).verdict().outcome(), v1::REJECTED);
}

TEST_F(DeviceReleasedTest, AnEditedRetryUnderWayIsListedWithItsContent) {
  const RecordId id = Register("Ana");
  Refuse(1, v1::NOT_JUDGED);
  ASSERT_OK(
      store->Resubmit(kOaxaca, 1, {Creation(id, "MX/20/067", PersonNamed("Ana", "corregida"))}));
  Released(1);
  Refuse(2, v1::RELEASED, v1::REJECTED);

  ASSERT_THAT(Listed(), SizeIs(1));
  EXPECT_EQ(Listed()[0].verdict().refusals(0).reason(), v1::RELEASED);
  EXPECT_EQ(NotesOf(id), "") << "what was released is the first try";
}

TEST_F(DeviceReleasedTest, ARetryThatWasRefusedLeavesTheListUnlessItIsEdited) {
  const RecordId id = Register("Ana");
  Refuse(1, v1::NOT_JUDGED);
  ASSERT_OK(store->Resubmit(kOaxaca, 1, {}));
  Refuse(2, v1::NOT_JUDGED);
  Register("Luz");
  Refuse(3, v1::NOT_GRANTED, v1::REJECTED);
  ASSERT_THAT(Listed(), SizeIs(2));

  Released(1);

  ASSERT_THAT(Listed(), SizeIs(1));
  EXPECT_EQ(Listed()[0].verdict().sequence(), 3U);
  EXPECT_EQ(Counts().rejected, 1U);
  EXPECT_TRUE(GetPerson(id));
}

TEST_F(DeviceReleasedTest, WhatWasDiscardedHereComesWithTheEntries) {
  const RecordId id = Register("Ana");
  Refuse(1, v1::NOT_JUDGED);
  Cover();
  ASSERT_OK(store->DiscardRejected(kOaxaca, 1));
  BatchMaker batch = Releasing(1);
  ServerRecord record;
  record.Write(Creation(id, "MX/20/067", PersonNamed("Ana")), scanned_);
  ASSERT_OK(batch.Entry(record.EntryAfter(0, true)).ApplyTo(store.get()));
  EXPECT_TRUE(GetPerson(id));
  EXPECT_EQ(Counts().rejected, 0U);
}

// An edit of what was not accepted goes by itself behind it.
TEST_F(DeviceReleasedTest, WhatFailedForItsRecordGoesAgainOnceThatIsReleased) {
  Grant();
  const RecordId id = Register("Ana");
  ASSERT_OK(SetNotes(id, "dos"));
  Refuse(1, v1::ILLEGAL_TRANSITION);
  Refuse(2, v1::UNKNOWN_RECORD, v1::REJECTED);
  ASSERT_EQ(*store->ResubmitCovered(), 0U);

  Released(1);

  EXPECT_EQ(*store->ResubmitCovered(), 1U);
  EXPECT_EQ(NotesOf(id), "dos");
  EXPECT_THAT(Listed(), IsEmpty());
}

// The copy that keeps the id is told; this one learns of it when it tries again.
TEST_F(DeviceReleasedTest, ADividedStoreThatTriesAgainIsToldThatItIsDone) {
  const RecordId id = Register("Ana");
  Refuse(1, v1::NOT_JUDGED);
  ASSERT_OK(store->BecomeReplica(NewReplicaId(random), {}));
  ASSERT_OK(store->Resubmit(kOaxaca, 1, {}));
  BatchMaker batch(kOaxaca, 0, 9);
  batch.Verdict(2, 9, v1::MERGED);
  batch.body.mutable_verdicts(0)->add_lost()->set_change(0);
  ServerRecord record;
  record.Write(Creation(id, "MX/20/067", PersonNamed("Ana")), 8);
  ASSERT_OK(batch.Entry(record.EntryAfter(0, true)).ApplyTo(store.get()));
  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_TRUE(GetPerson(id));
}

}  // namespace
}  // namespace brigada
