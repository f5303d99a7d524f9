// Goal: a commit is validated, numbered, chained and seen at once; one that fails leaves no trace.
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "brigada/v1/conflict.pb.h"
#include "brigada/v1/event.pb.h"
#include "brigada/v1/visit.pb.h"
#include "replica/base/limits.h"
#include "replica/crypto/hash_chain.h"
#include "tests/unit/store/device_fixture.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;

class DeviceCommitTest : public DeviceStoreFixture {
 protected:
  // Nothing of a refused commit may be left.
  void ExpectEmpty() {
    EXPECT_EQ(Counts().pending, 0u);
    EXPECT_TRUE(store->Partitions().empty());
  }
};

TEST_F(DeviceCommitTest, ARecordIsReadBackAsPending) {
  const RecordId id = Register("Ana");
  const std::optional<RecordView> record = Get(id);
  ASSERT_TRUE(record);
  EXPECT_TRUE(record->pending);
  EXPECT_EQ(record->scope, "MX/20/067");
  EXPECT_EQ(GetPerson(id)->name().given_names(), "Ana");
  EXPECT_EQ(record->created.replica, store->replica());
}

TEST_F(DeviceCommitTest, SequencesCountPerPartition) {
  Register("Ana");
  Register("Eva");
  ASSERT_OK_AND_ASSIGN(const CommitReceipt puebla,
                       CommitOne(Creation(NewId(), "MX/21", PersonNamed("Luz"))));
  EXPECT_EQ(puebla.partition, "MX/21");
  EXPECT_EQ(puebla.sequence, 1u);
  EXPECT_EQ(store->Head("MX/20").sequence(), 2u);
  EXPECT_EQ(Counts().pending, 3u);
}

TEST_F(DeviceCommitTest, AnEditChangesOnlyItsFields) {
  const RecordId id = Register("Ana", "uno");
  ASSERT_OK(SetNotes(id, "dos"));
  EXPECT_EQ(NotesOf(id), "dos");
  EXPECT_EQ(GetPerson(id)->name().given_names(), "Ana");
}

TEST_F(DeviceCommitTest, WhatOnlyDecidesAConflictNeedsNoRecord) {
  v1::Conflict conflict;
  const RecordId about = NewId();
  conflict.set_about_type(TypeNamed("Person").type_id());
  conflict.set_about_record(about.AsBytes());
  const RecordId entry = NewId();
  ServerRecord told;
  told.Write(Creation(entry, "MX/20/067", conflict, "Conflict"), 1);
  ASSERT_OK(BatchMaker("MX/20", 0, 1).Entry(told.EntryAfter(0, true)).ApplyTo(store.get()));
  v1::Change decision;
  decision.set_type_id(conflict.about_type());
  decision.set_record_id(about.AsBytes());
  decision.add_resolves(NewId().AsBytes());
  EXPECT_THAT(CommitOne(decision), StatusIs(absl::StatusCode::kNotFound));

  decision.set_resolves(0, entry.AsBytes());
  ASSERT_OK_AND_ASSIGN(const CommitReceipt receipt, CommitOne(decision));

  EXPECT_EQ(receipt.partition, "MX/20");
  EXPECT_EQ(Counts().pending, 1u);
  EXPECT_FALSE(Get(about));
}

