// Goal: a device whose store is damaged goes on with all the work it had not sent. Method: a device
// with work of each kind on a disk in memory; files of its store are removed or changed; then it is
// recovered, and its outbox, list of refusals, chain and view are what they were.
#include "replica/store/device_recovery.h"

#include <rocksdb/env.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "replica/store/framed_record.h"
#include "replica/store/keys.h"
#include "replica/store/last_success.h"
#include "replica/store/mirrored_kv.h"
#include "replica/store/store_check.h"
#include "tests/support/fault_env.h"
#include "tests/unit/store/device_fixture.h"

namespace brigada {
namespace {

constexpr char kOaxaca[] = "MX/20";
constexpr char kMirror[] = "/store/OUTBOX_MIRROR";

RecordId IdOf(int number) { return DerivedRecordId({"person", absl::StrCat(number)}); }

class DeviceRecoveryTest : public ::testing::Test {
 protected:
  DeviceRecoveryTest() { Live(); }

  DeviceStoreOptions options() {
    DeviceStoreOptions options{&Registry::BuiltIn(), &clock_, &random_};
    options.folio_place = [](absl::string_view) -> std::string { return "OAX"; };
    return options;
  }
  absl::Status Open() {
    store_.reset();
    auto kv = OpenMirroredKv({.path = "/store", .create_if_missing = true, .env = env_.env()});
    if (!kv.ok()) return kv.status();
    auto store = OpenDeviceStore(*std::move(kv), options());
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    return absl::OkStatus();
  }
  void Commit(const v1::Change& change) { ASSERT_OK(store_->Commit({change}, Durability::kSync)); }
  // Five change sets: one applied, one refused, three unsent; of a neighbour's record too.
  void Live() {
    ASSERT_OK(Open());
    ASSERT_OK(store_->SetUser("ana"));
    ASSERT_OK(store_->PutSetting("server", "brigada.example.mx"));
    ASSERT_OK(store_->PutSetting(kLastSuccess, "1"));
    for (int i = 1; i <= 3; ++i)
      Commit(Creation(IdOf(i), "MX/20/067", PersonNamed(absl::StrCat("Persona ", i))));
    neighbour_.Write(Creation(IdOf(9), "MX/20/067", PersonNamed("De otra")), 2);
    BatchMaker batch(kOaxaca, 0, 4);
    batch.Entry(neighbour_.EntryAfter(0, true)).Verdict(1, 3).Verdict(2, 4, v1::REJECTED);
    ASSERT_OK(batch.ApplyTo(store_.get()));
    Commit(Edit(IdOf(9), PersonNamed(""), PersonNamed("", "apuntes")));
    Commit(Edit(IdOf(3), PersonNamed(""), PersonNamed("", "sin red")));
    replica_ = store_->replica();
    outbox_ = Outbox();
    head_ = store_->Head(kOaxaca).SerializeAsString();
    store_.reset();
  }
  std::string Outbox() {
    const auto page = store_->ReadOutbox(kOaxaca, 1, 1 << 20);
    EXPECT_OK(page);
    std::string bytes;
    for (const v1::ChangeSet& set : page->change_sets)
      absl::StrAppend(&bytes, set.SerializeAsString(), "|");
    return bytes;
  }
  absl::StatusOr<RecoveredStore> Recover() {
    return RecoverDeviceStore("/store", options(), env_.env());
  }
  // Without CURRENT nothing of RocksDB's files can be opened.
  void DamageDatabase() { env_.disk().Remove("/store/CURRENT"); }
  std::string NotesOf(int number) {
    const auto view = store_->Read();
    const auto record = (*view)->Get(TypeNamed("Person"), IdOf(number));
    v1::Person person;
    if (!record.ok() || !record->has_value() || !person.ParseFromString((*record)->message))
      return "absent";
    return person.notes();
  }
  std::string FolioOf(int number) {
    const auto view = store_->Read();
    const auto record = (*view)->Get(TypeNamed("Person"), IdOf(number));
    v1::Person person;
    if (!record.ok() || !record->has_value() || !person.ParseFromString((*record)->message))
      return "absent";
    return person.folio();
  }
  // Where the last two records of a mirror, of which the last says that it was closed, begin.
  static size_t CutOf(const std::string& mirror) {
    size_t last = 0;
    size_t cut = 0;
    for (size_t at = 0; at < mirror.size();) {
      cut = last;
      last = at;
      at += kFrameHeadBytes + FramedLength(absl::string_view(mirror).substr(at)).value_or(1);
    }
    return cut;
  }
  void ExpectSound() {
    store_.reset();
    const auto kv = OpenMirroredKv({.path = "/store", .env = env_.env()});
    ASSERT_OK(kv);
    const auto findings = CheckStore(**kv, StoreKind::kDevice, Registry::BuiltIn());
    ASSERT_OK(findings);
    EXPECT_EQ(findings->damages, 0U) << (findings->shown.empty() ? "" : findings->shown[0].where);
  }

