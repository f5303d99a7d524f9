// How much of its delivered work a device keeps for a server that goes back, and for how long.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/store/device_keys.h"
#include "replica/store/keys.h"
#include "replica/store/kv_device_store.h"
#include "tests/unit/store/device_fixture.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kOaxaca[] = "MX/20";
constexpr size_t kBytesMax = 8192;

class DeviceRetainedTest : public DeviceStoreFixture {
 protected:
  DeviceRetainedTest() {
    store.reset();
    auto opened =
        OpenDeviceStore(std::make_unique<SharedKv>(&disk), {.registry = &Registry::BuiltIn(),
                                                            .clock = &clock,
                                                            .random = &random,
                                                            .retained_bytes_max = kBytesMax});
    EXPECT_OK(opened);
    store = *std::move(opened);
    Welcome();
  }

  // The server's time is that of the clock; no backup holds anything.
  void Welcome() { WelcomeAt(clock.Now()); }
  void WelcomeAt(absl::Time server_time) {
    v1::Welcome welcome;
    welcome.set_epoch(std::string(16, 'e'));
    welcome.set_server_time_ms(absl::ToUnixMillis(server_time));
    *welcome.add_feeds() = BelowFeed(kOaxaca);
    ASSERT_OK(store->NoteServerTime(server_time));
    ASSERT_OK(store->NoteWelcome(welcome));
  }
  // A change set of one person, or of many.
  void Deliver(size_t bytes, int people = 1) {
    std::vector<v1::Change> changes(static_cast<size_t>(people));
    for (v1::Change& change : changes) {
      change = Creation(NewId(), "MX/20/067", PersonNamed("Rosa", std::string(bytes, 'n')));
    }
    ASSERT_OK(store->Commit(changes, Durability::kSync));
    ++delivered_;
    ASSERT_OK(BatchMaker(kOaxaca, delivered_ - 1, delivered_)
                  .Verdict(delivered_, delivered_)
                  .ApplyTo(store.get()));
  }
  OutboxPage Kept() {
    auto page = store->ReadOutbox(kOaxaca, 1, 100'000'000);
    EXPECT_OK(page);
    return *std::move(page);
  }
  std::vector<uint64_t> Sequences() {
    std::vector<uint64_t> sequences;
    for (const v1::ChangeSet& set : Kept().change_sets) {
      v1::ChangeSetHeader header;
      EXPECT_TRUE(header.ParseFromString(set.header()));
      sequences.push_back(header.sequence());
    }
    return sequences;
  }

  std::vector<uint64_t> RowsOfOutbox() {
    std::vector<uint64_t> sequences;
    const std::string prefix = PartitionPrefix(kOaxaca);
    const auto it = disk.kv->Iterate(Table::kOutbox, prefix, PrefixEnd(prefix));
    for (it->SeekToFirst(); it->Valid(); it->Next())
      sequences.push_back(BigEndian64(it->key().substr(prefix.size())));
    return sequences;
  }
  // Both copies are damaged as the disk is now.
  void Recover() {
    store.reset();
    KvDeviceStore recovering(
        std::make_unique<SharedKv>(&disk),
        DeviceStoreOptions{.registry = &Registry::BuiltIn(), .clock = &clock, .random = &random});
    ASSERT_OK(recovering.Open());
    RestoredOutbox restored;
    ASSERT_OK(recovering.RestoreOutbox(&restored));
  }

  uint64_t delivered_ = 0;
};

TEST_F(DeviceRetainedTest, BeyondTheBoundOfBytesTheOldestGo) {
  for (int i = 0; i < 40; ++i) Deliver(1000);

  size_t bytes = 0;
  for (const v1::ChangeSet& set : Kept().change_sets) bytes += set.ByteSizeLong();
  EXPECT_LE(bytes, kBytesMax);
  EXPECT_GT(bytes, kBytesMax / 2) << "no more than had to";
  const std::vector<uint64_t> kept = Sequences();
  EXPECT_EQ(kept.back(), 40u);
  EXPECT_EQ(kept.front(), 41u - kept.size());
}

// A server that lost everything is told where the rest begins.
TEST_F(DeviceRetainedTest, WhatIsLeftNamesTheChainItContinues) {
  for (int i = 0; i < 12; ++i) Deliver(1000);
  const std::string chain_before = Kept().chain_before;
  EXPECT_FALSE(chain_before.empty());
  ASSERT_OK(store->ResumeAfterLoss(kOaxaca, 1));
  EXPECT_EQ(Kept().chain_before, chain_before);
}

TEST_F(DeviceRetainedTest, UnsentWorkIsBoundByNothing) {
  for (int i = 0; i < 12; ++i) Deliver(1000);
  const size_t kept = Sequences().size();
  for (int i = 0; i < 20; ++i) Register("Eva", std::string(1000, 'n'));
  Welcome();
  EXPECT_EQ(Sequences().size(), kept + 20);
}

TEST_F(DeviceRetainedTest, OneThatIsLargerThanTheBoundGoesWithTheNext) {
  Deliver(1000, /*people=*/12);
  EXPECT_THAT(Sequences(), ElementsAre(1));
  Deliver(10);
  EXPECT_THAT(Sequences(), ElementsAre(2));
}

