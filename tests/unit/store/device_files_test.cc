// What was erased, or may no longer be read, is in no file of a device.
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "replica/store/device_keys.h"
#include "replica/store/keys.h"
#include "replica/store/rocks_kv.h"
#include "replica/store/sealed_body.h"
#include "tests/support/store_bytes.h"
#include "tests/unit/store/device_fixture.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Indexes and StoreBytes have lower case.
constexpr char kCanary[] = "xochiquetzal";
constexpr char kHuajuapan[] = "MX/20/039";
constexpr char kJuarez[] = "MX/20/067";

class DeviceFilesTest : public DeviceStoreFixture {
 public:
  ~DeviceFilesTest() override {
    store.reset();
    disk.kv.reset();
    std::filesystem::remove_all(directory_);
  }

 protected:
  DeviceFilesTest() {
    std::string pattern = ::testing::TempDir() + "brigada_device_XXXXXX";
    directory_ = mkdtemp(pattern.data());
    store.reset();
    OpenDisk();
    Reopen();
    Welcome({BelowFeed("MX/20")});
  }

  void OpenDisk() {
    auto kv = OpenRocksKv({.path = directory_ + "/store", .create_if_missing = true});
    ASSERT_OK(kv);
    disk.kv = *std::move(kv);
  }
  // Of the closed store; afterwards it is open again.
  std::string Bytes() {
    store.reset();
    disk.kv.reset();
    std::string bytes = StoreBytes(directory_);
    OpenDisk();
    return bytes;
  }
  void Welcome(const std::vector<v1::Feed>& feeds, const SealKey* key = nullptr) {
    v1::Welcome welcome;
    if (key != nullptr) welcome.add_features(SealFeature(key->public_key()));
    welcome.set_epoch(std::string(16, 'e'));
    welcome.mutable_feeds()->Assign(feeds.begin(), feeds.end());
    ASSERT_OK(store->NoteWelcome(welcome));
    ASSERT_OK(store->RunPurge());
    Scrub();
  }
  void Scrub() {
    const absl::Status scrubbed = store->ScrubFiles(nullptr);
    // A test that reads an older view looks at what that does.
    EXPECT_TRUE(scrubbed.ok() || absl::IsDeadlineExceeded(scrubbed)) << scrubbed;
  }
  void Damage(uint64_t sequence) {
    KvBatch damage;
    damage.Put(Table::kOutbox, ChangeSetKey("MX/20", sequence), absl::StrCat("\xff", kCanary));
    ASSERT_OK(disk.kv->Write(damage, Durability::kSync));
  }
  // Backups hold what the server committed up to `sequence`.
  void Cover(uint64_t sequence) {
    v1::Welcome welcome;
    welcome.set_epoch(std::string(16, 'e'));
    *welcome.add_feeds() = BelowFeed("MX/20");
    welcome.add_covered()->set_partition("MX/20");
    welcome.mutable_covered(0)->set_sequence(sequence);
    ASSERT_OK(store->NoteWelcome(welcome));
  }
  void ExpectRetainedFrom(uint64_t sequence, absl::string_view chain) {
    EXPECT_EQ(store->Head("MX/20").retained_from(), sequence);
    ASSERT_OK_AND_ASSIGN(const OutboxPage page, store->ReadOutbox("MX/20", 1, 1'000'000));
    ASSERT_EQ(page.change_sets.size(), 1u);
    EXPECT_EQ(page.chain_before, chain);
  }
  RecordId RegisterIn(absl::string_view scope, absl::string_view name) {
    const RecordId id = NewId();
    EXPECT_OK(CommitOne(Creation(id, scope, PersonNamed(name, name))));
    return id;
  }
  void Answer(uint64_t sequence, v1::Outcome outcome = v1::APPLIED) {
    ASSERT_OK(BatchMaker("MX/20", sequence - 1, sequence)
                  .Verdict(sequence, sequence, outcome)
                  .ApplyTo(store.get()));
  }
  void Erase(const RecordId& id, uint64_t sequence) {
    ASSERT_OK(BatchMaker("MX/20", sequence - 1, sequence)
                  .Entry(ErasedEntry(id, sequence))
                  .ApplyTo(store.get()));
  }
  v1::ChangeSet SetAt(uint64_t sequence) {
    const auto page = store->ReadOutbox("MX/20", sequence, 1);
    EXPECT_OK(page);
    return page.ok() && !page->change_sets.empty() ? page->change_sets[0] : v1::ChangeSet();
  }