TEST_F(DeviceCommitTest, ADeletedRecordIsGoneAndItsIdMayLiveAgain) {
  const RecordId id = Register("Ana");
  ASSERT_OK(CommitOne(Deletion(id)));
  EXPECT_FALSE(Get(id));
  EXPECT_THAT(SetNotes(id, "x"), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(CommitOne(Creation(id, "MX/20/067", PersonNamed("Ana otra vez"))));
  EXPECT_EQ(GetPerson(id)->name().given_names(), "Ana otra vez");
}

TEST_F(DeviceCommitTest, ATransactionIsOneChangeSet) {
  const RecordId one = NewId();
  const RecordId two = NewId();
  v1::Person edited = PersonNamed("Ana", "editada");
  ASSERT_OK(store->Commit(
      {Creation(one, "MX/20/067", PersonNamed("Ana")), Creation(two, "MX/20", PersonNamed("Eva")),
       Edit(one, PersonNamed("Ana"), edited)},
      Durability::kSync));
  EXPECT_EQ(Counts().pending, 1u);
  EXPECT_EQ(NotesOf(one), "editada");
  EXPECT_TRUE(Get(two));
}

TEST_F(DeviceCommitTest, AFailingTransactionLeavesNothing) {
  const RecordId id = NewId();
  EXPECT_THAT(store->Commit({Creation(id, "MX/20/067", PersonNamed("Ana")),
                             Creation(id, "MX/20/067", PersonNamed("Eva"))},
                            Durability::kSync),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_FALSE(Get(id));
  ExpectEmpty();
}

TEST_F(DeviceCommitTest, MissingRequiredFieldsAreNamed) {
  EXPECT_THAT(CommitOne(Creation(NewId(), "MX/20/067", v1::Person())),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("name")));
  ExpectEmpty();
}

TEST_F(DeviceCommitTest, AScopeOfAWrongLevelIsRefused) {
  v1::Change change = Creation(NewId(), "MX/20", PersonNamed("Ana"));
  change.set_scope("MX");
  EXPECT_THAT(CommitOne(change), StatusIs(absl::StatusCode::kInvalidArgument));
  ExpectEmpty();
}

TEST_F(DeviceCommitTest, TwoPartitionsInOneCommitAreRefusedByName) {
  EXPECT_THAT(store->Commit({Creation(NewId(), "MX/20/067", PersonNamed("Ana")),
                             Creation(NewId(), "MX/21/114", PersonNamed("Eva"))},
                            Durability::kSync),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       testing::AllOf(HasSubstr("MX/20"), HasSubstr("MX/21"))));
  ExpectEmpty();
}