  FaultEnv env_;
  FakeClock clock_;
  SeededRandom random_{3};
  std::unique_ptr<DeviceStore> store_;
  ServerRecord neighbour_;
  ReplicaId replica_;
  std::string outbox_;
  std::string head_;
};

// As a repair of the file system leaves it.
TEST_F(DeviceRecoveryTest, AMirrorThatWasCutShortIsNotTakenForAll) {
  std::string early;
  ASSERT_TRUE(rocksdb::ReadFileToString(env_.env(), kMirror, &early).ok());
  ASSERT_OK(Open());
  Commit(Creation(IdOf(4), "MX/20/067", PersonNamed("Persona 4")));
  store_.reset();
  for (const std::string& left : {early, std::string()}) {
    ASSERT_TRUE(rocksdb::WriteStringToFile(env_.env(), left, kMirror).ok());
    ASSERT_OK_AND_ASSIGN(const RecoveredStore recovered, Recover());
    EXPECT_TRUE(recovered.is_whole) << "the store is";
    EXPECT_EQ(recovered.outbox.unsent, 4U);
  }
}

TEST_F(DeviceRecoveryTest, ADamagedStoreIsRefusedAndItsUnsentWorkRecovered) {
  DamageDatabase();
  ASSERT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss));
  ASSERT_OK_AND_ASSIGN(const RecoveredStore recovered, Recover());
  EXPECT_TRUE(recovered.is_whole);
  EXPECT_EQ(recovered.outbox.unsent, 3U);
  EXPECT_EQ(recovered.outbox.retained, 2U);
  EXPECT_EQ(recovered.outbox.rejected, 1U);
  EXPECT_EQ(recovered.outbox.lost, 0U);
  EXPECT_EQ(recovered.damaged_path, "/store.damaged");
  ASSERT_OK(Open());
  EXPECT_EQ(store_->replica(), replica_);
  EXPECT_EQ(store_->user(), "ana");
  EXPECT_EQ(*store_->GetSetting("server"), "brigada.example.mx");
  // The records are gone until the next sync.
  EXPECT_EQ(*store_->GetSetting(kLastSuccess), "");
  EXPECT_EQ(Outbox(), outbox_);
  EXPECT_EQ(store_->Head(kOaxaca).SerializeAsString(), head_);
  EXPECT_EQ(store_->Rejected()->size(), 1U);
  EXPECT_TRUE(store_->Cursors().empty());
  ExpectSound();
}

TEST_F(DeviceRecoveryTest, TheViewShowsTheUnsentWorkAndTheNextPullItsRecords) {
  DamageDatabase();
  ASSERT_OK(Recover());
  ASSERT_OK(Open());
  EXPECT_EQ(NotesOf(3), "sin red");
  EXPECT_EQ(NotesOf(9), "absent");
  ASSERT_OK(BatchMaker(kOaxaca, 0, 4).Entry(neighbour_.EntryAfter(0, true)).ApplyTo(store_.get()));
  EXPECT_EQ(NotesOf(9), "apuntes");
  ExpectSound();
}

TEST_F(DeviceRecoveryTest, TheChainAndTheFoliosGoOn) {
  DamageDatabase();
  ASSERT_OK(Recover());
  ASSERT_OK(Open());
  Commit(Creation(IdOf(20), "MX/20/067", PersonNamed("Después")));
  EXPECT_EQ(store_->Head(kOaxaca).sequence(), 6U);
  EXPECT_EQ(FolioOf(3), absl::StrCat("OAX-", FolioDevice(replica_), "-000003"));
  EXPECT_EQ(FolioOf(20), absl::StrCat("OAX-", FolioDevice(replica_), "-000004"));
  ExpectSound();
}

