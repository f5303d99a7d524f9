// A disk that fails or fills up under a store that goes on living: typed errors, no writes after a
// failed one, reads as before, and everything acknowledged after reopening.
#include <rocksdb/env.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "replica/base/random.h"
#include "replica/base/status_macros.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/store/kv_workload.h"

namespace brigada {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Optional;

class RocksKvFaultTest : public ::testing::Test {
 protected:
  RocksKvFaultTest() { Open(); }

  void Open() {
    kv_.reset();
    absl::StatusOr<std::unique_ptr<Kv>> opened = OpenOn(env_);
    ASSERT_OK(opened);
    kv_ = *std::move(opened);
  }
  absl::Status Put(std::string key) {
    KvBatch batch;
    batch.Put(Table::kRecords, std::move(key), "v");
    return kv_->Write(batch, Durability::kSync);
  }
  bool Has(absl::string_view key) {
    const auto value = kv_->Get(Table::kRecords, key);
    EXPECT_OK(value);
    return value.ok() && value->has_value();
  }

  FaultEnv env_;
  std::unique_ptr<Kv> kv_;
};

TEST_F(RocksKvFaultTest, AFailedSyncStopsWritesUntilTheStoreIsReopened) {
  for (const SyncFailure failure : {SyncFailure::kKeeps, SyncFailure::kForgets}) {
    ASSERT_OK(Put("before"));
    env_.disk().FailSync(1, failure, /*ending=*/".log");
    EXPECT_THAT(Put("failed"), StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_THAT(Put("after"),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("open it again")));
    EXPECT_THAT(kv_->health(), StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_TRUE(Has("before"));
    Open();
    EXPECT_OK(kv_->health());
    EXPECT_TRUE(Has("before"));
    EXPECT_FALSE(Has("after"));
    EXPECT_OK(Put("again"));
  }
}

TEST_F(RocksKvFaultTest, AFullDiskIsToldApartAndReadingGoesOn) {
  ASSERT_OK(Put("before"));
  env_.disk().SetFull(true);
  EXPECT_THAT(Put("failed"),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("free some space")));
  EXPECT_THAT(Put("after"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(kv_->health(), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_TRUE(Has("before"));
  env_.disk().SetFull(false);
  Open();
  EXPECT_TRUE(Has("before"));
  EXPECT_FALSE(Has("after"));
  EXPECT_OK(Put("again"));
}

TEST_F(RocksKvFaultTest, OpeningOnAFullDiskIsRefusedAsSuch) {
  ASSERT_OK(Put("before"));
  kv_.reset();
  env_.disk().SetFull(true);
  EXPECT_THAT(OpenOn(env_), StatusIs(absl::StatusCode::kResourceExhausted));
  env_.disk().SetFull(false);
  Open();
  EXPECT_TRUE(Has("before"));
}

TEST_F(RocksKvFaultTest, WritesAreRefusedBeforeTheDiskIsFullAndGoOnWithoutReopening) {
  env_.disk().SetFreeBytes(1000);
  EXPECT_THAT(Put("refused"), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_OK(kv_->health());
  env_.disk().SetFreeBytes(uint64_t{1} << 30);
  EXPECT_OK(Put("accepted"));
  EXPECT_FALSE(Has("refused"));
}

class RocksKvRoomTest : public RocksKvFaultTest {
 protected:
  static constexpr uint64_t kPlenty = uint64_t{1} << 30;

  static std::string Key(int n) { return absl::StrCat("key", n); }
  // Writes what no compression makes smaller until a write fails, and tells how many did not.
  int Fill(absl::Status* end) {
    SeededRandom random(7);
    for (int n = 0;; ++n) {
      std::string value(size_t{64} << 10, ' ');
      for (char& c : value) c = static_cast<char>(random.Uniform(256));
      KvBatch batch;
      batch.Put(Table::kRecords, Key(n), std::move(value));
      *end = kv_->Write(batch, Durability::kSync);
      if (!end->ok()) return n;
    }
  }
  void ExpectWritten(int count) {
    for (int n = 0; n < count; ++n) EXPECT_TRUE(Has(Key(n))) << n;
  }
};

TEST_F(RocksKvRoomTest, AboveTheReserveFlushesAndMergesFindRoom) {
  env_.disk().SetRoom(ReserveBytes(RocksKvOptions::kDevice) + (uint64_t{40} << 20));
  absl::Status end;

  const int written = Fill(&end);

  EXPECT_THAT(end, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("almost full")));
  const KvRange records{Table::kRecords, "", ""};
  // It flushes, and does not begin to write everything once more.
  EXPECT_THAT(kv_->Scrub({&records, 1}, nullptr), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_OK(kv_->health());
  env_.disk().SetFreeBytes(kPlenty);
  EXPECT_OK(kv_->Scrub({&records, 1}, nullptr));
  EXPECT_OK(Put("after"));
  EXPECT_GT(written, 200);
  ExpectWritten(written);
}

TEST_F(RocksKvRoomTest, AFlushThatFindsNoRoomLosesNothingAndReopeningGoesOn) {
  kv_.reset();
  ASSERT_OK_AND_ASSIGN(kv_,
                       OpenRocksKv({.path = "/store", .min_free_bytes = 0, .env = env_.env()}));
  // The log of the writes fits, the tables made of it do not.
  env_.disk().SetRoom(uint64_t{5} << 20);
  absl::Status end;

  const int written = Fill(&end);

  EXPECT_THAT(kv_->health(), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(Put("after"), StatusIs(absl::StatusCode::kFailedPrecondition));
  env_.disk().SetFreeBytes(kPlenty);
  Open();
  EXPECT_OK(kv_->health());
  EXPECT_OK(Put("again"));
  EXPECT_GT(written, 30);
  ExpectWritten(written);
}

TEST_F(RocksKvFaultTest, AMarkThatCannotBeWrittenDoesNotFailTheWrite) {
  ASSERT_OK(Put("before"));
  // The first write is the log's, the second the mark's.
  env_.disk().FailWrite(2);
  EXPECT_OK(Put("durable"));
  Open();
  EXPECT_TRUE(Has("durable"));
}

TEST_F(RocksKvFaultTest, AnInterruptedCopyIsReplacedByTheNext) {
  ASSERT_OK(Put("k"));
  env_.disk().FailWrite(6);
  EXPECT_FALSE(kv_->CopyTo("/copy", nullptr).ok());
  Open();
  uint64_t done = 0;
  ASSERT_OK(kv_->CopyTo("/copy", [&](uint64_t bytes) {
    done = bytes;
    return true;
  }));
  EXPECT_GT(done, 0u);
  EXPECT_THAT(kv_->CopyTo("/copy", nullptr), StatusIs(absl::StatusCode::kAlreadyExists));
  ASSERT_OK_AND_ASSIGN(const auto copy, OpenRocksKv({.path = "/copy", .env = env_.env()}));
  EXPECT_THAT(copy->Get(Table::kRecords, "k"), IsOkAndHolds(Optional(Eq("v"))));
}

TEST_F(RocksKvFaultTest, ACopyThatIsEndedLeavesNothing) {
  ASSERT_OK(Put("k"));
  int pieces = 0;
  EXPECT_THAT(kv_->CopyTo("/copy", [&](uint64_t) { return ++pieces < 2; }),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(pieces, 2);
  EXPECT_TRUE(env_.env()->FileExists("/copy").IsNotFound());
  EXPECT_TRUE(env_.env()->FileExists("/copy.partial").IsNotFound());
  EXPECT_OK(kv_->CopyTo("/copy", nullptr));
}

// The n-th sync (or write) from the start of the workload fails, whatever it is for. Then nothing
// acknowledged is missing, before or after a power cut.
template <typename Fail>
void SweepFailures(const Fail& fail) {
  for (uint64_t n = 1;; n += SweepStride(3)) {
    FaultEnv env;
    fail(env.disk(), n);
    const WorkloadResult result = RunWorkload(env, 1);
    if (env.disk().TakePendingFailure()) return;
    {
      absl::StatusOr<std::unique_ptr<Kv>> kv = OpenOn(env);
      ASSERT_OK(kv) << "failure " << n;
      ASSERT_OK_AND_ASSIGN(const KvContent content, ReadAll(**kv));
      ASSERT_GE(BatchesIn(content, result.synced, result.attempted), 0) << "failure " << n;
    }
    env.disk().PowerLoss(n, /*torn=*/true);
    absl::StatusOr<std::unique_ptr<Kv>> kv = OpenOn(env);
    ASSERT_OK(kv) << "failure " << n;
    ASSERT_OK_AND_ASSIGN(const KvContent content, ReadAll(**kv));
    ASSERT_GE(BatchesIn(content, result.synced, result.attempted), 0) << "failure " << n;
  }
}

TEST(RocksKvFailureSweepTest, AnySyncMayFail) {
  SweepFailures([](FaultDisk& disk, uint64_t n) { disk.FailSync(n, SyncFailure::kKeeps); });
}

TEST(RocksKvFailureSweepTest, AnySyncMayFailAndForgetWhatItWasFor) {
  SweepFailures([](FaultDisk& disk, uint64_t n) { disk.FailSync(n, SyncFailure::kForgets); });
}

TEST(RocksKvFailureSweepTest, AnyWriteMayFail) {
  SweepFailures([](FaultDisk& disk, uint64_t n) { disk.FailWrite(n); });
}

// Everything there is, in files of the tables and in the log. OK only when all of it came.
absl::Status ReadEverything(FaultEnv& env) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Kv> kv, OpenOn(env));
  ASSIGN_OR_RETURN(const KvContent content, ReadAll(*kv));
  EXPECT_EQ(BatchesIn(content, 0, kWorkloadBatches), kWorkloadBatches);
  return absl::OkStatus();
}

TEST(RocksKvFailureSweepTest, AnyReadMayFailAndNothingIsMissingWithoutAnError) {
  FaultDisk::Image image;
  {
    FaultEnv env;
    ASSERT_OK(RunWorkload(env, 1).status);
    image = env.disk().Save();
  }
  uint64_t failures = 0;
  for (uint64_t n = 1;; ++n) {
    FaultEnv env;
    env.disk().Restore(image);
    env.disk().FailRead(n);
    const absl::Status read = ReadEverything(env);
    if (env.disk().TakePendingFailure()) break;
    failures += read.ok() ? 0 : 1;
    EXPECT_OK(ReadEverything(env)) << "read " << n;
  }
  EXPECT_GT(failures, 10u);
}

}  // namespace
}  // namespace brigada
