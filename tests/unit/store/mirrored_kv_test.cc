// Goal: whatever happens to a device's disk, its mirror has every acknowledged write of the
// mirrored tables, and no more than that for long. Method: a MirroredKv on a disk that fails, loses
// power or returns other bytes; then the mirror is read by itself.
#include "replica/store/mirrored_kv.h"

#include <map>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/store/outbox_mirror.h"
#include "replica/store/second_sync.h"
#include "tests/support/fault_env.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr char kMirror[] = "/store/OUTBOX_MIRROR";

KvBatch PutIn(Table table, const std::string& key, const std::string& value) {
  KvBatch batch;
  batch.Put(table, key, value);
  return batch;
}

class MirroredKvTest : public ::testing::Test {
 protected:
  void Open() {
    kv_.reset();
    auto kv = OpenMirroredKv({.path = "/store", .create_if_missing = true, .env = env_.env()});
    ASSERT_OK(kv);
    kv_ = *std::move(kv);
  }
  absl::Status Put(const std::string& key, const std::string& value,
                   Durability durability = Durability::kSync) {
    return kv_->Write(PutIn(Table::kOutbox, key, value), durability);
  }
  // The outbox as the mirror has it.
  std::map<std::string, std::string> Mirrored() {
    std::map<std::string, std::string> outbox;
    auto findings = ReadOutboxMirror(*env_.env(), "/store", [&](const KvBatch& batch) {
      for (const KvBatch::Op& op : batch.ops()) {
        if (op.table != Table::kOutbox) continue;
        outbox.erase(op.key);
        if (!op.is_delete) outbox[op.key] = op.value;
      }
      return absl::OkStatus();
    });
    EXPECT_OK(findings);
    findings_ = findings.value_or(MirrorFindings{});
    return outbox;
  }
  std::string MirrorBytes() { return *env_.disk().Save().at(kMirror); }

  FaultEnv env_;
  std::unique_ptr<Kv> kv_;
  MirrorFindings findings_;
};

TEST(SecondSyncTest, GivesEachCallWhatItsOwnSyncSaid) {
  SecondSync sync;
  int runs = 0;
  for (int i = 1; i <= 3; ++i) {
    sync.Start([&runs] {
      ++runs;
      return absl::UnavailableError(absl::StrCat("sync ", runs));
    });
    EXPECT_EQ(sync.Wait().message(), absl::StrCat("sync ", i));
  }
  EXPECT_EQ(runs, 3);
}

TEST_F(MirroredKvTest, HasWhatTheMirroredTablesHoldAndNothingElse) {
  Open();
  ASSERT_OK(Put("a", "one"));
  ASSERT_OK(Put("b", "two"));
  ASSERT_OK(Put("a", "three"));
  KvBatch batch;
  batch.Delete(Table::kOutbox, "b");
  batch.Put(Table::kRecords, "r", "persona");
  ASSERT_OK(kv_->Write(batch, Durability::kSync));
  EXPECT_THAT(Mirrored(), UnorderedElementsAre(Pair("a", "three")));
  EXPECT_FALSE(absl::StrContains(MirrorBytes(), "persona"));
}

TEST_F(MirroredKvTest, APowerCutTakesNothingAcknowledgedFromTheMirror) {
  for (const bool torn : {false, true}) {
    Open();
    ASSERT_OK(Put("a", "in memory", Durability::kMemory));
    ASSERT_OK(Put("b", "on disk"));
    ASSERT_OK(Put("c", "in memory", Durability::kMemory));
    ASSERT_OK(kv_->Write(PutIn(Table::kRecords, "r", "synced"), Durability::kSync));
    env_.disk().CrashAt(env_.disk().mutating_ops() + 1);
    EXPECT_FALSE(Put("d", "cut").ok());
    kv_.reset();
    env_.disk().PowerLoss(/*seed=*/1, torn);
    const auto mirrored = Mirrored();
    for (const char* key : {"a", "b", "c"}) EXPECT_EQ(mirrored.count(key), 1U) << key;
    EXPECT_EQ(findings_.damages, 0U);
    Open();
    EXPECT_EQ(Mirrored(), mirrored);
  }
}

