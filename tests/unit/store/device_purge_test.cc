// What a device may no longer read leaves its store.
#include <string>
#include <vector>

#include "brigada/v1/conflict.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/store/ended_places.h"
#include "replica/store/record_table.h"
#include "tests/unit/store/device_fixture.h"

namespace brigada {
namespace {

using ::testing::SizeIs;

constexpr char kOaxaca[] = "MX/20";
constexpr char kJuarez[] = "MX/20/067";
constexpr char kHuajuapan[] = "MX/20/039";

v1::Feed FeedOf(absl::string_view scope, v1::DataClass max_class = v1::SENSITIVE) {
  v1::Feed feed = BelowFeed(scope);
  feed.set_max_class(max_class);
  return feed;
}

class DevicePurgeTest : public DeviceStoreFixture {
 protected:
  DevicePurgeTest() { Welcome({FeedOf(kOaxaca)}); }

  v1::Welcome WelcomeWith(const std::vector<v1::Feed>& feeds) {
    v1::Welcome welcome;
    welcome.set_epoch(std::string(16, 'e'));
    welcome.mutable_feeds()->Assign(feeds.begin(), feeds.end());
    return welcome;
  }
  void Welcome(const std::vector<v1::Feed>& feeds) {
    feeds_ = feeds;
    ASSERT_OK(store->NoteWelcome(WelcomeWith(feeds)));
    Purge();
  }
  void Purge() {
    ASSERT_OK(store->RunPurge());
    ASSERT_OK(store->ScrubFiles(nullptr));
  }
  // A person that the server tells of at the next commit sequence.
  RecordId Receive(absl::string_view scope, absl::string_view notes = "") {
    const RecordId id = NewId();
    v1::Person person = PersonNamed("Ana", notes);
    person.set_gender("f");
    ServerRecord record;
    record.Write(Creation(id, scope, person), ++scanned_);
    BatchMaker batch(kOaxaca, scanned_ - 1, scanned_);
    Apply(batch.Entry(record.EntryAfter(0, true)));
    return id;
  }
  void Answer(uint64_t sequence, v1::Outcome outcome) {
    ++scanned_;
    BatchMaker batch(kOaxaca, scanned_ - 1, scanned_);
    Apply(batch.Verdict(sequence, scanned_, outcome));
  }
  void Apply(BatchMaker& batch) {
    batch.batch.mutable_cursor()->mutable_feeds()->Assign(feeds_.begin(), feeds_.end());
    ASSERT_OK(batch.ApplyTo(store.get()));
  }
  size_t StoredKeys(Table table) {
    size_t keys = 0;
    const auto it = disk.kv->Iterate(table, "", "");
    for (it->SeekToFirst(); it->Valid(); it->Next()) ++keys;
    return keys;
  }