  std::string directory_;
};

TEST_F(DeviceFilesTest, ErasedContentIsInNoFileOnceTheyAreScrubbed) {
  const RecordId id = Register(kCanary);
  Answer(1);
  ASSERT_OK(SetNotes(id, kCanary));
  Reopen();
  Erase(id, 2);
  ASSERT_OK(store->ScrubFiles(nullptr));
  EXPECT_THAT(Bytes(), Not(HasSubstr(kCanary)));
}

TEST_F(DeviceFilesTest, ScrubThatACrashKeptBackIsStillDue) {
  const RecordId id = Register(kCanary);
  Answer(1);
  Erase(id, 2);
  ASSERT_THAT(Bytes(), HasSubstr(kCanary));
  Reopen();
  ASSERT_OK(store->ScrubFiles(nullptr));
  EXPECT_THAT(Bytes(), Not(HasSubstr(kCanary)));
  Reopen();
  const int writes = disk.writes;
  ASSERT_OK(store->ScrubFiles(nullptr));
  EXPECT_EQ(disk.writes, writes) << "it is done once";
}

TEST_F(DeviceFilesTest, RefusalThatNamesAnErasureIsScrubbedToo) {
  Register(kCanary);
  BatchMaker refused("MX/20", 0, 1);
  refused.Verdict(1, 1, v1::REJECTED);
  refused.body.mutable_verdicts(0)->add_refusals()->set_reason(v1::ERASED_RECORD);
  ASSERT_OK(refused.ApplyTo(store.get()));
  ASSERT_OK(store->ScrubFiles(nullptr));
  EXPECT_THAT(Bytes(), Not(HasSubstr(kCanary)));
}

TEST_F(DeviceFilesTest, DeliveredWorkOfALostScopeIsKeptForTheOrganizationAlone) {
  const SealKey key = SealKey::DerivedFrom(MacKey::Generate(random));
  RegisterIn(kHuajuapan, kCanary);
  Answer(1);
  const v1::ChangeSet before = SetAt(1);

  Welcome({BelowFeed(kJuarez)}, &key);

  EXPECT_EQ(store->PendingReceipt().number(), 1u);
  v1::ChangeSet set = SetAt(1);
  EXPECT_TRUE(set.has_sealed_body());
  EXPECT_TRUE(set.salt().empty());
  EXPECT_THAT(Bytes(), Not(HasSubstr(kCanary)));
  EXPECT_TRUE(OpenBody(key, &set));
  EXPECT_EQ(set.SerializeAsString(), before.SerializeAsString());
}

// Nobody can tell what it says, and nothing is sent past it; it holds up neither the receipt nor
// what can be read.
TEST_F(DeviceFilesTest, ADamagedRetainedSetGoesWithWhatLiesBeforeItAndHoldsUpNoPurge) {
  const SealKey key = SealKey::DerivedFrom(MacKey::Generate(random));
  for (uint64_t sequence = 1; sequence <= 5; ++sequence) {
    RegisterIn(kHuajuapan, kCanary);
    Answer(sequence);
  }
  const std::string chain = store->ReadOutbox("MX/20", 3, 1)->chain_after;
  Damage(2);

  Welcome({BelowFeed(kJuarez)}, &key);

  EXPECT_EQ(store->PendingReceipt().number(), 1u);
  // The chain value behind the damaged one stood in it; the next one tells it of what follows.
  EXPECT_EQ(store->Head("MX/20").retained_from(), 4u);
  ASSERT_OK_AND_ASSIGN(const OutboxPage page, store->ReadOutbox("MX/20", 1, 1'000'000));
  ASSERT_EQ(page.change_sets.size(), 2u);
  EXPECT_EQ(page.chain_before, chain);
  EXPECT_TRUE(page.change_sets[0].has_sealed_body() && page.change_sets[1].has_sealed_body());
  EXPECT_THAT(Bytes(), Not(HasSubstr(kCanary)));
}