TEST_F(MirroredKvTest, AFlippedBitCostsOneWriteAndIsMendedAtTheNextOpen) {
  Open();
  for (int i = 0; i < 20; ++i) ASSERT_OK(Put(absl::StrCat("key ", i), std::string(40, 'v')));
  kv_.reset();
  const FaultDisk::Image image = env_.disk().Save();
  for (uint64_t byte = 0; byte < image.at(kMirror)->size(); byte += 3) {
    env_.disk().Restore(image);
    env_.disk().FlipBit(kMirror, byte, 2);
    EXPECT_GE(Mirrored().size(), 19U) << byte;
    Open();
    EXPECT_EQ(Mirrored().size(), 20U) << byte;
    EXPECT_EQ(findings_.damages, 0U);
    kv_.reset();
  }
}

TEST_F(MirroredKvTest, AMirrorThatIsBehindIsMadeAnew) {
  Open();
  ASSERT_OK(Put("a", "one"));
  const std::string behind = MirrorBytes();
  ASSERT_OK(Put("b", "two"));
  kv_.reset();
  FaultDisk::Image image = env_.disk().Save();
  image[kMirror] = behind;
  env_.disk().Restore(image);
  Open();
  EXPECT_EQ(Mirrored().size(), 2U);
}

TEST_F(MirroredKvTest, StaysInProportionToWhatItHolds) {
  Open();
  for (int i = 0; i < 3000; ++i)
    ASSERT_OK(Put("same", std::string(1000, 'v'), Durability::kMemory));
  EXPECT_LT(env_.disk().Size(kMirror), 600'000U);
  EXPECT_EQ(Mirrored().size(), 1U);
}

TEST_F(MirroredKvTest, AWriteOfManyMegabytesIsOneWrite) {
  Open();
  KvBatch batch;
  for (int i = 0; i < 40; ++i)
    batch.Put(Table::kOutbox, absl::StrCat(i), std::string(500'000, 'v'));
  ASSERT_OK(kv_->Write(batch, Durability::kSync));
  EXPECT_EQ(Mirrored().size(), 40U);
}

TEST_F(MirroredKvTest, WhatWasOverwrittenLeavesItWithAScrub) {
  Open();
  ASSERT_OK(Put("a", "secreto"));
  ASSERT_OK(Put("a", "borrado"));
  EXPECT_TRUE(absl::StrContains(MirrorBytes(), "secreto"));
  const KvRange outbox{Table::kOutbox, "", ""};
  ASSERT_OK(kv_->Scrub({&outbox, 1}, /*cancel=*/nullptr));
  for (const auto& [path, content] : env_.disk().Save()) {
    if (!absl::StrContains(path, "OUTBOX_MIRROR")) continue;
    EXPECT_FALSE(absl::StrContains(content.value_or(""), "secreto")) << path;
  }
  EXPECT_THAT(Mirrored(), UnorderedElementsAre(Pair("a", "borrado")));
}

TEST_F(MirroredKvTest, AStoreWhoseMirrorCannotBeWrittenStops) {
  for (const uint64_t nth : {uint64_t{1}, uint64_t{2}}) {
    Open();
    env_.disk().FailSync(nth, SyncFailure::kForgets);
    const absl::Status failed = Put(absl::StrCat("failed ", nth), "?");
    EXPECT_FALSE(failed.ok());
    EXPECT_FALSE(kv_->health().ok());
    EXPECT_THAT(Put("later", "no"), StatusIs(absl::StatusCode::kFailedPrecondition));
    Open();
    ASSERT_OK(Put("after", "yes"));
    EXPECT_EQ(Mirrored().count("after"), 1U);
    EXPECT_EQ(Mirrored().count("later"), 0U);
  }
}

// Linux counts the bytes of a failed sync as written: they are read from its memory until that is
// gone, and no later sync brings them to the disk.
TEST_F(MirroredKvTest, WhatAFailedSyncLeftInMemoryIsNotTakenForDurable) {
  for (const uint64_t nth : {uint64_t{1}, uint64_t{2}}) {
    Open();
    env_.disk().FailSync(nth, SyncFailure::kForgets);
    EXPECT_FALSE(Put(absl::StrCat("failed ", nth), "?").ok());
    Open();
    ASSERT_OK(Put("after", "yes"));
    const std::map<std::string, std::string> outbox = Mirrored();
    kv_.reset();
    env_.disk().PowerLoss(/*seed=*/1, /*torn=*/false);
    EXPECT_EQ(Mirrored(), outbox);
    EXPECT_EQ(findings_.damages, 0U);
  }
}

TEST_F(MirroredKvTest, AProcessThatWasKilledMakesTheNextOneWriteTheMirrorAnew) {
  Open();
  ASSERT_OK(Put("a", "one"));
  const FaultDisk::Image image = env_.disk().Save();
  Mirrored();
  EXPECT_FALSE(findings_.was_closed);
  kv_.reset();
  Mirrored();
  EXPECT_TRUE(findings_.was_closed);
  env_.disk().Restore(image);
  Open();
  kv_.reset();
  Mirrored();
  EXPECT_EQ(findings_.writes, 1U);
}

TEST_F(MirroredKvTest, ABlockThatTheDiskDoesNotGiveCostsTheWritesInIt) {
  Open();
  for (int i = 0; i < 100; ++i) ASSERT_OK(Put(absl::StrCat("key ", i), std::string(500, 'v')));
  kv_.reset();
  env_.disk().SetUnreadable(kMirror, 9000, 9001);
  const size_t left = Mirrored().size();
  EXPECT_EQ(findings_.damages, 1U);
  EXPECT_GE(left, 80U);
  EXPECT_LT(left, 100U);
  env_.disk().SetUnreadable(kMirror, env_.disk().Size(kMirror) - 1, env_.disk().Size(kMirror));
  Mirrored();
  EXPECT_EQ(findings_.damages, 1U);
  EXPECT_FALSE(findings_.is_torn);
  Open();
  EXPECT_EQ(Mirrored().size(), 100U);
  EXPECT_EQ(findings_.damages, 0U);
}

// As the command line does, which opens the store for each command.
TEST_F(MirroredKvTest, StaysInProportionWhenItIsOpenedForEachWrite) {
  for (int i = 0; i < 40; ++i) {
    Open();
    ASSERT_OK(Put("same", std::string(50'000, 'v'), Durability::kMemory));
  }
  EXPECT_LT(env_.disk().Size(kMirror), 400'000U);
}

TEST_F(MirroredKvTest, ARewritingLeavesTheRoomThatTheStoreNeeds) {
  Open();
  const uint64_t reserve = ReserveBytes(RocksKvOptions::kDevice);
  for (int i = 0; i < 4; ++i) ASSERT_OK(Put(absl::StrCat(i), std::string(50'000, 'v')));
  env_.disk().SetFreeBytes(reserve + 1000);
  ASSERT_OK(Put("4", std::string(100'000, 'v')));
  EXPECT_TRUE(kv_->health().ok());
  EXPECT_EQ(findings_.writes, 0U);
  Mirrored();
  EXPECT_GT(findings_.writes, 1U) << "the old one";
  ASSERT_OK(Put("5", "and on"));
  const KvRange outbox{Table::kOutbox, "", ""};
  EXPECT_THAT(kv_->Scrub({&outbox, 1}, /*cancel=*/nullptr),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(Mirrored().size(), 6U);
  EXPECT_THAT(env_.disk().Files("/store"),
              ::testing::Not(::testing::Contains(::testing::HasSubstr("OUTBOX_MIRROR.new"))));
  env_.disk().SetFreeBytes(uint64_t{1} << 30);
  ASSERT_OK(kv_->Scrub({&outbox, 1}, /*cancel=*/nullptr));
  Mirrored();
  EXPECT_EQ(findings_.writes, 1U);
}

TEST_F(MirroredKvTest, AWriteThatUsesUpTheReserveIsWholeAndTheNextOneIsRefused) {
  Open();
  ASSERT_OK(Put("a", "one"));
  env_.disk().SetRoom(ReserveBytes(RocksKvOptions::kDevice) + 150);
  EXPECT_OK(Put("b", std::string(1000, 'v')));
  EXPECT_THAT(Put("c", "no"), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_OK(kv_->health());
  env_.disk().SetFreeBytes(uint64_t{1} << 30);
  EXPECT_OK(Put("c", "three"));
  EXPECT_EQ(Mirrored().size(), 3U);
}

TEST_F(MirroredKvTest, OfAFirstWriteWhoseEndIsDamagedTheRestIsRead) {
  Open();
  for (int i = 0; i < 40; ++i) ASSERT_OK(Put(absl::StrCat("row ", i), std::string(1000, 'v')));
  const KvRange outbox{Table::kOutbox, "", ""};
  ASSERT_OK(kv_->Scrub({&outbox, 1}, /*cancel=*/nullptr));
  ASSERT_EQ(Mirrored().size(), 40U);
  ASSERT_EQ(findings_.writes, 1U);
  kv_.reset();
  env_.disk().FlipBit(kMirror, env_.disk().Size(kMirror) - 200, 3);
  EXPECT_GE(Mirrored().size(), 35U);
  EXPECT_EQ(findings_.damages, 1U);
}

TEST_F(MirroredKvTest, ARewritingThatFailsOnTheWayLeavesTheOldMirrorInForce) {
  Open();
  for (int i = 0; i < 5; ++i) ASSERT_OK(Put(absl::StrCat(i), std::string(50'000, 'v')));
  kv_.reset();
  const FaultDisk::Image image = env_.disk().Save();
  int rewritings = 0;
  // The first writes are those of the store and of the mirror's own record.
  for (uint64_t nth = 1; nth <= 8; ++nth) {
    kv_.reset();
    env_.disk().TakePendingFailure();
    env_.disk().Restore(image);
    Open();
    env_.disk().FailWrite(nth);
    const bool is_taken = Put("5", std::string(50'000, 'v')).ok();
    if (env_.disk().TakePendingFailure() || !is_taken) continue;
    ++rewritings;
    EXPECT_TRUE(kv_->health().ok());
    ASSERT_OK(Put("6", "and on"));
    EXPECT_EQ(Mirrored().size(), 7U);
    kv_.reset();
    env_.disk().PowerLoss(/*seed=*/1, /*torn=*/false);
    EXPECT_EQ(Mirrored().size(), 7U);
  }
  EXPECT_GT(rewritings, 0);
}

TEST_F(MirroredKvTest, WhatAKilledRewritingLeftIsRemovedAtTheNextOpen) {
  Open();
  ASSERT_OK(Put("a", "one"));
  kv_.reset();
  FaultDisk::Image image = env_.disk().Save();
  image["/store/OUTBOX_MIRROR.new"] = "half of it";
  env_.disk().Restore(image);
  Open();
  EXPECT_EQ(env_.disk().Save().count("/store/OUTBOX_MIRROR.new"), 0U);
}

TEST_F(MirroredKvTest, OpensOnAFullDiskAndWritesOnceThereIsRoom) {
  Open();
  ASSERT_OK(Put("a", "one"));
  kv_.reset();
  env_.disk().FlipBit(kMirror, 20, 1);
  const FaultDisk::Image image = env_.disk().Save();
  // RocksDB's own files have room; the mirror's does not.
  for (uint64_t nth = 60; nth > 0; --nth) {
    env_.disk().SetFull(false);
    env_.disk().Restore(image);
    env_.disk().FillUpAt(nth);
    auto kv = OpenMirroredKv({.path = "/store", .env = env_.env()});
    ASSERT_OK(kv);
    kv_ = *std::move(kv);
    Mirrored();
    if (findings_.damages > 0) break;
    kv_.reset();
  }
  ASSERT_GT(findings_.damages, 0U);
  EXPECT_EQ(*kv_->Get(Table::kOutbox, "a"), "one");
  EXPECT_THAT(Put("b", "two"), StatusIs(absl::StatusCode::kResourceExhausted));
  env_.disk().SetFull(false);
  ASSERT_OK(Put("b", "two"));
  EXPECT_EQ(Mirrored().size(), 2U);
}

}  // namespace
}  // namespace brigada