// The count of those given is in both copies: what is lost with them may have been read to others.
TEST_F(DeviceRecoveryTest, NoFolioIsGivenAgainWhereBothCopiesAreDamaged) {
  std::string whole;
  ASSERT_TRUE(rocksdb::ReadFileToString(env_.env(), kMirror, &whole).ok());
  DamageDatabase();
  const FaultDisk::Image image = env_.disk().Save();
  const auto expect_new = [&] {
    ASSERT_OK(Open());
    Commit(Creation(IdOf(20), "MX/20/067", PersonNamed("Después")));
    const std::string folio = FolioOf(20);
    EXPECT_FALSE(absl::StrContains(folio, FolioDevice(replica_))) << folio;
    ASSERT_OK(Open());
    Commit(Creation(IdOf(21), "MX/20/067", PersonNamed("Después")));
    EXPECT_EQ(FolioOf(21).substr(0, 9), folio.substr(0, 9)) << "it stays the same from then on";
    ASSERT_OK(store_->BecomeReplica(NewReplicaId(random_), {}));
    Commit(Creation(IdOf(22), "MX/20/067", PersonNamed("Después")));
    EXPECT_TRUE(absl::StrContains(FolioOf(22), FolioDevice(store_->replica()))) << FolioOf(22);
    store_.reset();
  };
  const uint64_t size = env_.disk().Size(kMirror);
  int damaged = 0;
  for (uint64_t byte = 0; byte < size; byte += 97) {
    env_.disk().Restore(image);
    env_.disk().FlipBit(kMirror, byte, 3);
    if (!Recover().ok()) continue;
    ++damaged;
    expect_new();
  }
  EXPECT_GT(damaged, 3);
  // One that was cut short between two records looks whole.
  env_.disk().Restore(image);
  ASSERT_TRUE(rocksdb::WriteStringToFile(env_.env(), whole.substr(0, CutOf(whole)), kMirror).ok());
  ASSERT_OK(Recover());
  expect_new();
}

TEST_F(DeviceRecoveryTest, ASecondRecoveryKeepsTheDevicePartOfTheFirst) {
  DamageDatabase();
  env_.disk().FlipBit(kMirror, env_.disk().Size(kMirror) / 2, 3);
  ASSERT_OK(Recover());
  ASSERT_OK(Open());
  Commit(Creation(IdOf(20), "MX/20/067", PersonNamed("Después")));
  const std::string folio = FolioOf(20);
  EXPECT_FALSE(absl::StrContains(folio, FolioDevice(replica_))) << folio;
  store_.reset();
  DamageDatabase();
  ASSERT_OK(Recover());
  ASSERT_OK(Open());
  Commit(Creation(IdOf(21), "MX/20/067", PersonNamed("Después")));
  EXPECT_EQ(FolioOf(21).substr(0, 9), folio.substr(0, 9));
  EXPECT_NE(FolioOf(21), folio);
}

TEST_F(DeviceRecoveryTest, WithoutAMirrorTheStoreThatStillOpensGivesIt) {
  env_.disk().Remove(kMirror);
  ASSERT_OK_AND_ASSIGN(const RecoveredStore recovered, Recover());
  EXPECT_TRUE(recovered.is_whole);
  ASSERT_OK(Open());
  EXPECT_EQ(Outbox(), outbox_);
  ExpectSound();
}