// It may say something of the erased record.
TEST_F(DeviceFilesTest, ADamagedRetainedSetHoldsUpNoErasure) {
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
    Register("luz");
    Answer(sequence);
  }
  const RecordId erased = Register(kCanary);
  Answer(4);
  const RecordId unsent = Register("sol");
  const std::string chain = store->ReadOutbox("MX/20", 3, 1)->chain_after;
  Damage(2);

  Erase(erased, 5);

  EXPECT_EQ(store->Head("MX/20").retained_from(), 4u);
  ASSERT_OK_AND_ASSIGN(const OutboxPage page, store->ReadOutbox("MX/20", 1, 1'000'000));
  ASSERT_EQ(page.change_sets.size(), 2u);
  EXPECT_EQ(page.chain_before, chain);
  EXPECT_EQ(page.change_sets[0].stub().reason(), v1::ChangeSet::Stub::ERASED);
  EXPECT_TRUE(page.change_sets[1].has_body());
  ASSERT_OK(store->ScrubFiles(nullptr));
  EXPECT_THAT(Bytes(), Not(HasSubstr(kCanary)));
  Reopen();
  EXPECT_EQ(store->Head("MX/20").retained_from(), 4u);
  EXPECT_TRUE(Get(unsent));
}

TEST_F(DeviceFilesTest, ARowThatIsNoLongerRetainedGoesWithAnErasure) {
  const RecordId erased = Register("luz");
  Answer(1);
  Cover(1);
  Damage(1);
  Erase(erased, 2);
  ASSERT_OK(store->ScrubFiles(nullptr));
  EXPECT_THAT(Bytes(), Not(HasSubstr(kCanary)));
}

TEST_F(DeviceFilesTest, ADamagedRetainedSetHoldsUpNoRedelivery) {
  for (uint64_t sequence = 1; sequence <= 5; ++sequence) {
    Register("luz");
    Answer(sequence);
  }
  const std::string chain = store->ReadOutbox("MX/20", 3, 1)->chain_after;
  Damage(2);
  ASSERT_OK(store->ResumeAfterLoss("MX/20", 1));
  ASSERT_OK_AND_ASSIGN(const OutboxPage page, store->ReadOutbox("MX/20", 1, 1'000'000));
  EXPECT_EQ(page.change_sets.size(), 2u);
  EXPECT_EQ(page.chain_before, chain);
  EXPECT_EQ(store->Head("MX/20").reconfirmed(), 3u) << "no verdict of what is gone is waited for";
}

TEST_F(DeviceFilesTest, WhatWaitedIsTakenInThoughItsRetainedSetIsDamaged) {
  const RecordId id = Register("luz");
  Answer(1, v1::QUARANTINED);
  Damage(1);
  ASSERT_OK(BatchMaker("MX/20", 1, 2).Verdict(1, 2, v1::APPLIED).ApplyTo(store.get()));
  EXPECT_TRUE(store->Rejected()->empty());
  ASSERT_TRUE(GetPerson(id));
  EXPECT_EQ(GetPerson(id)->name().given_names(), "luz");
}

TEST_F(DeviceFilesTest, ADamagedRetainedSetHoldsUpNoDivision) {
  Register("luz");
  Answer(1);
  const RecordId unsent = Register("sol");
  Damage(1);
  ASSERT_OK(store->BecomeReplica(NewReplicaId(random), {}));
  EXPECT_TRUE(Get(unsent));
  EXPECT_EQ(store->ReadOutbox("MX/20", 1, 1'000'000)->change_sets.size(), 1u);
}