TEST_F(DeviceCommitTest, AMoveToAnotherPartitionIsAChangeSetOfTheOldOne) {
  const RecordId id = Register("Ana");
  v1::Change move = Edit(id, v1::Person(), v1::Person());
  move.set_scope("MX/21/114");
  const auto receipt = CommitOne(move);
  ASSERT_OK(receipt);
  EXPECT_EQ(receipt->partition, "MX/20");
  EXPECT_EQ(Get(id)->scope, "MX/21/114");
  // What is written next goes after it, until the new state has told of the record.
  ASSERT_OK(SetNotes(id, "allá"));
  EXPECT_EQ(BodyOf(3).changes(0).record_id(), id.bytes());
  move.set_scope("MX/99x");
  EXPECT_THAT(CommitOne(move), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(DeviceCommitTest, ServerWrittenTypesAreRefused) {
  EXPECT_THAT(CommitOne(Creation(NewId(), "MX/20", v1::Conflict(), "Conflict")),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(DeviceCommitTest, AnAppendOnlyRecordIsNeitherEditedNorDeleted) {
  v1::Visit visit;
  visit.mutable_at()->set_seconds(1);
  visit.set_outcome(v1::CONTACT);
  const RecordId id = NewId();
  ASSERT_OK(CommitOne(Creation(id, "MX/20/067", visit, "Visit")));
  v1::Visit after = visit;
  after.set_minutes(5);
  EXPECT_THAT(CommitOne(Edit(id, visit, after, "Visit")),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  v1::Change deletion = Deletion(id);
  deletion.set_type_id(TypeNamed("Visit").type_id());
  EXPECT_THAT(CommitOne(deletion),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("names the old one")));
  EXPECT_TRUE(Get(id, "Visit"));
}

TEST_F(DeviceCommitTest, ADerivedIdMustBeTheOneItsPartsGive) {
  v1::Attendance attendance;
  attendance.set_event(NewId().AsBytes());
  attendance.set_person(NewId().AsBytes());
  attendance.set_state(v1::ATTENDED);
  attendance.set_state(v1::ATTENDED);
  v1::Change change = Creation(RecordId(), "MX/20/067", attendance, "Attendance");
  EXPECT_OK(CommitOne(change));
  change.set_record_id(NewId().AsBytes());
  EXPECT_THAT(CommitOne(change), StatusIs(absl::StatusCode::kInvalidArgument));
}

v1::Event HeldCircle() {
  v1::Event event;
  event.set_kind(v1::CIRCLE);
  event.set_title("Círculo");
  event.set_state(v1::HELD);
  return event;
}

TEST_F(DeviceCommitTest, ACreateInAStateThatNoneStartsInIsRefusedAtOnce) {
  EXPECT_THAT(CommitOne(Creation(NewId(), "MX/20/067", HeldCircle(), "Event")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("events: state is not a state to start in (planned)")));
  ExpectEmpty();
}

TEST_F(DeviceCommitTest, ACreateAndAMoveOfItsStateGoInTogether) {
  const RecordId id = NewId();
  v1::Event planned = HeldCircle();
  planned.set_state(v1::PLANNED);
  EXPECT_OK(store->Commit(
      {Creation(id, "MX/20/067", planned, "Event"), Edit(id, planned, HeldCircle(), "Event")},
      Durability::kSync));
}

// The server knows what it was before it was deleted, and goes on from there.
TEST_F(DeviceCommitTest, ACreateThatDecidesAConflictMayRestoreAnyState) {
  v1::Change change = Creation(NewId(), "MX/20/067", HeldCircle(), "Event");
  change.add_resolves(NewId().AsBytes());
  EXPECT_OK(CommitOne(change));
}

TEST_F(DeviceCommitTest, ACreateOfALiveIdIsRefusedInAnyPartition) {
  const RecordId id = Register("Ana");
  EXPECT_THAT(CommitOne(Creation(id, "MX/21", PersonNamed("Ana"))),
              StatusIs(absl::StatusCode::kAlreadyExists));
}

// A fact that another device registers too merges at the server; here an edit adds to it.
TEST_F(DeviceCommitTest, AFactThatIsHereAlreadyIsNotCreatedAgain) {
  v1::Attendance attendance;
  attendance.set_event(NewId().AsBytes());
  attendance.set_person(NewId().AsBytes());
  attendance.set_state(v1::ATTENDED);
  const RecordType& type = TypeNamed("Attendance");
  const absl::StatusOr<v1::Change> change =
      CreateChange(type, RecordId(), *Scope::Parse("MX/20/067"), attendance);
  ASSERT_OK(change);
  ASSERT_OK(CommitOne(*change));
  EXPECT_THAT(CommitOne(*change), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(Counts().pending, 1u);
}

TEST_F(DeviceCommitTest, WhatNoServerCouldTakeIsRefusedAtOnce) {
  std::vector<v1::Change> many;
  for (size_t i = 0; i <= kMaxChangesPerSet; ++i) {
    many.push_back(Creation(NewId(), "MX/20", PersonNamed("Ana")));
  }
  EXPECT_THAT(store->Commit(std::move(many), Durability::kSync),
              StatusIs(absl::StatusCode::kInvalidArgument));
  std::vector<v1::Change> large;
  for (size_t i = 0; i < 600; ++i) {
    large.push_back(Creation(NewId(), "MX/20", PersonNamed("Ana", std::string(2000, 'x'))));
  }
  EXPECT_THAT(store->Commit(std::move(large), Durability::kSync),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("split")));
  EXPECT_THAT(store->Commit({}, Durability::kSync), StatusIs(absl::StatusCode::kInvalidArgument));
  ExpectEmpty();
}

TEST_F(DeviceCommitTest, TheHeaderSaysWhatTheWriterHadSeen) {
  ASSERT_OK(store->SetUser("ana"));
  ASSERT_OK(BatchMaker("MX/20", 0, 40).ApplyTo(store.get()));
  ASSERT_OK(store->NoteServerTime(absl::FromUnixMillis(5000)));
  clock.Advance(absl::Seconds(2));
  Register("Eva");
  const v1::ChangeSetHeader header = HeaderOf(1);
  EXPECT_EQ(header.user(), "ana");
  EXPECT_EQ(header.replica(), store->replica().AsBytes());
  EXPECT_EQ(header.position().epoch(), std::string(16, 'e'));
  EXPECT_EQ(header.position().sequence(), 40u);
  EXPECT_EQ(header.position().server_time_ms(), 5000);
  EXPECT_EQ(header.position().elapsed_ms(), 2000);
  EXPECT_EQ(BodyOf(1).changes(0).seen(), 0u) << "the position says it already";
}

TEST_F(DeviceCommitTest, ThePositionSaysTheLastRevocationToldAlsoAfterARestart) {
  ASSERT_OK(store->NoteRevocation(7));
  ASSERT_OK(store->NoteServerTime(absl::FromUnixMillis(5000)));
  Register("Ana");
  Reopen();
  ASSERT_OK(store->NoteServerTime(absl::FromUnixMillis(6000)));
  Register("Eva");
  EXPECT_EQ(HeaderOf(1).position().revocation(), 7U);
  EXPECT_EQ(HeaderOf(2).position().revocation(), 7U);
}

TEST_F(DeviceCommitTest, ElapsedTimeGoesOnAfterARestart) {
  ASSERT_OK(store->NoteServerTime(absl::FromUnixMillis(5000)));
  clock.Advance(absl::Seconds(2));
  Register("Ana");
  clock.Advance(absl::Seconds(3));
  Reopen();
  Register("Eva");
  EXPECT_EQ(HeaderOf(2).position().elapsed_ms(), 5000);
}

TEST_F(DeviceCommitTest, OnAnotherMachineItsTimeBeforeTheStoreCameIsNotElapsed) {
  clock.StartAnew(absl::Hours(1));
  ASSERT_OK(store->NoteServerTime(absl::FromUnixMillis(5000)));
  clock.Advance(absl::Seconds(2));
  Register("Ana");
  clock.StartAnew(/*uptime=*/absl::Hours(24 * 30));
  Reopen();
  clock.Advance(absl::Seconds(3));
  Register("Eva");
  EXPECT_EQ(HeaderOf(2).position().elapsed_ms(), 5000);
  Reopen();
  clock.Advance(absl::Seconds(4));
  Reopen();
  Register("Rosa");
  EXPECT_EQ(HeaderOf(3).position().elapsed_ms(), 9000);
}

TEST_F(DeviceCommitTest, TimeCountsFromTheFirstOpeningOnAnotherMachineThoughNothingIsWritten) {
  ASSERT_OK(store->NoteServerTime(absl::FromUnixMillis(5000)));
  clock.StartAnew(/*uptime=*/absl::Hours(24 * 30));
  Reopen();
  clock.Advance(absl::Seconds(4));
  Reopen();
  Register("Ana");
  EXPECT_EQ(HeaderOf(1).position().elapsed_ms(), 4000);
}

TEST_F(DeviceCommitTest, StampsAreNotOfTheFutureOnAMachineThatHasBeenOnForLonger) {
  const absl::Time now = clock.Now();
  ASSERT_OK(store->NoteServerTime(now));
  clock.StartAnew(/*uptime=*/absl::Hours(24 * 30));
  Reopen();
  Register("Ana");
  EXPECT_LE(Hlc{HeaderOf(1).stamp()}.ToTime(), now + kPermittedClockLead);
}

TEST_F(DeviceCommitTest, ElapsedTimeIsNeverMoreThanWhatPassed) {
  clock.Advance(absl::Microseconds(900));
  ASSERT_OK(store->NoteServerTime(absl::FromUnixMillis(5000)));
  Register("Ana");
  EXPECT_EQ(HeaderOf(1).position().elapsed_ms(), 0);
  clock.Advance(absl::Microseconds(1900));
  Register("Eva");
  EXPECT_EQ(HeaderOf(2).position().elapsed_ms(), 1);
}

TEST_F(DeviceCommitTest, StampsRiseWhateverTheWallClockDoes) {
  Register("Ana");
  clock.SetWall(absl::FromUnixSeconds(0));
  Reopen();
  Register("Eva");
  EXPECT_GT(HeaderOf(2).stamp(), HeaderOf(1).stamp());
}

// The authority would lower it, and each later one with it.
TEST_F(DeviceCommitTest, AStampThatAWrongClockGaveIsLeftOnceTheClockIsRight) {
  const absl::Time now = clock.Now();
  ASSERT_OK(store->NoteServerTime(now));
  clock.SetWall(now + absl::Hours(24 * 365 * 24));
  Register("Ana");
  clock.SetWall(now);
  Register("Eva");
  EXPECT_GT(Hlc{HeaderOf(1).stamp()}.ToTime(), now + absl::Hours(1));
  EXPECT_LE(Hlc{HeaderOf(2).stamp()}.ToTime(), now + kPermittedClockLead);
}

TEST_F(DeviceCommitTest, TheChainIsRecomputedFromAnyPage) {
  for (int i = 0; i < 5; ++i) Register(absl::StrCat("Persona ", i));
  ChainValue chain = ChainStart(store->replica().bytes(), "MX/20");
  for (uint64_t sequence = 1; sequence <= 5; ++sequence) {
    ASSERT_OK_AND_ASSIGN(const OutboxPage page, store->ReadOutbox("MX/20", sequence, 1));
    ASSERT_EQ(page.change_sets.size(), 1u);
    EXPECT_EQ(page.last_sequence, sequence);
    EXPECT_EQ(page.end, sequence == 5);
    const v1::ChangeSet& set = page.change_sets[0];
    EXPECT_EQ(set.salt().size(), 16u);
    chain = NextChain(chain, set.header(), BodyHash(set.salt(), set.body()));
    EXPECT_EQ(page.chain_after, AsView(chain));
  }
  EXPECT_EQ(store->Head("MX/20").chain(), AsView(chain));
  ASSERT_OK_AND_ASSIGN(const OutboxPage all, store->ReadOutbox("MX/20", 1, 1 << 20));
  EXPECT_EQ(all.change_sets.size(), 5u);
  EXPECT_EQ(all.chain_after, AsView(chain));
}

TEST_F(DeviceCommitTest, NothingIsSentBeforeItIsOnDisk) {
  ASSERT_OK(CommitOne(Creation(NewId(), "MX/20", PersonNamed("Ana")), Durability::kMemory));
  const int syncs = disk.syncs;
  ASSERT_OK(store->ReadOutbox("MX/20", 1, 1000));
  EXPECT_EQ(disk.syncs, syncs + 1);
  ASSERT_OK(store->ReadOutbox("MX/20", 1, 1000));
  EXPECT_EQ(disk.syncs, syncs + 1);
}

TEST_F(DeviceCommitTest, WorkOfAnEarlierProcessIsNotSentBeforeItIsOnDisk) {
  ASSERT_OK(CommitOne(Creation(NewId(), "MX/20", PersonNamed("Ana")), Durability::kMemory));
  Reopen();
  const int syncs = disk.syncs;
  ASSERT_OK(store->ReadOutbox("MX/20", 1, 1000));
  EXPECT_EQ(disk.syncs, syncs + 1);
}

TEST_F(DeviceCommitTest, ACommitOfOneRecordReadsItOnceAndWritesOnce) {
  const RecordId id = Register("Ana");
  const v1::Change edit = Edit(id, v1::Person(), PersonNamed("", "x"));
  disk.record_gets = 0;
  disk.writes = 0;
  ASSERT_OK(CommitOne(edit));
  EXPECT_EQ(disk.record_gets, 1);
  EXPECT_EQ(disk.writes, 1);
  disk.record_gets = 0;
  Register("Eva");
  EXPECT_EQ(disk.record_gets, 1);
}

TEST_F(DeviceCommitTest, AFailedWriteChangesNothing) {
  Register("Ana");
  disk.fails = true;
  const RecordId id = NewId();
  EXPECT_THAT(CommitOne(Creation(id, "MX/20", PersonNamed("Eva"))),
              StatusIs(absl::StatusCode::kResourceExhausted));
  disk.fails = false;
  EXPECT_FALSE(Get(id));
  EXPECT_EQ(store->Head("MX/20").sequence(), 1u);
  ASSERT_OK(CommitOne(Creation(id, "MX/20", PersonNamed("Eva"))));
  EXPECT_EQ(store->Head("MX/20").sequence(), 2u);
}

TEST_F(DeviceCommitTest, ThreadsThatCommitTogetherGetEveryNumberOnce) {
  constexpr int kThreads = 4;
  constexpr int kCommits = 25;
  std::vector<std::vector<v1::Change>> work(kThreads);
  for (auto& changes : work) {
    for (int i = 0; i < kCommits; ++i) {
      changes.push_back(Creation(NewId(), "MX/20", PersonNamed("Ana")));
    }
  }
  std::vector<std::set<uint64_t>> sequences(kThreads);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (const v1::Change& change : work[t]) {
        sequences[t].insert(store->Commit({change}, Durability::kSync)->sequence);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<uint64_t> all;
  for (const auto& part : sequences) all.insert(part.begin(), part.end());
  EXPECT_EQ(all.size(), static_cast<size_t>(kThreads * kCommits));
  EXPECT_EQ(*all.rbegin(), static_cast<uint64_t>(kThreads * kCommits));
  Reopen();
  EXPECT_EQ(Counts().pending, static_cast<uint64_t>(kThreads * kCommits));
}

TEST_F(DeviceCommitTest, ACommitThatFailsLeavesNothingInTheGroupItWaitedIn) {
  const RecordId shared = Register("Ana");
  v1::Person good;
  good.set_gender("f");
  const v1::Change edit = Edit(shared, v1::Person(), good);
  const v1::Change half = Edit(shared, v1::Person(), PersonNamed("", "de un grupo fallido"));
  const v1::Change fails = Edit(NewId(), v1::Person(), good);
  disk.pauses = true;  // so that commits wait for each other
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const bool expected = (t + i) % 2 == 0;
        const auto done = expected ? store->Commit({edit}, Durability::kSync)
                                   : store->Commit({half, fails}, Durability::kSync);
        EXPECT_EQ(done.ok(), expected);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(NotesOf(shared), "");
  EXPECT_EQ(store->Head("MX/20").sequence(), 101u);
}

TEST_F(DeviceCommitTest, TheListenerHearsOfEachCommitAndMayCommit) {
  std::vector<RecordId> heard;
  const RecordId second = NewId();
  store->SetChangeListener([&](absl::Span<const ChangedRecord> changed) {
    for (const ChangedRecord& record : changed) heard.push_back(record.id);
    if (heard.size() == 1) {
      EXPECT_OK(CommitOne(Creation(second, "MX/20", PersonNamed("Eva"))));
      EXPECT_EQ(heard.size(), 1u) << "one call at a time";
    }
  });
  const RecordId first = Register("Ana");
  EXPECT_THAT(heard, testing::ElementsAre(first, second));
}

TEST_F(DeviceCommitTest, RecordsThatDoNotFitOneBatchTogetherAreRefusedAtOnce) {
  const auto large = [&](size_t bytes) {
    v1::Change change = Creation(NewId(), "MX/20/067", PersonNamed("Ana"));
    // Field 100, of a newer program.
    std::string content("\xa2\x06", 2);
    for (size_t left = bytes;; left >>= 7) {
      content.push_back(static_cast<char>((left & 0x7f) | (left >= 0x80 ? 0x80 : 0)));
      if (left < 0x80) break;
    }
    change.mutable_values()->append(content + std::string(bytes, 'x'));
    return change;
  };
  std::vector<v1::Change> edits;
  for (int i = 0; i < 4; ++i) {
    const v1::Change creation = large(500'000);
    ASSERT_OK(store->Commit({creation}, Durability::kSync));
    edits.push_back(
        Edit(*RecordId::FromBytes(creation.record_id()), v1::Person(), PersonNamed("Eva")));
  }
  EXPECT_THAT(store->Commit(edits, Durability::kSync),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("split it")));
  EXPECT_OK(store->Commit({edits[0], edits[1]}, Durability::kSync));
}

TEST_F(DeviceCommitTest, AStateThatCannotBeOneIsRefusedAtOnce) {
  EXPECT_THAT(
      store->Commit({Creation(NewId(), "MX/OAX/067", PersonNamed("Ana"))}, Durability::kSync),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("MX/OAX")));
}

TEST_F(DeviceCommitTest, ARecordOfMoreFieldsThanAnyServerTakesIsRefusedAtOnce) {
  v1::Change change = Creation(NewId(), "MX/20/067", PersonNamed("Ana"));
  for (int number = 1000; number < 3000; ++number) {
    const uint32_t tag = static_cast<uint32_t>(number) << 3;
    for (uint32_t left = tag;; left >>= 7) {
      change.mutable_values()->push_back(
          static_cast<char>((left & 0x7f) | (left >= 0x80 ? 0x80 : 0)));
      if (left < 0x80) break;
    }
    change.mutable_values()->push_back('\1');
  }
  EXPECT_THAT(store->Commit({change}, Durability::kSync),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("fields")));
}

TEST_F(DeviceCommitTest, WhatADividedStoreSendsNamesTheChainItContinuesEachTime) {
  ASSERT_OK(CommitOne(Creation(NewId(), "MX/20", PersonNamed("Ana"))));
  ASSERT_OK(CommitOne(Creation(NewId(), "MX/20", PersonNamed("Eva"))));
  v1::SharedWork shared;
  shared.set_partition("MX/20");
  shared.set_last(1);
  ASSERT_OK(store->BecomeReplica(NewReplicaId(random), {&shared, 1}));

  ASSERT_OK_AND_ASSIGN(const OutboxPage asked, store->ReadOutbox("MX/20", 1, 1 << 20));
  ASSERT_OK_AND_ASSIGN(const OutboxPage again, store->ReadOutbox("MX/20", 2, 1 << 20));

  EXPECT_EQ(asked.last_sequence, 2u);
  EXPECT_NE(asked.chain_before, "");
  EXPECT_EQ(again.chain_before, asked.chain_before)
      << "the server has no verdict on change set 1 of the new id";
}

}  // namespace
}  // namespace brigada