TEST_F(DeviceRecoveryTest, WhereBothCopiesAreDamagedTheRestIsSavedAndTheGapTold) {
  DamageDatabase();
  const uint64_t size = env_.disk().Size(kMirror);
  const FaultDisk::Image image = env_.disk().Save();
  uint64_t lost = 0;
  for (uint64_t byte = 0; byte < size; byte += 29) {
    env_.disk().Restore(image);
    env_.disk().FlipBit(kMirror, byte, 3);
    const auto recovered = Recover();
    // The first record says who the replica is.
    if (!recovered.ok()) {
      EXPECT_THAT(recovered, StatusIs(absl::StatusCode::kDataLoss)) << byte;
      continue;
    }
    EXPECT_FALSE(recovered->is_whole) << byte;
    EXPECT_EQ(recovered->mirror_damages, 1U) << byte;
    lost += recovered->outbox.lost;
    EXPECT_GE(recovered->outbox.unsent + recovered->outbox.lost, 2U) << byte;
    ASSERT_OK(Open()) << byte;
    ASSERT_OK(store_->ReadOutbox(kOaxaca, store_->Head(kOaxaca).confirmed() + 1, 1 << 20)) << byte;
    Commit(Creation(IdOf(20), "MX/20/067", PersonNamed("Después")));
    store_.reset();
  }
  EXPECT_GT(lost, 0U);
}

TEST_F(DeviceRecoveryTest, WhatIsMissingIsNamed) {
  DamageDatabase();
  const uint64_t size = env_.disk().Size(kMirror);
  const FaultDisk::Image image = env_.disk().Save();
  std::set<uint64_t> named;
  for (uint64_t byte = 0; byte < size; byte += 29) {
    env_.disk().Restore(image);
    env_.disk().FlipBit(kMirror, byte, 3);
    const auto recovered = Recover();
    if (!recovered.ok()) continue;
    uint64_t lost = 0;
    for (const LostChangeSets& sets : recovered->outbox.lost_sets) {
      EXPECT_EQ(sets.partition, kOaxaca);
      lost += sets.last - sets.first + 1;
      named.insert(sets.first);
    }
    EXPECT_EQ(lost, recovered->outbox.lost);
  }
  EXPECT_THAT(named, ::testing::IsSupersetOf({uint64_t{3}, uint64_t{4}}));
}

// As the file system's repair, or a person, leaves it: what a crash cut short is told, and ended.
TEST_F(DeviceRecoveryTest, ARecoveryThatACrashCutShortGoesOnFromThere) {
  DamageDatabase();
  const FaultDisk::Image image = env_.disk().Save();
  const uint64_t before = env_.disk().mutating_ops();
  ASSERT_OK(Recover());
  const uint64_t operations = env_.disk().mutating_ops() - before;
  int told = 0;
  // Those that make the new store are many; the last ones put it in its place.
  for (uint64_t k = 1; k <= operations; k += operations - k > 16 ? 11 : 1) {
    env_.disk().Restore(image);
    env_.disk().CrashAt(env_.disk().mutating_ops() + k);
    Recover().IgnoreError();
    env_.disk().PowerLoss(/*seed=*/k, /*torn=*/k % 2 == 0);
    ASSERT_OK_AND_ASSIGN(std::optional<RecoveredStore> recovered,
                         TakeCutShortRecovery("/store", env_.env()));
    told += recovered.has_value() ? 1 : 0;
    // The last operations are those of the note that goes.
    if (!recovered.has_value() && operations - k > 2) {
      ASSERT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss)) << k;
      ASSERT_OK_AND_ASSIGN(recovered, Recover());
    }
    if (recovered.has_value()) {
      EXPECT_EQ(recovered->replica, replica_);
      EXPECT_TRUE(recovered->is_whole);
      EXPECT_EQ(recovered->outbox.unsent, 3U);
      EXPECT_EQ(recovered->outbox.retained, 2U);
      EXPECT_EQ(recovered->outbox.rejected, 1U);
      EXPECT_EQ(recovered->damaged_path, "/store.damaged");
    }
    ASSERT_OK_AND_ASSIGN(const auto again, TakeCutShortRecovery("/store", env_.env()));
    EXPECT_FALSE(again.has_value()) << k;
    ASSERT_OK(Open()) << k;
    EXPECT_EQ(Outbox(), outbox_) << k;
    EXPECT_TRUE(env_.env()->FileExists("/store.damaged").ok()) << k;
    EXPECT_TRUE(env_.env()->FileExists("/store.new").IsNotFound()) << k;
    store_.reset();
  }
  EXPECT_GT(told, 1);
}