// What is committed later can still be sent to a server that went back.
TEST_F(DeviceFilesTest, BehindADamagedRetainedSetTheChainGoesOn) {
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
    Register("luz");
    Answer(sequence);
  }
  Damage(3);
  Cover(3);
  std::string chain = store->Head("MX/20").chain();
  Register("sol");
  ExpectRetainedFrom(4, chain);

  // The next is judged only after it was found.
  Answer(4);
  Register("mar");
  Damage(4);
  Cover(4);
  chain = store->Head("MX/20").chain();
  Answer(5);
  Register("flor");
  ExpectRetainedFrom(6, chain);
}

TEST_F(DeviceFilesTest, ADamagedRetainedSetThatABackupCoversHoldsUpNoWelcome) {
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
    Register("luz");
    Answer(sequence);
  }
  Damage(1);
  Cover(1);
  EXPECT_EQ(store->Head("MX/20").retained_from(), 3u);
}

// What one write batch holds is in memory at once.
TEST_F(DeviceFilesTest, LargeRetainedSetsAreSealedInSeveralBatches) {
  const SealKey key = SealKey::DerivedFrom(MacKey::Generate(random));
  constexpr uint64_t kSets = 12;
  for (uint64_t sequence = 1; sequence <= kSets; ++sequence) {
    std::vector<v1::Change> changes;
    changes.reserve(400);
    for (int i = 0; i < 400; ++i)
      changes.push_back(Creation(NewId(), kHuajuapan, PersonNamed("eva", std::string(2000, 'x'))));
    ASSERT_OK(store->Commit(changes, Durability::kSync));
    Answer(sequence);
  }
  ASSERT_GT(store->Head("MX/20").retained_bytes(), size_t{9} << 20);
  size_t largest = 0;
  disk.on_write = [&](const KvBatch& batch) {
    size_t bytes = 0;
    for (const KvBatch::Op& op : batch.ops())
      bytes += op.table == Table::kOutbox ? op.value.size() : 0;
    largest = std::max(largest, bytes);
  };
  Welcome({BelowFeed(kJuarez)}, &key);
  disk.on_write = nullptr;
  EXPECT_TRUE(SetAt(1).has_sealed_body() && SetAt(kSets).has_sealed_body());
  EXPECT_GT(largest, size_t{1} << 20);
  EXPECT_LT(largest, size_t{6} << 20);
}

// It is in no rejected list, and another server may be given it.
TEST_F(DeviceFilesTest, SealedWorkThatARestoredServerRefusesStaysSealed) {
  const SealKey key = SealKey::DerivedFrom(MacKey::Generate(random));
  RegisterIn(kHuajuapan, kCanary);
  Answer(1);
  Welcome({BelowFeed(kJuarez)}, &key);
  const v1::ChangeSet sealed = SetAt(1);
  ASSERT_TRUE(sealed.has_sealed_body());
  ASSERT_OK(store->ResumeAfterLoss("MX/20", 1));
  ASSERT_OK(BatchMaker("MX/20", 1, 2).Verdict(1, 2, v1::REJECTED).ApplyTo(store.get()));
  EXPECT_EQ(SetAt(1).SerializeAsString(), sealed.SerializeAsString());
  EXPECT_TRUE(store->Rejected()->empty());
  BatchMaker erased("MX/20", 2, 3);
  erased.Verdict(1, 3, v1::REJECTED);
  erased.body.mutable_verdicts(0)->add_refusals()->set_reason(v1::ERASED_RECORD);
  ASSERT_OK(erased.ApplyTo(store.get()));
  EXPECT_TRUE(SetAt(1).has_stub());
}

TEST_F(DeviceFilesTest, QuarantinedWorkOfALostScopeLeavesWithTheRejectedList) {
  const SealKey key = SealKey::DerivedFrom(MacKey::Generate(random));
  const RecordId id = RegisterIn(kHuajuapan, kCanary);
  Answer(1, v1::QUARANTINED);
  Welcome({BelowFeed(kJuarez)}, &key);
  EXPECT_TRUE(SetAt(1).has_sealed_body());
  ASSERT_EQ(store->Rejected()->size(), 1u);
  EXPECT_TRUE((*store->Rejected())[0].change_set().has_body()) << "it is the user's";
  ASSERT_OK(BatchMaker("MX/20", 1, 2).Verdict(1, 2, v1::APPLIED).ApplyTo(store.get()));
  EXPECT_TRUE(store->Rejected()->empty());
  EXPECT_FALSE(Get(id));
  ASSERT_OK(store->ScrubFiles(nullptr));
  EXPECT_TRUE(SetAt(1).has_sealed_body());
  EXPECT_THAT(Bytes(), Not(HasSubstr(kCanary)));
}