TEST_F(DeviceRetainedTest, After400DaysOfTheServersTimeItGoes) {
  Deliver(10);
  clock.Advance(absl::Hours(24 * 399));
  Welcome();
  Deliver(10);
  EXPECT_THAT(Sequences(), ElementsAre(1, 2));
  clock.Advance(absl::Hours(24 * 2));
  Welcome();
  EXPECT_THAT(Sequences(), ElementsAre(2));
  clock.Advance(absl::Hours(24 * 400));
  Welcome();
  EXPECT_THAT(Sequences(), IsEmpty());
}

TEST_F(DeviceRetainedTest, AServerThatStandsIn2056ForOneSessionLetsNothingGo) {
  Deliver(10);
  WelcomeAt(absl::FromUnixSeconds(2'713'910'400));
  Deliver(10);
  Welcome();
  EXPECT_THAT(Sequences(), ElementsAre(1, 2));
}

TEST_F(DeviceRetainedTest, WhatWasJudgedByAServerThatStoodIn2000IsKept) {
  WelcomeAt(absl::FromUnixSeconds(946'684'800));
  Deliver(10);
  Welcome();
  EXPECT_THAT(Sequences(), ElementsAre(1));
}

TEST_F(DeviceRetainedTest, WhatWasJudgedWhileTheDeviceStoodIn2000IsKept) {
  const absl::Time now = clock.Now();
  clock.SetWall(absl::FromUnixSeconds(946'684'800));
  Deliver(10);
  clock.SetWall(now);
  Welcome();
  EXPECT_THAT(Sequences(), ElementsAre(1));
}

TEST_F(DeviceRetainedTest, AWrongClockOfTheDeviceLetsNothingGo) {
  Deliver(10);
  const absl::Time now = clock.Now();
  clock.SetWall(now + absl::Hours(24 * 10'000));
  Deliver(10);
  clock.SetWall(now - absl::Hours(24 * 10'000));
  Deliver(10);
  clock.SetWall(now);
  Welcome();
  EXPECT_THAT(Sequences(), ElementsAre(1, 2, 3));
}

// The verdict that comes with the erasure takes the place of the oldest set.
TEST_F(DeviceRetainedTest, AnErasureBringsNothingBackThatTheSameBatchLetsGoOf) {
  const RecordId erased = Register("Ana", std::string(1800, 'n'));
  ASSERT_OK(BatchMaker(kOaxaca, 0, 1).Verdict(1, 1).ApplyTo(store.get()));
  for (delivered_ = 1; delivered_ < 4;) Deliver(1800);
  ASSERT_THAT(Sequences(), ElementsAre(1, 2, 3, 4));
  Register("Luz", std::string(1800, 'n'));
  ASSERT_OK(
      BatchMaker(kOaxaca, 4, 6).Verdict(5, 5).Entry(ErasedEntry(erased, 6)).ApplyTo(store.get()));
  EXPECT_THAT(RowsOfOutbox(), ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(Sequences(), ElementsAre(2, 3, 4, 5));
}

TEST_F(DeviceRetainedTest, AnErasureIsCountedInWhatIsRetained) {
  const RecordId erased = Register("Ana", std::string(1800, 'n'));
  ASSERT_OK(BatchMaker(kOaxaca, 0, 1).Verdict(1, 1).ApplyTo(store.get()));
  ASSERT_OK(BatchMaker(kOaxaca, 1, 2).Entry(ErasedEntry(erased, 2)).ApplyTo(store.get()));
  EXPECT_LT(store->Head(kOaxaca).retained_bytes(), 1000u);
}

TEST_F(DeviceRetainedTest, ARecoveryLeavesNoRowThatNobodyCanRead) {
  for (int i = 0; i < 4; ++i) Deliver(100);
  KvBatch damage;
  damage.Put(Table::kOutbox, ChangeSetKey(kOaxaca, 2), "\xff");
  ASSERT_OK(disk.kv->Write(damage, Durability::kSync));
  Recover();
  EXPECT_THAT(RowsOfOutbox(), ElementsAre(4));
}

// Both copies of it were damaged, and nothing else.
TEST_F(DeviceRetainedTest, ARecoveryWithoutTheLastDeliveredSetGoesOnInItsChain) {
  for (int i = 0; i < 3; ++i) Deliver(100);
  const std::string chain = store->Head(kOaxaca).chain();
  KvBatch damage;
  damage.Delete(Table::kOutbox, ChangeSetKey(kOaxaca, 3));
  ASSERT_OK(disk.kv->Write(damage, Durability::kSync));
  Recover();
  Reopen();

  const RecordId id = Register("Luz");

  EXPECT_TRUE(Get(id));
  ASSERT_OK_AND_ASSIGN(const OutboxPage page, store->ReadOutbox(kOaxaca, 4, 1'000'000));
  ASSERT_EQ(page.change_sets.size(), 1U);
  EXPECT_EQ(page.chain_before, chain);
}

}  // namespace
}  // namespace brigada