TEST_F(DeviceRecoveryTest, APowerCutLeavesTheOldStoreOrTheNewOne) {
  DamageDatabase();
  const FaultDisk::Image image = env_.disk().Save();
  const uint64_t before = env_.disk().mutating_ops();
  ASSERT_OK(Recover());
  const uint64_t operations = env_.disk().mutating_ops() - before;
  for (uint64_t k = 1; k <= operations; k += operations - k > 16 ? 11 : 1) {
    env_.disk().Restore(image);
    env_.disk().CrashAt(env_.disk().mutating_ops() + k);
    Recover().IgnoreError();
    env_.disk().PowerLoss(/*seed=*/k, /*torn=*/k % 2 == 1);
    if (!Open().ok()) {
      ASSERT_OK(Recover()) << k;
    }
    ASSERT_OK(Open()) << k;
    EXPECT_EQ(Outbox(), outbox_) << k;
    store_.reset();
  }
}

TEST_F(DeviceRecoveryTest, WhatACutLeftOfANewStoreIsNotTakenForTheStore) {
  DamageDatabase();
  const FaultDisk::Image image = env_.disk().Save();
  const uint64_t before = env_.disk().mutating_ops();
  ASSERT_OK(Recover());
  const uint64_t operations = env_.disk().mutating_ops() - before;
  int refused = 0;
  for (uint64_t k = 12; k <= operations - 12; k += 17) {
    env_.disk().Restore(image);
    env_.disk().CrashAt(env_.disk().mutating_ops() + k);
    Recover().IgnoreError();
    env_.disk().PowerLoss(/*seed=*/k, /*torn=*/false);
    ASSERT_TRUE(env_.env()->RenameFile("/store", "/moved").ok());
    // What it holds may not be taken for all, and nothing new may begin in its place.
    const absl::Status opened = Open();
    if (env_.env()->FileExists("/store.new").ok()) {
      ++refused;
      EXPECT_THAT(opened, StatusIs(absl::StatusCode::kFailedPrecondition,
                                   ::testing::HasSubstr("put the store back")))
          << k;
      EXPECT_THAT(Recover(), StatusIs(absl::StatusCode::kFailedPrecondition)) << k;
      ASSERT_TRUE(env_.env()->RenameFile("/moved", "/store").ok());
      ASSERT_OK(Recover()) << k;
      ASSERT_OK(Open()) << k;
      EXPECT_EQ(Outbox(), outbox_) << k;
    }
    store_.reset();
  }
  EXPECT_GT(refused, 3);
}

// What delivered work is about is told by the records, which come again later.
TEST_F(DeviceRecoveryTest, AScopeLostBeforeTheRecordsCameAgainTakesNoOtherDeliveredWork) {
  const auto greet = [&](const std::vector<const char*>& scopes) {
    v1::Welcome welcome;
    welcome.set_epoch(std::string(16, 'e'));
    for (const char* scope : scopes) *welcome.add_feeds() = BelowFeed(scope);
    ASSERT_OK(store_->NoteWelcome(welcome));
    ASSERT_OK(store_->RunPurge());
  };
  const auto has_body = [&](uint64_t sequence) {
    const auto page = store_->ReadOutbox(kOaxaca, sequence, 1);
    return page.ok() && !page->change_sets.empty() && page->change_sets[0].has_body();
  };
  ASSERT_OK(Open());
  greet({"MX/20/067", "MX/20/039"});
  Commit(Creation(IdOf(30), "MX/20/039", PersonNamed("De Huajuapan")));
  BatchMaker judged(kOaxaca, 4, 8);
  for (uint64_t sequence = 3; sequence <= 6; ++sequence) judged.Verdict(sequence, sequence + 2);
  ASSERT_OK(judged.ApplyTo(store_.get()));
  store_.reset();
  DamageDatabase();
  ASSERT_OK(Recover());
  ASSERT_OK(Open());

  greet({"MX/20/067"});
  for (const uint64_t sequence : {1, 3, 6}) EXPECT_TRUE(has_body(sequence)) << sequence;
  EXPECT_EQ(store_->PendingReceipt().feeds_size(), 0) << "not done yet";

  ServerRecord person;
  person.Write(Creation(IdOf(1), "MX/20/067", PersonNamed("Persona 1")), 3);
  ASSERT_OK(BatchMaker(kOaxaca, 0, 8).Entry(person.EntryAfter(0, true)).ApplyTo(store_.get()));
  ASSERT_OK(store_->RunPurge());
  ASSERT_OK(store_->ScrubFiles(/*cancel=*/nullptr));
  EXPECT_TRUE(has_body(1));
  EXPECT_FALSE(has_body(6));
  EXPECT_GT(store_->PendingReceipt().feeds_size(), 0);
}