// Sealed, it cannot be looked into any more.
TEST_F(DeviceFilesTest, SealedWorkThatNamesAnErasedRecordGoesWithIt) {
  const SealKey key = SealKey::DerivedFrom(MacKey::Generate(random));
  const RecordId id = RegisterIn(kHuajuapan, kCanary);
  Answer(1);
  Welcome({BelowFeed(kJuarez)}, &key);
  ASSERT_TRUE(SetAt(1).has_sealed_body());
  Erase(id, 2);
  EXPECT_EQ(SetAt(1).stub().reason(), v1::ChangeSet::Stub::ERASED);
  EXPECT_TRUE(store->IsAtCheckpoint("MX/20"));
}

TEST_F(DeviceFilesTest, ReceiptIsGivenWhenOwnDeliveredWorkIsInNoFileEither) {
  const RecordId lost = RegisterIn(kHuajuapan, kCanary);
  Answer(1);
  const RecordId kept = RegisterIn(kJuarez, "luz");
  Answer(2);
  ASSERT_OK_AND_ASSIGN(const OutboxPage before, store->ReadOutbox("MX/20", 1, 1'000'000));

  Welcome({BelowFeed(kJuarez)});

  EXPECT_EQ(store->PendingReceipt().number(), 1u);
  EXPECT_FALSE(Get(lost));
  EXPECT_TRUE(Get(kept));
  EXPECT_EQ(SetAt(1).stub().reason(), v1::ChangeSet::Stub::UNREADABLE);
  EXPECT_TRUE(SetAt(1).salt().empty()) << "with it what the hash is of could be guessed";
  EXPECT_TRUE(SetAt(2).has_body());
  ASSERT_OK_AND_ASSIGN(const OutboxPage after, store->ReadOutbox("MX/20", 1, 1'000'000));
  EXPECT_EQ(after.chain_after, before.chain_after);
  const std::string bytes = Bytes();
  EXPECT_THAT(bytes, Not(HasSubstr(kCanary)));
  EXPECT_THAT(bytes, HasSubstr("luz"));
}

TEST_F(DeviceFilesTest, ReceiptWaitsForWhoStillReadsWhatWasThere) {
  RegisterIn(kHuajuapan, kCanary);
  Answer(1);
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<ReadView> view, store->Read());
  Welcome({BelowFeed(kJuarez)});
  EXPECT_EQ(store->PendingReceipt().number(), 0u);
  view.reset();
  ASSERT_OK(store->ScrubFiles(nullptr));
  EXPECT_EQ(store->PendingReceipt().number(), 1u);
  EXPECT_THAT(Bytes(), Not(HasSubstr(kCanary)));
}

TEST_F(DeviceFilesTest, APurgeThatAnotherProgramLeftSealsWithTheNextKey) {
  const SealKey key = SealKey::DerivedFrom(MacKey::Generate(random));
  RegisterIn(kHuajuapan, kCanary);
  Answer(1);
  v1::Welcome welcome;
  welcome.set_epoch(std::string(16, 'e'));
  *welcome.add_feeds() = BelowFeed(kJuarez);
  ASSERT_OK(store->NoteWelcome(welcome));
  Reopen();
  EXPECT_TRUE(SetAt(1).has_body());
  Welcome({BelowFeed(kJuarez)}, &key);
  EXPECT_TRUE(SetAt(1).has_sealed_body());
  EXPECT_EQ(store->PendingReceipt().number(), 1u);
}

}  // namespace
}  // namespace brigada
