// Goal: a batch takes change sets out of the outbox, moves base and keeps the view equal to base
// with the rest of the outbox over it; a batch that makes no sense changes nothing.
#include <functional>

#include "replica/store/format.h"
#include "tests/unit/store/device_fixture.h"

namespace brigada {
namespace {

class DeviceApplyBatchTest : public DeviceStoreFixture {
 protected:
  // A person another device registered, as the server has her at commit 1.
  ServerRecord FromServer(const RecordId& id, absl::string_view name,
                          absl::string_view notes = "") {
    ServerRecord record;
    record.Write(Creation(id, "MX/20/067", PersonNamed(name, notes)), 1);
    return record;
  }
  v1::Change NotesEdit(const RecordId& id, absl::string_view notes) {
    return Edit(id, v1::Person(), PersonNamed("", notes));
  }
};

v1::Change GenderEdit(const RecordId& id, absl::string_view gender) {
  v1::Person after;
  after.set_gender(std::string(gender));
  return Edit(id, v1::Person(), after);
}

TEST_F(DeviceApplyBatchTest, AnAppliedChangeSetBecomesBase) {
  const RecordId id = Register("Ana", "uno");
  ASSERT_OK_AND_ASSIGN(const BatchEffect effect,
                       BatchMaker("MX/20", 0, 9).Verdict(1, 9).ApplyTo(store.get()));
  EXPECT_EQ(effect.applied, 1u);
  const std::optional<RecordView> record = Get(id);
  ASSERT_TRUE(record);
  EXPECT_FALSE(record->pending);
  EXPECT_EQ(record->created.sequence, 9u);
  EXPECT_EQ(NotesOf(id), "uno");
  EXPECT_EQ(Counts().pending, 0u);
  EXPECT_EQ(store->Head("MX/20").confirmed(), 1u);
  ASSERT_OK_AND_ASSIGN(const OutboxPage page, store->ReadOutbox("MX/20", 1, 1000));
  // Retained, should the server lose it.
  ASSERT_EQ(page.redelivered.size(), 1u);
  EXPECT_EQ(page.redelivered[0].verdict().commit_sequence(), 9u);
  EXPECT_TRUE(page.end);
}

TEST_F(DeviceApplyBatchTest, LaterPendingEditsStayOnTop) {
  const RecordId id = Register("Ana", "uno");
  ASSERT_OK(SetNotes(id, "dos"));
  ASSERT_OK(BatchMaker("MX/20", 0, 9).Verdict(1, 9).ApplyTo(store.get()));
  EXPECT_EQ(NotesOf(id), "dos");
  EXPECT_TRUE(Get(id)->pending);
  ASSERT_OK(BatchMaker("MX/20", 9, 10).Verdict(2, 10, v1::REJECTED).ApplyTo(store.get()));
  EXPECT_EQ(NotesOf(id), "uno");
}

TEST_F(DeviceApplyBatchTest, ARefusedChangeSetLeavesTheViewAndIsKept) {
  const RecordId id = Register("Ana");
  BatchMaker batch("MX/20", 0, 9);
  batch.Verdict(1, 9, v1::REJECTED);
  batch.body.mutable_verdicts(0)->add_refusals()->set_reason(v1::NOT_GRANTED);
  ASSERT_OK_AND_ASSIGN(const BatchEffect effect, batch.ApplyTo(store.get()));
  EXPECT_EQ(effect.refused, 1u);
  EXPECT_FALSE(Get(id));
  Reopen();
  ASSERT_OK_AND_ASSIGN(const auto rejected, store->Rejected());
  ASSERT_EQ(rejected.size(), 1u);
  EXPECT_EQ(rejected[0].verdict().refusals(0).reason(), v1::NOT_GRANTED);
  v1::ChangeSetBody body;
  ASSERT_TRUE(body.ParseFromString(rejected[0].change_set().body()));
  EXPECT_EQ(body.changes(0).record_id(), id.AsBytes());
  EXPECT_EQ(Counts().rejected, 1u);
  EXPECT_EQ(Counts().pending, 0u);
}

TEST_F(DeviceApplyBatchTest, ADiscardedRejectionIsGone) {
  Register("Ana");
  ASSERT_OK(BatchMaker("MX/20", 0, 9).Verdict(1, 9, v1::QUARANTINED).ApplyTo(store.get()));
  EXPECT_THAT(store->DiscardRejected("MX/20", 2), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(store->DiscardRejected("MX/20", 1));
  EXPECT_EQ(Counts().rejected, 0u);
  EXPECT_TRUE(store->Rejected()->empty());
}

TEST_F(DeviceApplyBatchTest, AnEditOfARefusedCreateShowsNothing) {
  const RecordId id = Register("Ana");
  ASSERT_OK(SetNotes(id, "dos"));
  ASSERT_OK(BatchMaker("MX/20", 0, 9).Verdict(1, 9, v1::REJECTED).ApplyTo(store.get()));
  EXPECT_FALSE(Get(id));
  Reopen();
  ASSERT_OK(BatchMaker("MX/20", 9, 10).Verdict(2, 10, v1::REJECTED).ApplyTo(store.get()));
  EXPECT_FALSE(Get(id));
  EXPECT_EQ(Counts().rejected, 2u);
}

TEST_F(DeviceApplyBatchTest, LostFieldsAreNotFolded) {
  const RecordId id = NewId();
  const ServerRecord record = FromServer(id, "Ana", "suyo");
  ASSERT_OK(BatchMaker("MX/20", 0, 1).Entry(record.EntryAfter(0, true)).ApplyTo(store.get()));
  v1::Person after = PersonNamed("", "mio");
  after.set_gender("f");
  ASSERT_OK(CommitOne(Edit(id, v1::Person(), after)));
  BatchMaker batch("MX/20", 1, 9);
  batch.Verdict(1, 9, v1::MERGED);
  v1::Verdict::Lost& lost = *batch.body.mutable_verdicts(0)->add_lost();
  lost.add_fields(17);
  ASSERT_OK_AND_ASSIGN(const BatchEffect effect, batch.ApplyTo(store.get()));
  EXPECT_EQ(effect.merged, 1u);
  EXPECT_EQ(NotesOf(id), "suyo");
  EXPECT_EQ(GetPerson(id)->gender(), "f");
}

TEST_F(DeviceApplyBatchTest, AChangeThatMetADeletionIsNotFolded) {
  const RecordId id = NewId();
  ServerRecord record = FromServer(id, "Ana");
  ASSERT_OK(BatchMaker("MX/20", 0, 1).Entry(record.EntryAfter(0, true)).ApplyTo(store.get()));
  ASSERT_OK(SetNotes(id, "mio"));
  BatchMaker batch("MX/20", 1, 9);
  batch.Verdict(1, 9, v1::MERGED);
  batch.body.mutable_verdicts(0)->add_lost();
  record.Write(Deletion(id), 8);
  ASSERT_OK(batch.Entry(record.EntryAfter(1, false)).ApplyTo(store.get()));
  EXPECT_FALSE(Get(id));
}

TEST_F(DeviceApplyBatchTest, AnEntryIsSeenBeneathAPendingEdit) {
  const RecordId id = NewId();
  ServerRecord record = FromServer(id, "Ana", "suyo");
  ASSERT_OK(BatchMaker("MX/20", 0, 1).Entry(record.EntryAfter(0, true)).ApplyTo(store.get()));
  ASSERT_OK(SetNotes(id, "mio"));
  record.Write(NotesEdit(id, "suyo otra vez"), 2);
  record.Write(GenderEdit(id, "f"), 3);
  ASSERT_OK(BatchMaker("MX/20", 1, 3).Entry(record.EntryAfter(1, false)).ApplyTo(store.get()));
  EXPECT_EQ(NotesOf(id), "mio");
  EXPECT_EQ(GetPerson(id)->gender(), "f");
}

TEST_F(DeviceApplyBatchTest, EntriesAreLaidOverWhatVerdictsFolded) {
  const RecordId id = NewId();
  ServerRecord record = FromServer(id, "Ana", "suyo");
  ASSERT_OK(BatchMaker("MX/20", 0, 1).Entry(record.EntryAfter(0, true)).ApplyTo(store.get()));
  ASSERT_OK(SetNotes(id, "mio"));
  record.Write(NotesEdit(id, "mas tarde"), 5);
  ASSERT_OK(BatchMaker("MX/20", 1, 5)
                .Verdict(1, 4)
                .Entry(record.EntryAfter(1, false))
                .ApplyTo(store.get()));
  EXPECT_EQ(NotesOf(id), "mas tarde");
}

TEST_F(DeviceApplyBatchTest, AnEntryOlderThanAFoldedVerdictIsLaidOverAllTheSame) {
  const RecordId id = NewId();
  ServerRecord record = FromServer(id, "Ana", "suyo");
  ASSERT_OK(BatchMaker("MX/20", 0, 1).Entry(record.EntryAfter(0, true)).ApplyTo(store.get()));
  ASSERT_OK(SetNotes(id, "mio"));
  record.Write(GenderEdit(id, "f"), 5);
  ASSERT_OK(BatchMaker("MX/20", 1, 7)
                .Verdict(1, 7)
                .Entry(record.EntryAfter(1, false))
                .ApplyTo(store.get()));
  EXPECT_EQ(GetPerson(id)->gender(), "f");
  EXPECT_EQ(NotesOf(id), "mio");
  Reopen();
  EXPECT_EQ(NotesOf(id), "mio");
}

TEST_F(DeviceApplyBatchTest, AVerdictDoesNotOverwriteANewerBase) {
  const RecordId id = NewId();
  ServerRecord record = FromServer(id, "Ana", "suyo");
  record.Write(NotesEdit(id, "nuevo"), 9);
  ASSERT_OK(BatchMaker("MX/20", 0, 9).Entry(record.EntryAfter(0, true)).ApplyTo(store.get()));
  v1::Person after = PersonNamed("", "mio");
  after.set_gender("f");
  ASSERT_OK(CommitOne(Edit(id, v1::Person(), after)));
  ResetCursor();
  ASSERT_OK(BatchMaker("MX/20", 0, 6).Verdict(1, 5).ApplyTo(store.get()));
  EXPECT_EQ(NotesOf(id), "nuevo");
  EXPECT_EQ(GetPerson(id)->gender(), "f");
}

TEST_F(DeviceApplyBatchTest, AFoldedVerdictDoesNotClaimToHaveSeenWhatOthersWroteBefore) {
  const RecordId id = NewId();
  const ServerRecord record = FromServer(id, "Ana", "suyo");
  ASSERT_OK(
      BatchMaker("MX/20", 0, 2, false).Entry(record.EntryAfter(0, true)).ApplyTo(store.get()));
  ASSERT_OK(SetNotes(id, "mio"));
  EXPECT_EQ(BodyOf(1).changes(0).seen(), 1u);
  // The record's entry has moved beyond this batch: somebody may have written at 5.
  ASSERT_OK(BatchMaker("MX/20", 2, 8, false).Verdict(1, 7).ApplyTo(store.get()));
  EXPECT_EQ(Get(id)->seen, 1u);
  ASSERT_OK(SetNotes(id, "mio otra vez"));
  EXPECT_EQ(BodyOf(2).changes(0).seen(), 1u);
  ASSERT_OK(BatchMaker("MX/20", 8, 20).ApplyTo(store.get()));
  EXPECT_EQ(Get(id)->seen, 20u);
}

TEST_F(DeviceApplyBatchTest, AReadTokenIsSentOnAndNeverClaimsTooMuch) {
  const RecordId id = NewId();
  ServerRecord record = FromServer(id, "Ana", "suyo");
  ASSERT_OK(BatchMaker("MX/20", 0, 9).Entry(record.EntryAfter(0, true)).ApplyTo(store.get()));
  v1::Change change = NotesEdit(id, "mio");
  change.set_seen(4);
  ASSERT_OK(CommitOne(change));
  EXPECT_EQ(BodyOf(1).changes(0).seen(), 4u);
  change.set_seen(1000);
  ASSERT_OK(CommitOne(change));
  EXPECT_EQ(BodyOf(2).changes(0).seen(), 0u);
}

TEST_F(DeviceApplyBatchTest, ARepeatedBatchDoesNothing) {
  const RecordId id = Register("Ana", "uno");
  BatchMaker batch("MX/20", 0, 9);
  batch.Verdict(1, 9);
  ASSERT_OK(batch.ApplyTo(store.get()));
  ASSERT_OK(SetNotes(id, "dos"));
  const int writes = disk.writes;
  ASSERT_OK_AND_ASSIGN(const BatchEffect effect, batch.ApplyTo(store.get()));
  EXPECT_EQ(effect.applied, 0u);
  EXPECT_EQ(disk.writes, writes);
  EXPECT_EQ(NotesOf(id), "dos");
}

TEST_F(DeviceApplyBatchTest, ABatchMustStartAtTheCursor) {
  ASSERT_OK(BatchMaker("MX/20", 0, 9).ApplyTo(store.get()));
  EXPECT_THAT(BatchMaker("MX/20", 10, 12).ApplyTo(store.get()),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(BatchMaker("MX/20", 5, 12).ApplyTo(store.get()),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_OK(BatchMaker("MX/20", 9, 12).ApplyTo(store.get()));
}

TEST_F(DeviceApplyBatchTest, AnEmptyCheckpointMovesComplete) {
  ASSERT_OK(BatchMaker("MX/20", 0, 9, false).ApplyTo(store.get()));
  ASSERT_OK(BatchMaker("MX/20", 9, 9, true).ApplyTo(store.get()));
  ASSERT_EQ(store->Cursors().size(), 1u);
  EXPECT_EQ(store->Cursors()[0].complete(), 9u);
}

// What the device saw before counts in the old numbers until the new epoch has told everything.
TEST_F(DeviceApplyBatchTest, PositionsStayInTheOldEpochUntilTheNextCheckpoint) {
  ASSERT_OK(BatchMaker("MX/20", 0, 9).ApplyTo(store.get()));
  ResetCursor();
  EXPECT_TRUE(store->Cursors().empty());
  const auto position_of_next = [&] {
    Register("Ana");
    const auto page = store->ReadOutbox("MX/20", store->Head("MX/20").sequence(), 1);
    v1::ChangeSetHeader header;
    EXPECT_TRUE(header.ParseFromString(page->change_sets[0].header()));
    return header.position();
  };
  const auto batch_of_new_epoch = [](uint64_t from, uint64_t to, bool checkpoint) {
    BatchMaker batch("MX/20", from, to, checkpoint);
    batch.batch.mutable_cursor()->set_epoch(std::string(16, 'x'));
    batch.batch.mutable_cursor()->set_run(std::string(16, 'y'));
    return batch;
  };
  EXPECT_EQ(position_of_next().epoch(), std::string(16, 'e'));
  ASSERT_OK(batch_of_new_epoch(0, 3, false).ApplyTo(store.get()));
  Reopen();
  EXPECT_EQ(position_of_next().epoch(), std::string(16, 'e'));
  EXPECT_EQ(position_of_next().sequence(), 0u);
  ASSERT_OK(batch_of_new_epoch(3, 12, true).ApplyTo(store.get()));
  EXPECT_EQ(position_of_next().epoch(), std::string(16, 'x'));
  EXPECT_EQ(position_of_next().run(), std::string(16, 'y'));
  EXPECT_EQ(position_of_next().sequence(), 12u);
}

// She was deleted and came back; the server went back to before she did.
TEST_F(DeviceApplyBatchTest, ARemovalThatIsOlderThanWhatIsKnownIsNotTakenFromAServerThatWentBack) {
  const RecordId id = NewId();
  ServerRecord record = FromServer(id, "Ana", "primera");
  record.Write(Deletion(id), 2);
  const v1::Entry deleted = record.EntryAfter(0, true);
  record.Write(Creation(id, "MX/20/067", PersonNamed("Ana", "segunda")), 3);
  ASSERT_OK(BatchMaker("MX/20", 0, 3).Entry(record.EntryAfter(0, true)).ApplyTo(store.get()));
  ResetCursor();

  ASSERT_OK(BatchMaker("MX/20", 0, 2).Entry(deleted).ApplyTo(store.get()));

  EXPECT_EQ(NotesOf(id), "segunda");
}

// The writer sent its record again to a server that went back, and deleted it there.
TEST_F(DeviceApplyBatchTest, TheEndOfTheLifeThatIsHereIsTakenWhateverItsNumber) {
  const RecordId id = NewId();
  const WriteRef creation = {.stamp = Hlc{uint64_t{1'767'000'000'000} << 16},
                             .replica = *ReplicaId::Parse("000000000000000000000000000000ff"),
                             .user = "otra",
                             .origin_sequence = 1,
                             .sequence = 9};
  ServerRecord lost;
  lost.Write(Creation(id, "MX/20/067", PersonNamed("Ana", "perdida")), creation);
  ASSERT_OK(BatchMaker("MX/20", 0, 9).Entry(lost.EntryAfter(0, true)).ApplyTo(store.get()));
  ResetCursor();
  WriteRef again = creation;
  again.sequence = 1;
  ServerRecord record;
  record.Write(Creation(id, "MX/20/067", PersonNamed("Ana", "perdida")), again);
  record.Write(Deletion(id), 2);

  ASSERT_OK(BatchMaker("MX/20", 0, 2).Entry(record.EntryAfter(0, true)).ApplyTo(store.get()));

  EXPECT_EQ(NotesOf(id), "(absent)");
}

TEST_F(DeviceApplyBatchTest, MalformedBatchesChangeNothing) {
  const RecordId id = Register("Ana");
  Register("Eva");
  const RecordId other = NewId();
  const auto entry = FromServer(other, "Luz").EntryAfter(0, true);
  const std::vector<std::pair<const char*, std::function<void(BatchMaker&)>>> faults = {
      {"other partition's cursor",
       [](BatchMaker& b) { b.batch.mutable_cursor()->set_partition("MX/21"); }},
      {"no partition", [](BatchMaker& b) { b.batch.set_partition("MX/20/067"); }},
      {"cursor elsewhere", [](BatchMaker& b) { b.batch.mutable_cursor()->set_scanned(8); }},
      {"complete beyond scanned",
       [](BatchMaker& b) { b.batch.mutable_cursor()->set_complete(10); }},
      {"backwards", [](BatchMaker& b) { b.batch.set_from(10); }},
      {"verdict left out", [](BatchMaker& b) { b.body.mutable_verdicts(0)->set_sequence(2); }},
      {"verdict out of range",
       [](BatchMaker& b) { b.body.mutable_verdicts(0)->set_commit_sequence(10); }},
      {"no outcome", [](BatchMaker& b) { b.body.mutable_verdicts(0)->clear_outcome(); }},
      {"verdict twice", [](BatchMaker& b) { *b.body.add_verdicts() = b.body.verdicts(0); }},
      {"stamp at the end of time",
       [](BatchMaker& b) { b.body.mutable_verdicts(0)->set_stamp(~uint64_t{0}); }},
      {"short id", [](BatchMaker& b) { b.body.mutable_entries(0)->set_record_id("x"); }},
      {"entry out of range", [](BatchMaker& b) { b.body.mutable_entries(0)->set_sequence(10); }},
      {"entry without state", [](BatchMaker& b) { b.body.mutable_entries(0)->clear_state(); }},
      {"bad index",
       [](BatchMaker& b) {
         b.body.mutable_entries(0)->mutable_state()->mutable_writes(0)->set_actor(77);
       }},
      {"garbage values",
       [](BatchMaker& b) {
         b.body.mutable_entries(0)->mutable_state()->mutable_writes(0)->set_values("\xff\xff");
       }},
      {"bad moved_to", [](BatchMaker& b) { b.body.mutable_entries(0)->set_moved_to("??"); }},
  };
  const int writes = disk.writes;
  for (const auto& [name, spoil] : faults) {
    BatchMaker batch("MX/20", 0, 9);
    batch.Verdict(1, 8).Entry(entry);
    spoil(batch);
    const auto applied = batch.ApplyTo(store.get());
    EXPECT_TRUE(applied.status().code() == absl::StatusCode::kInvalidArgument ||
                applied.status().code() == absl::StatusCode::kDataLoss)
        << name << ": " << applied.status();
    EXPECT_EQ(disk.writes, writes) << name;
  }
  EXPECT_TRUE(Get(id)->pending);
  EXPECT_FALSE(Get(other));
  EXPECT_EQ(Counts().pending, 2u);
  EXPECT_TRUE(store->Cursors().empty());
  EXPECT_OK(BatchMaker("MX/20", 0, 9).Verdict(1, 8).Entry(entry).ApplyTo(store.get()));
  EXPECT_TRUE(Get(other));
}

TEST_F(DeviceApplyBatchTest, VerdictsOfUnknownChangeSetsAreIgnored) {
  Register("Ana");
  ASSERT_OK(BatchMaker("MX/20", 0, 3).Verdict(1, 3).ApplyTo(store.get()));
  ASSERT_OK(BatchMaker("MX/20", 3, 9).Verdict(1, 4).Verdict(7, 9).ApplyTo(store.get()));
  EXPECT_EQ(store->Head("MX/20").confirmed(), 1u);
}

TEST_F(DeviceApplyBatchTest, ARecordThatLeftIsDroppedUnlessAnotherSubscriptionHoldsThePlace) {
  const RecordId id = NewId();
  const ServerRecord record = FromServer(id, "Ana");
  ASSERT_OK(BatchMaker("MX/20", 0, 1).Entry(record.EntryAfter(0, true)).ApplyTo(store.get()));
  ASSERT_OK(BatchMaker("MX/20", 1, 2).Departure(id, 2, "MX/20/068").ApplyTo(store.get()));
  ASSERT_TRUE(Get(id)) << "MX/20 and all below it is read here";
  EXPECT_EQ(Get(id)->scope, "MX/20/068");
  ASSERT_OK(BatchMaker("MX/20", 2, 3).Departure(id, 3, "MX/21").ApplyTo(store.get()));
  EXPECT_FALSE(Get(id));
}

TEST_F(DeviceApplyBatchTest, PendingEditsOfARecordThatLeftComeBackWithIt) {
  const RecordId id = NewId();
  ServerRecord record = FromServer(id, "Ana");
  ASSERT_OK(BatchMaker("MX/20", 0, 1).Entry(record.EntryAfter(0, true)).ApplyTo(store.get()));
  ASSERT_OK(SetNotes(id, "mio"));
  ASSERT_OK(BatchMaker("MX/20", 1, 2).Departure(id, 2, "MX/21").ApplyTo(store.get()));
  EXPECT_FALSE(Get(id));
  Reopen();
  record.Write(GenderEdit(id, "f"), 4);
  ASSERT_OK(BatchMaker("MX/20", 2, 4).Entry(record.EntryAfter(0, true)).ApplyTo(store.get()));
  EXPECT_EQ(NotesOf(id), "mio");
}

TEST_F(DeviceApplyBatchTest, ARecordOfAnUnknownTypeIsKept) {
  v1::Entry entry = FromServer(NewId(), "Ana").EntryAfter(0, true);
  entry.set_type_id(59999);
  ASSERT_OK_AND_ASSIGN(const BatchEffect effect,
                       BatchMaker("MX/20", 0, 1).Entry(entry).ApplyTo(store.get()));
  EXPECT_EQ(effect.records, 1u);
}

TEST_F(DeviceApplyBatchTest, AWholeEntryReplacesWhatWasThere) {
  const RecordId id = NewId();
  ASSERT_OK(BatchMaker("MX/20", 0, 1)
                .Entry(FromServer(id, "Ana", "suyo").EntryAfter(0, true))
                .ApplyTo(store.get()));
  ServerRecord again;
  again.Write(Creation(id, "MX/20/067", PersonNamed("Otra")), 5);
  ASSERT_OK(BatchMaker("MX/20", 1, 5).Entry(again.EntryAfter(0, true)).ApplyTo(store.get()));
  EXPECT_EQ(NotesOf(id), "");
}

// A server that went back may have the record made anew: what is here is of a life that it lost.
TEST_F(DeviceApplyBatchTest, APartOfAnotherLifeIsNotLaidOverWhatIsHere) {
  const RecordId id = NewId();
  ASSERT_OK(BatchMaker("MX/20", 0, 3)
                .Entry(FromServer(id, "Ana", "suyo").EntryAfter(0, true))
                .ApplyTo(store.get()));
  ServerRecord again;
  again.Write(Creation(id, "MX/20/067", PersonNamed("Otra")), 2);
  again.Write(NotesEdit(id, "nuevo"), 5);
  EXPECT_THAT(
      BatchMaker("MX/20", 3, 5).Entry(again.EntryAfter(3, false)).ApplyTo(store.get()).status(),
      StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(NotesOf(id), "suyo");
  ASSERT_OK(store->GiveUpCursor("MX/20"));
  ASSERT_OK(
      BatchMaker("MX/20", 0, 5).Entry(again.EntryAfter(0, true)).ApplyTo(store.get()).status());
  EXPECT_EQ(NotesOf(id), "nuevo");
}

// Every backup holds its quarantine, but the server may still take it in.
TEST_F(DeviceApplyBatchTest, WhatWaitsInQuarantineIsRetainedUntilItIsTakenIn) {
  const RecordId id = Register("Ana", "uno");
  BatchMaker first("MX/20", 0, 9);
  first.Verdict(1, 9, v1::QUARANTINED);
  first.body.mutable_verdicts(0)->add_refusals()->set_reason(v1::UNKNOWN_RECORD);
  ASSERT_OK(first.ApplyTo(store.get()));
  EXPECT_EQ(Counts().rejected, 1u);
  v1::Welcome welcome;
  *welcome.add_feeds() = BelowFeed("MX/20");
  welcome.add_covered()->set_partition("MX/20");
  welcome.mutable_covered(0)->set_sequence(9);
  ASSERT_OK(store->NoteWelcome(welcome));
  ASSERT_OK(BatchMaker("MX/20", 9, 12).Verdict(1, 12).ApplyTo(store.get()));
  EXPECT_EQ(Counts().rejected, 0u);
  EXPECT_EQ(NotesOf(id), "uno");
}

TEST_F(DeviceApplyBatchTest, WhatIsTakenInWithTheBatchThatSetItAsideAgainIsNotListed) {
  Register("Ana", "uno");
  BatchMaker lost("MX/20", 0, 9);
  lost.Verdict(1, 9, v1::QUARANTINED);
  ASSERT_OK(lost.ApplyTo(store.get()));
  ResetCursor();
  BatchMaker again("MX/20", 0, 12);
  again.Verdict(1, 11, v1::QUARANTINED).Verdict(1, 12);

  ASSERT_OK(again.ApplyTo(store.get()));

  EXPECT_EQ(Counts().rejected, 0u);
  Reopen();
  EXPECT_EQ(Counts().rejected, 0u);
}

// The number of a lost commit lies above those of the line before it.
TEST_F(DeviceApplyBatchTest, AVerdictOfALostLineIsNotCoveredUntilTheServerHasToldItsOwn) {
  Register("Ana", "uno");
  ASSERT_OK(BatchMaker("MX/20", 0, 900).Verdict(1, 900, v1::REJECTED).ApplyTo(store.get()));
  v1::Welcome welcome;
  *welcome.add_feeds() = BelowFeed("MX/20");
  welcome.add_resets()->set_partition("MX/20");
  welcome.add_covered()->set_partition("MX/20");
  welcome.mutable_covered(0)->set_sequence(1000);

  ASSERT_OK(store->NoteWelcome(welcome));
  welcome.clear_resets();
  ASSERT_OK(store->NoteWelcome(welcome));
  ASSERT_OK(BatchMaker("MX/20", 0, 1000).Verdict(1, 5).ApplyTo(store.get()));

  EXPECT_EQ(Counts().rejected, 0u);
}

TEST_F(DeviceApplyBatchTest, EverythingOutlivesAReopening) {
  const RecordId id = Register("Ana", "uno");
  const ReplicaId replica = store->replica();
  ASSERT_OK(SetNotes(id, "dos"));
  ASSERT_OK(BatchMaker("MX/20", 0, 9).Verdict(1, 9).ApplyTo(store.get()));
  v1::Welcome welcome;
  welcome.set_user("ana");
  *welcome.add_feeds() = BelowFeed("MX/20");
  ASSERT_OK(store->NoteWelcome(welcome));
  ASSERT_OK(store->PutSetting("server", "example"));
  const std::string head = store->Head("MX/20").SerializeAsString();
  Reopen();
  EXPECT_EQ(store->replica(), replica);
  EXPECT_EQ(store->Head("MX/20").SerializeAsString(), head);
  EXPECT_EQ(store->Cursors()[0].scanned(), 9u);
  EXPECT_EQ(store->LastWelcome().user(), "ana");
  EXPECT_EQ(*store->GetSetting("server"), "example");
  EXPECT_THAT(store->GetSetting("other"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(NotesOf(id), "dos");
  EXPECT_EQ(Counts().pending, 1u);
  EXPECT_EQ(Counts().oldest_pending, clock.Now());
}

TEST_F(DeviceApplyBatchTest, TheUserChangesOnlyWhenNothingOfTheFormerOneWaits) {
  ASSERT_OK(store->SetUser("ana"));
  Register("Eva");
  EXPECT_OK(store->SetUser("ana"));
  EXPECT_THAT(store->SetUser("luz"), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK(BatchMaker("MX/20", 0, 9).Verdict(1, 9).ApplyTo(store.get()));
  EXPECT_OK(store->SetUser("luz"));
  Reopen();
  EXPECT_EQ(store->user(), "luz");
}

TEST_F(DeviceApplyBatchTest, ABatchThatOnlyMovesTheCursorIsNotSynced) {
  ASSERT_OK(BatchMaker("MX/20", 0, 1)
                .Entry(FromServer(NewId(), "Ana").EntryAfter(0, true))
                .ApplyTo(store.get()));
  const int syncs = disk.syncs;
  ASSERT_OK(BatchMaker("MX/20", 1, 9).ApplyTo(store.get()));
  EXPECT_EQ(disk.syncs, syncs);
  EXPECT_EQ(store->Cursors()[0].complete(), 9U);
}

TEST_F(DeviceApplyBatchTest, TheListenerHearsOfBatches) {
  const RecordId id = NewId();
  std::vector<RecordId> heard;
  store->SetChangeListener([&](absl::Span<const ChangedRecord> changed) {
    for (const ChangedRecord& record : changed) heard.push_back(record.id);
  });
  ASSERT_OK(BatchMaker("MX/20", 0, 1)
                .Entry(FromServer(id, "Ana").EntryAfter(0, true))
                .ApplyTo(store.get()));
  EXPECT_THAT(heard, testing::ElementsAre(id));
}

TEST(DeviceOpenTest, TheStoreOfAServerIsRefused) {
  SharedDisk disk;
  KvBatch batch;
  PutFormat(StoreKind::kAuthority, &batch);
  ASSERT_OK(disk.kv->Write(batch, Durability::kSync));
  FakeClock clock;
  SeededRandom random(1);
  EXPECT_THAT(
      OpenDeviceStore(std::make_unique<SharedKv>(&disk), {&Registry::BuiltIn(), &clock, &random}),
      StatusIs(absl::StatusCode::kFailedPrecondition));
}

// Whatever the server lacks words for, or tells to nobody in this device's class.
class UntoldFieldTest : public DeviceApplyBatchTest {
 protected:
  // Notes of its own in somebody else's record, which the server took at 9.
  void SetUp() override {
    ASSERT_OK(BatchMaker("MX/20", 0, 1).Entry(Whole()).ApplyTo(store.get()));
    ASSERT_OK(SetNotes(id_, "mía"));
    ASSERT_OK(BatchMaker("MX/20", 1, 9).Verdict(1, 9).ApplyTo(store.get()));
  }
  // All that the server tells of the record.
  v1::Entry Whole() { return FromServer(id_, "Ana").EntryAfter(0, true); }

  const RecordId id_ = NewId();
};

TEST_F(UntoldFieldTest, StaysUnderAnEntryThatTellsTheRecordAnew) {
  for (int i = 0; i < 2; ++i) {
    ResetCursor();
    ASSERT_OK(BatchMaker("MX/20", 0, 10).Entry(Whole()).ApplyTo(store.get()));
    EXPECT_EQ(NotesOf(id_), "mía");
  }
  Reopen();
  EXPECT_EQ(NotesOf(id_), "mía");
}

TEST_F(UntoldFieldTest, OfWorkThatIsToBeJudgedAnewTheEntrySaysAll) {
  ASSERT_OK(store->ResumeAfterLoss("MX/20", 1));
  ResetCursor();
  ASSERT_OK(BatchMaker("MX/20", 0, 10).Entry(Whole()).ApplyTo(store.get()));
  EXPECT_EQ(NotesOf(id_), "");
}

TEST_F(UntoldFieldTest, OfWorkThatIsNotTakenAgainTheEntrySaysAll) {
  ASSERT_OK(store->ResumeAfterLoss("MX/20", 1));
  ResetCursor();
  BatchMaker batch("MX/20", 0, 12);
  batch.Verdict(1, 12, v1::QUARANTINED).Entry(Whole());
  batch.body.mutable_verdicts(0)->add_refusals()->set_reason(v1::NOT_GRANTED);
  ASSERT_OK(batch.ApplyTo(store.get()));
  EXPECT_EQ(NotesOf(id_), "");
  // Nor later.
  ResetCursor();
  ASSERT_OK(BatchMaker("MX/20", 0, 13).Entry(Whole()).ApplyTo(store.get()));
  EXPECT_EQ(NotesOf(id_), "");
}

TEST_F(UntoldFieldTest, StaysOnceTheServerHasTakenTheWorkAgain) {
  ASSERT_OK(store->ResumeAfterLoss("MX/20", 1));
  ResetCursor();
  ASSERT_OK(BatchMaker("MX/20", 0, 12).Verdict(1, 12).Entry(Whole()).ApplyTo(store.get()));
  EXPECT_EQ(NotesOf(id_), "mía");
}

// Somebody else's later value, or its end, is told where the server has words for it.
TEST_F(UntoldFieldTest, GivesWayToWhatTheEntryTells) {
  ServerRecord record = FromServer(id_, "Ana");
  record.Write(NotesEdit(id_, "otra"), 10);
  ResetCursor();
  ASSERT_OK(BatchMaker("MX/20", 0, 10).Entry(record.EntryAfter(0, true)).ApplyTo(store.get()));
  EXPECT_EQ(NotesOf(id_), "otra");
}

}  // namespace
}  // namespace brigada