TEST_F(DeviceRecoveryTest, AScopeLostWithItsWholePartitionIsNotWaitedFor) {
  ASSERT_OK(Open());
  v1::Welcome welcome;
  welcome.set_epoch(std::string(16, 'e'));
  *welcome.add_feeds() = BelowFeed("MX/20/067");
  ASSERT_OK(store_->NoteWelcome(welcome));
  BatchMaker judged(kOaxaca, 4, 8);
  for (uint64_t sequence = 3; sequence <= 5; ++sequence) judged.Verdict(sequence, sequence + 2);
  ASSERT_OK(judged.ApplyTo(store_.get()));
  store_.reset();
  DamageDatabase();
  ASSERT_OK(Recover());
  ASSERT_OK(Open());
  welcome.clear_feeds();
  ASSERT_OK(store_->NoteWelcome(welcome));
  ASSERT_OK(store_->RunPurge());
  ASSERT_OK(store_->ScrubFiles(/*cancel=*/nullptr));
  EXPECT_FALSE(store_->ReadOutbox(kOaxaca, 1, 1)->change_sets[0].has_body());
  EXPECT_GT(store_->PendingReceipt().feeds_size(), 0);
}

TEST_F(DeviceRecoveryTest, AnErasureTakesItsWordsOutOfTheMirror) {
  const auto shows = [&](absl::string_view word) {
    return absl::StrContains(*env_.disk().Save().at(kMirror), word);
  };
  ASSERT_OK(Open());
  Commit(Edit(IdOf(3), PersonNamed(""), PersonNamed("", "Xochiquetzal")));
  ASSERT_TRUE(shows("Xochiquetzal"));
  ASSERT_OK(BatchMaker(kOaxaca, 4, 6).Entry(ErasedEntry(IdOf(3), 6)).ApplyTo(store_.get()));
  ASSERT_OK(store_->ScrubFiles(/*cancel=*/nullptr));
  EXPECT_FALSE(shows("Xochiquetzal"));
  EXPECT_FALSE(shows("Persona 3"));
  EXPECT_TRUE(shows("apuntes"));
}

// Three hundred unsent change sets more, in tables or, last, in the log.
class SalvageTest : public DeviceRecoveryTest {
 protected:
  static constexpr int kMany = 300;

  SalvageTest() {
    EXPECT_OK(Open());
    for (int i = 100; i < 100 + kMany; ++i) {
      Commit(Creation(IdOf(i), "MX/20/067",
                      PersonNamed(absl::StrCat("Persona ", i), RandomText(300))));
    }
    outbox_ = Outbox();
    store_.reset();
  }
  std::string RandomText(int length) {
    std::string text;
    for (int i = 0; i < length; ++i) text.push_back(static_cast<char>('a' + random_.Uniform(26)));
    return text;
  }
  // So that the outbox lies in a table.
  void FlushTables() {
    ASSERT_OK(Open());
    store_.reset();
  }
  // How many rows of the outbox a scan gives until an error. Nullopt: the store does not open, or
  // there is no error.
  std::optional<int> RowsUntilDamage() {
    const auto kv = OpenRocksKv({.path = "/store", .read_only = true, .env = env_.env()});
    if (!kv.ok()) return std::nullopt;
    int rows = 0;
    const auto it = (*kv)->Iterate(Table::kOutbox, "", "");
    for (it->SeekToFirst(); it->Valid(); it->Next()) ++rows;
    return it->status().ok() ? std::nullopt : std::optional<int>(rows);
  }
  // Flips a bit in a block of the outbox's table, behind `rows` of its rows and before `end`.
  void DamageTableBehind(int rows, int end) {
    for (const std::string& name : env_.disk().Files("/store")) {
      if (!absl::StrContains(name, ".sst")) continue;
      const std::string path = absl::StrContains(name, "/") ? name : "/store/" + name;
      for (uint64_t byte = 0; byte < env_.disk().Size(path); byte += 4096) {
        const FaultDisk::Image image = env_.disk().Save();
        env_.disk().FlipBit(path, byte, 3);
        const int whole = RowsUntilDamage().value_or(-1);
        if (whole >= rows && whole < end) return;
        env_.disk().Restore(image);
      }
    }
    FAIL() << "no such block";
  }
  // Though neither copy is whole.
  void ExpectAllSaved(uint64_t mirror_damages) {
    ASSERT_OK_AND_ASSIGN(const RecoveredStore recovered, Recover());
    EXPECT_EQ(recovered.mirror_damages, mirror_damages);
    EXPECT_FALSE(recovered.is_whole);
    EXPECT_EQ(recovered.outbox.lost, 0U);
    EXPECT_EQ(recovered.outbox.unsent, 3U + kMany);
    ASSERT_OK(Open());
    EXPECT_EQ(Outbox(), outbox_);
    ExpectSound();
  }
  void DamageMirrorAt(double part) {
    const auto size = static_cast<double>(env_.disk().Size(kMirror));
    env_.disk().FlipBit(kMirror, static_cast<uint64_t>(size * part), 3);
  }
};