  uint64_t scanned_ = 0;
  std::vector<v1::Feed> feeds_;
};

TEST_F(DevicePurgeTest, TheRecordsOfALostScopeAndTheirIndexEntriesGo) {
  const RecordId lost = Receive(kHuajuapan);
  const size_t records = StoredKeys(Table::kRecords);
  const size_t index = StoredKeys(Table::kIndex);
  const RecordId kept = Receive(kJuarez);
  Welcome({FeedOf(kJuarez)});
  EXPECT_FALSE(Get(lost));
  EXPECT_TRUE(Get(kept));
  EXPECT_EQ(StoredKeys(Table::kRecords), records);
  EXPECT_EQ(StoredKeys(Table::kIndex), index);
  EXPECT_EQ(*(*store->Read())->Count(TypeNamed("Person")), 1U);
}

TEST_F(DevicePurgeTest, ConflictsOfALostScopeGo) {
  const RecordId id = NewId();
  v1::Conflict conflict;
  conflict.set_state(v1::OPEN);
  conflict.set_about_record(NewId().AsBytes());
  ServerRecord entry;
  entry.Write(Creation(id, kHuajuapan, conflict, "Conflict"), 1);
  BatchMaker batch(kOaxaca, 0, 1);
  Apply(batch.Entry(entry.EntryAfter(0, true)));
  ASSERT_EQ(Counts().open_conflicts, 1U);
  Welcome({FeedOf(kJuarez)});
  EXPECT_FALSE(Get(id, "Conflict"));
  EXPECT_EQ(Counts().open_conflicts, 0U);
}

TEST_F(DevicePurgeTest, FieldsAboveALoweredClassGoAndTheRestStays) {
  const RecordId id = Receive(kJuarez, "nota");
  ASSERT_EQ(GetPerson(id)->gender(), "f");
  Welcome({FeedOf(kOaxaca, v1::PERSONAL)});
  EXPECT_EQ(GetPerson(id)->gender(), "");
  EXPECT_EQ(NotesOf(id), "nota");
  Welcome({FeedOf(kOaxaca, v1::OPERATIONAL)});
  EXPECT_FALSE(Get(id));
}

TEST_F(DevicePurgeTest, AReceiptIsKeptUntilTheServerHasNotedIt) {
  Receive(kHuajuapan);
  EXPECT_EQ(store->PendingReceipt().feeds_size(), 0);
  Welcome({FeedOf(kJuarez)});
  EXPECT_EQ(store->PendingReceipt().number(), 1U);
  EXPECT_EQ(store->PendingReceipt().feeds(0).scope(), kOaxaca);
  Reopen();
  EXPECT_EQ(store->PendingReceipt().feeds_size(), 1);
  v1::Welcome noted = WelcomeWith({FeedOf(kJuarez)});
  noted.set_receipt(1);
  ASSERT_OK(store->NoteWelcome(noted));
  EXPECT_EQ(store->PendingReceipt().feeds_size(), 0);
  Welcome({});
  EXPECT_EQ(store->PendingReceipt().number(), 2U);
}

TEST_F(DevicePurgeTest, ThePlacesThatEndedAreNotedWithWhatWasTakenUntilTheyAreReadAgain) {
  const auto ended = [&] {
    const absl::StatusOr<std::string> setting = store->GetSetting(kEndedPlaces);
    return setting.ok() ? *setting : "";
  };
  Receive(kJuarez);
  Receive(kHuajuapan);
  Receive(kHuajuapan);
  EXPECT_EQ(ended(), "");
  Welcome({FeedOf(kJuarez)});
  EXPECT_EQ(ended(), "MX/20 2 0\n");
  Welcome({FeedOf(kJuarez)});
  Reopen();
  EXPECT_EQ(ended(), "MX/20 2 0\n");
  Welcome({});
  EXPECT_EQ(ended(), "MX/20 2 0\nMX/20/067 1 0\n");
  Welcome({FeedOf(kJuarez)});
  EXPECT_EQ(ended(), "MX/20 2 0\n");
  Welcome({FeedOf(kOaxaca)});
  EXPECT_EQ(ended(), "");
}

TEST_F(DevicePurgeTest, AnUnchangedSubscriptionPurgesNothing) {
  Receive(kJuarez);
  const int writes = disk.writes;
  ASSERT_OK(store->RunPurge());
  EXPECT_EQ(disk.writes, writes);
  Welcome({FeedOf(kOaxaca), FeedOf(kJuarez)});
  EXPECT_EQ(store->PendingReceipt().number(), 0U);
}

TEST_F(DevicePurgeTest, WorkWithoutVerdictKeepsItsRecordUntilItHasOne) {
  const RecordId edited = Receive(kHuajuapan);
  const RecordId other = Receive(kHuajuapan);
  ASSERT_OK(SetNotes(edited, "mía"));
  const RecordId made = NewId();
  ASSERT_OK(CommitOne(Creation(made, kHuajuapan, PersonNamed("Eva"))));
  Welcome({FeedOf(kJuarez)});
  EXPECT_EQ(NotesOf(edited), "mía");
  EXPECT_TRUE(Get(made));
  EXPECT_FALSE(Get(other));
  EXPECT_EQ(store->PendingReceipt().number(), 0U);
  EXPECT_EQ(Counts().pending, 2U);
  Answer(1, v1::APPLIED);
  Answer(2, v1::REJECTED);
  Purge();
  EXPECT_FALSE(Get(edited));
  EXPECT_FALSE(Get(made));
  EXPECT_EQ(StoredKeys(Table::kRecords), 0U);
  EXPECT_EQ(store->PendingReceipt().number(), 1U);
  // The content of the refused one is the person's to decide about.
  EXPECT_THAT(*store->Rejected(), SizeIs(1));
}

// It has no base that the purge could judge.
TEST_F(DevicePurgeTest, ACreationWithoutVerdictIsWaitedFor) {
  const RecordId made = NewId();
  ASSERT_OK(CommitOne(Creation(made, kHuajuapan, PersonNamed("Eva"))));
  Welcome({FeedOf(kJuarez)});
  EXPECT_EQ(store->PendingReceipt().number(), 0U);
  // Committed since: nothing that was lost.
  const RecordId later = NewId();
  ASSERT_OK(CommitOne(Creation(later, kJuarez, PersonNamed("Luz"))));
  Answer(1, v1::APPLIED);
  Purge();
  EXPECT_EQ(store->PendingReceipt().number(), 1U);
  EXPECT_FALSE(Get(made));
  EXPECT_TRUE(Get(later));
  ASSERT_OK_AND_ASSIGN(const OutboxPage page, store->ReadOutbox(kOaxaca, 1, 1));
  EXPECT_FALSE(page.change_sets.at(0).has_body());
}

TEST_F(DevicePurgeTest, WorkCommittedWhileItWaitsIsWaitedForTooWhenItNamesWhatGoes) {
  const RecordId edited = Receive(kHuajuapan);
  ASSERT_OK(SetNotes(edited, "mía"));
  Welcome({FeedOf(kJuarez)});
  ASSERT_OK(SetNotes(edited, "otra vez mía"));
  Answer(1, v1::APPLIED);
  Purge();
  EXPECT_EQ(NotesOf(edited), "otra vez mía");
  EXPECT_EQ(store->PendingReceipt().number(), 0U);
  Answer(2, v1::APPLIED);
  Purge();
  EXPECT_FALSE(Get(edited));
  EXPECT_EQ(store->PendingReceipt().number(), 1U);
}

TEST_F(DevicePurgeTest, DeliveredWorkKeepsOnlyWhatItSaysOfRecordsThatStay) {
  const RecordId lost = NewId();
  const RecordId kept = NewId();
  ASSERT_OK(store->Commit(
      {Creation(lost, kHuajuapan, PersonNamed("Eva")), Creation(kept, kJuarez, PersonNamed("Luz"))},
      Durability::kSync));
  Answer(1, v1::APPLIED);
  Welcome({FeedOf(kJuarez)});
  const auto stored = disk.kv->Get(Table::kOutbox, std::string("MX/20\0\0\0\0\0\0\0\0\1", 14));
  ASSERT_TRUE(stored.ok() && stored->has_value());
  EXPECT_EQ((*stored)->find("Eva"), std::string::npos);
  EXPECT_NE((*stored)->find("Luz"), std::string::npos);
}

TEST_F(DevicePurgeTest, DeliveredWorkThatWasEmptiedIsNotListedWhenAServerThatWentBackRefusesIt) {
  const RecordId lost = NewId();
  ASSERT_OK(CommitOne(Creation(lost, kHuajuapan, PersonNamed("Eva"))));
  Answer(1, v1::APPLIED);
  Welcome({FeedOf(kJuarez)});
  ASSERT_OK(store->ResumeAfterLoss(kOaxaca, 1));
  Answer(1, v1::REJECTED);
  EXPECT_THAT(*store->Rejected(), SizeIs(0));
  EXPECT_TRUE(store->IsAtCheckpoint(kOaxaca));
}

TEST_F(DevicePurgeTest, DeliveredWorkThatAServerLostIsSentAgainBeforeItIsEmptied) {
  ASSERT_OK(CommitOne(Creation(NewId(), kHuajuapan, PersonNamed("Eva"))));
  Answer(1, v1::APPLIED);
  ASSERT_OK(store->ResumeAfterLoss(kOaxaca, 1));
  Welcome({FeedOf(kJuarez)});
  EXPECT_EQ(store->PendingReceipt().number(), 0U);
  ASSERT_OK_AND_ASSIGN(const OutboxPage page, store->ReadOutbox(kOaxaca, 1, 1'000'000));
  EXPECT_TRUE(page.change_sets.at(0).has_body());
  Answer(1, v1::APPLIED);
  Purge();
  EXPECT_EQ(store->PendingReceipt().number(), 1U);
  ASSERT_OK_AND_ASSIGN(const OutboxPage emptied, store->ReadOutbox(kOaxaca, 1, 1'000'000));
  EXPECT_FALSE(emptied.change_sets.at(0).has_body());
}

TEST_F(DevicePurgeTest, WhatNoSubscriptionBroughtStays) {
  Welcome({FeedOf(kOaxaca, v1::OPERATIONAL)});
  const RecordId own = Register("Ana");
  Answer(1, v1::APPLIED);
  Welcome({});
  EXPECT_TRUE(Get(own));
}

TEST_F(DevicePurgeTest, ACrashAtAnyWriteLeavesARestThatTheNextOpenTakes) {
  for (int allowed = 0; allowed < 7; ++allowed) {
    SCOPED_TRACE(allowed);
    store.reset();
    disk.kv = NewMemoryKv();
    scanned_ = 0;
    Reopen();
    Welcome({FeedOf(kOaxaca)});
    for (int i = 0; i < 600; ++i) Receive(kHuajuapan);
    const RecordId kept = Receive(kJuarez);
    disk.writes_left = allowed;
    const absl::Status noted = store->NoteWelcome(WelcomeWith({FeedOf(kJuarez)}));
    if (noted.ok()) {
      EXPECT_EQ(store->RunPurge().ok(), allowed >= 5);
      EXPECT_EQ(store->ScrubFiles(nullptr).ok(), allowed < 2 || allowed == 6);
    }
    disk.writes_left = -1;
    Reopen();
    Purge();
    EXPECT_TRUE(Get(kept));
    const uint64_t live = *(*store->Read())->Count(TypeNamed("Person"));
    EXPECT_EQ(live, noted.ok() ? 1U : 601U);
    EXPECT_EQ(store->PendingReceipt().number(), noted.ok() ? 1U : 0U);
  }
}

TEST_F(DevicePurgeTest, TheFirstWelcomeOfANewEpochTakesNothingAway) {
  const RecordId id = Receive(kHuajuapan);
  v1::Welcome welcome = WelcomeWith({FeedOf(kJuarez)});
  welcome.set_epoch(std::string(16, 'f'));
  ASSERT_OK(store->NoteWelcome(welcome));
  ASSERT_OK(store->RunPurge());
  Reopen();
  EXPECT_TRUE(Get(id));
  ASSERT_OK(store->NoteWelcome(welcome));
  ASSERT_OK(store->RunPurge());
  EXPECT_FALSE(Get(id));
}

TEST_F(DevicePurgeTest, ASubscriptionThatComesBackInTimeStopsThePurge) {
  const RecordId id = Receive(kHuajuapan);
  ASSERT_OK(SetNotes(id, "mía"));
  Welcome({FeedOf(kJuarez)});
  Welcome({FeedOf(kOaxaca)});
  Answer(1, v1::APPLIED);
  ASSERT_OK(store->RunPurge());
  EXPECT_EQ(NotesOf(id), "mía");
}

TEST_F(DevicePurgeTest, AResetReplacesTheCursorInTheSameWrite) {
  Receive(kJuarez);
  v1::Welcome welcome = WelcomeWith({FeedOf(kOaxaca)});
  v1::CursorReset& reset = *welcome.add_resets();
  reset.set_partition(kOaxaca);
  reset.mutable_cursor()->set_partition(kOaxaca);
  reset.mutable_cursor()->mutable_held()->set_scanned(1);
  const int writes = disk.writes;
  ASSERT_OK(store->NoteWelcome(welcome));
  EXPECT_EQ(disk.writes, writes + 1);
  Reopen();
  ASSERT_THAT(store->Cursors(), SizeIs(1));
  EXPECT_EQ(store->Cursors()[0].held().scanned(), 1U);
  reset.mutable_cursor()->set_partition("MX/21");
  EXPECT_THAT(store->NoteWelcome(welcome), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace brigada