TEST_F(SalvageTest, WhatEitherDamagedCopyHasIsSaved) {
  FlushTables();
  // From behind: a scan does not get past the first.
  DamageTableBehind(250, 300);
  DamageTableBehind(150, 190);
  DamageMirrorAt(0.3);
  DamageMirrorAt(0.67);
  ExpectAllSaved(/*mirror_damages=*/2U);
}

// A scan of the store gets to them from neither end.
TEST_F(SalvageTest, WhatLiesBetweenTwoDamagedBlocksOfTheStoreIsSaved) {
  FlushTables();
  DamageTableBehind(250, 300);
  DamageTableBehind(50, 90);
  DamageMirrorAt(0.5);
  ExpectAllSaved(/*mirror_damages=*/1U);
}

TEST_F(SalvageTest, ADamagedLogStillGivesWhatIsWholeInIt) {
  // The store's log is as long as the outbox; the mirror's damage lies elsewhere in it.
  for (const std::string& name : env_.disk().Files("/store")) {
    if (!absl::StrContains(name, ".log")) continue;
    const std::string path = absl::StrContains(name, "/") ? name : "/store/" + name;
    if (env_.disk().Size(path) > 100'000) env_.disk().FlipBit(path, 40'000, 3);
  }
  ASSERT_FALSE(OpenRocksKv({.path = "/store", .read_only = true, .env = env_.env()}).ok());
  DamageMirrorAt(0.8);
  ExpectAllSaved(/*mirror_damages=*/1U);
}

TEST_F(SalvageTest, ADiskThatDoesNotReadIsToldAsThatAndItsWorkSaved) {
  FlushTables();
  const auto check = [&] {
    return CheckStoreAt("/store", StoreKind::kDevice, Registry::BuiltIn(), {}, env_.env());
  };
  const FaultDisk::Image image = env_.disk().Save();
  int told = 0;
  int closed = 0;
  for (const auto& [path, content] : image) {
    if (!content.has_value() || content->empty() || !absl::StartsWith(path, "/store/")) continue;
    const bool is_table = absl::StrContains(path, ".sst");
    if (!is_table && !absl::StrContains(path, "MANIFEST")) continue;
    env_.disk().Restore(image);
    env_.disk().SetUnreadable(path, content->size() / 2, content->size() / 2 + 1);
    const auto findings = check();
    if (findings.ok()) {
      ASSERT_GT(findings->damages, 0U) << path;
      EXPECT_EQ(findings->shown[0].kind, StoreDamage::kDiskFails) << path;
      ++told;
    } else {
      EXPECT_THAT(findings, StatusIs(absl::StatusCode::kDataLoss,
                                     ::testing::HasSubstr("the disk does not read")))
          << path;
      ++closed;
    }
    // The mirror too, somewhere.
    env_.disk().SetUnreadable(kMirror, 70'000, 70'001);
    ASSERT_OK_AND_ASSIGN(const RecoveredStore recovered, Recover());
    EXPECT_EQ(recovered.mirror_damages, 1U) << path;
    if (!findings.ok()) continue;
    EXPECT_EQ(recovered.outbox.lost, 0U) << path;
    ASSERT_OK(Open());
    EXPECT_EQ(Outbox(), outbox_) << path;
    store_.reset();
  }
  EXPECT_GT(told, 0);
  EXPECT_GT(closed, 0);
}

// The read that fails may be the one that says what kind of store it is.
TEST_F(DeviceRecoveryTest, ADiskThatFailsAnyReadOfACheckIsToldAsDamage) {
  ASSERT_OK(Open());
  store_.reset();
  bool is_after_all = false;
  int reads = 0;
  while (!is_after_all) {
    env_.disk().FailRead(++reads);
    const auto findings =
        CheckStoreAt("/store", StoreKind::kDevice, Registry::BuiltIn(), {}, env_.env());
    is_after_all = env_.disk().TakePendingFailure();
    EXPECT_FALSE(absl::IsUnavailable(findings.status())) << reads << " " << findings.status();
  }
  EXPECT_GT(reads, 10);
}

TEST_F(SalvageTest, WhatTheServerHasJudgedDoesNotComeBackOutOfAnOlderCopy) {
  const FaultDisk::Image older = env_.disk().Save();
  ASSERT_OK(Open());
  BatchMaker batch(kOaxaca, 4, 400);
  for (uint64_t sequence = 3; sequence <= 200; ++sequence) batch.Verdict(sequence, sequence + 100);
  ASSERT_OK(batch.ApplyTo(store_.get()));
  outbox_ = Outbox();
  const uint64_t confirmed = store_->Head(kOaxaca).confirmed();
  store_.reset();
  // The database has gone back, and the mirror has lost a write long past.
  FaultDisk::Image image = older;
  image[kMirror] = env_.disk().Save().at(kMirror);
  env_.disk().Restore(image);
  DamageMirrorAt(0.1);
  ASSERT_OK_AND_ASSIGN(const RecoveredStore recovered, Recover());
  EXPECT_EQ(recovered.outbox.lost, 0U);
  ASSERT_OK(Open());
  EXPECT_EQ(store_->Head(kOaxaca).confirmed(), confirmed);
  EXPECT_EQ(recovered.outbox.unsent, 5 + kMany - confirmed);
  ExpectSound();
}

// Nothing but the head says so: the rows are gone.
TEST_F(SalvageTest, WhatWasJudgedAndLetGoOfDoesNotComeBackOutOfAnOlderCopy) {
  const FaultDisk::Image older = env_.disk().Save();
  ASSERT_OK(Open());
  const uint64_t last = store_->Head(kOaxaca).sequence();
  BatchMaker batch(kOaxaca, 4, 400);
  for (uint64_t sequence = 3; sequence <= last; ++sequence) batch.Verdict(sequence, sequence + 90);
  ASSERT_OK(batch.ApplyTo(store_.get()));
  v1::Welcome welcome;
  welcome.set_epoch(std::string(16, 'e'));
  *welcome.add_feeds() = BelowFeed(kOaxaca);
  welcome.add_covered()->set_partition(kOaxaca);
  welcome.mutable_covered(0)->set_sequence(400);
  ASSERT_OK(store_->NoteWelcome(welcome));
  ASSERT_EQ(store_->Head(kOaxaca).retained_from(), last + 1);
  store_.reset();
  FaultDisk::Image image = older;
  image[kMirror] = env_.disk().Save().at(kMirror);
  env_.disk().Restore(image);
  DamageMirrorAt(0.1);
  ASSERT_OK_AND_ASSIGN(const RecoveredStore recovered, Recover());
  EXPECT_EQ(recovered.mirror_damages, 1U);
  EXPECT_EQ(recovered.outbox.unsent, 0U);
  EXPECT_EQ(recovered.outbox.lost, 0U);
  ASSERT_OK(Open());
  EXPECT_EQ(store_->Head(kOaxaca).confirmed(), last);
  ExpectSound();
}

TEST_F(DeviceRecoveryTest, AStoreThatIsOpenIsLeftAlone) {
  ASSERT_OK(Open());
  EXPECT_THAT(Recover(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(Outbox(), outbox_);
}

}  // namespace
}  // namespace brigada
