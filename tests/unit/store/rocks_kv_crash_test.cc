// Power cuts. For every operation k of a short workload the power goes off in the middle of k, with
// unsynced bytes dropped or kept in part; then the store must open and hold the first n batches,
// whole, for some n from the last synced one on. The last tests show that the sweep can fail.
#include <algorithm>
#include <string>

#include "gtest/gtest.h"
#include "replica/base/log.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/store/kv_workload.h"

namespace brigada {
namespace {

// The sweeps stop thousands of stores; their log lines would bury a failure.
class QuietLog final : public ::testing::Environment {
 public:
  void SetUp() override {
    SetLogSink([](absl::string_view) {});
  }
  void TearDown() override { SetLogSink(nullptr); }
};
const ::testing::Environment* const kQuietLog =
    ::testing::AddGlobalTestEnvironment(std::make_unique<QuietLog>().release());

struct Sweep {
  int sync_every = 1;
  uint64_t stride = 1;
  bool lying_syncs = false;
  // Counts kMemory batches as promised too.
  bool promise_everything = false;
};

// Empty when the store came back as promised, else what is wrong.
std::string CheckRecovery(FaultEnv& env, const WorkloadResult& before, int promised) {
  absl::StatusOr<std::unique_ptr<Kv>> kv = OpenOn(env);
  if (!kv.ok()) return absl::StrCat("does not open: ", kv.status().ToString());
  absl::StatusOr<KvContent> content = ReadAll(**kv);
  if (!content.ok()) return absl::StrCat("does not read: ", content.status().ToString());
  if (BatchesIn(*content, promised, before.attempted) < 0) {
    return absl::StrCat("promised ", promised, " batches, attempted ", before.attempted,
                        ", holds last = ", (*content)[0]["last"]);
  }
  KvBatch more;
  more.Put(Table::kMeta, "more", "1");
  const absl::Status written = (*kv)->Write(more, Durability::kSync);
  return written.ok() ? "" : absl::StrCat("does not go on: ", written.ToString());
}

// The number of operations that the workload has when nothing happens.
uint64_t CountOperations(int sync_every) {
  FaultEnv env;
  EXPECT_OK(RunWorkload(env, sync_every).status);
  return env.disk().mutating_ops();
}

// Every cut clean and torn; the first that lost something, or empty.
std::string FirstLoss(const Sweep& sweep) {
  const uint64_t operations = CountOperations(sweep.sync_every);
  for (uint64_t k = 1; k <= operations; k += SweepStride(sweep.stride)) {
    for (const bool torn : {false, true}) {
      FaultEnv env;
      env.disk().SetLyingSyncs(sweep.lying_syncs);
      env.disk().CrashAt(k);
      const WorkloadResult result = RunWorkload(env, sweep.sync_every);
      env.disk().PowerLoss(/*seed=*/k, torn);
      const int acknowledged = result.status.ok() ? result.attempted : result.attempted - 1;
      const int promised = sweep.promise_everything ? acknowledged : result.synced;
      const std::string wrong = CheckRecovery(env, result, promised);
      if (!wrong.empty()) return absl::StrCat(torn ? "torn" : "clean", " cut at ", k, ": ", wrong);
    }
  }
  return "";
}

TEST(RocksKvCrashTest, EverySyncedWriteSurvivesAPowerCutAnywhere) {
  EXPECT_EQ(FirstLoss({.sync_every = 1}), "");
}

TEST(RocksKvCrashTest, UnsyncedWritesAreABeginningOfTheirOrder) {
  EXPECT_EQ(FirstLoss({.sync_every = 3, .stride = 3}), "");
}

TEST(RocksKvCrashTest, APowerCutDuringRecoveryIsSurvivedToo) {
  const uint64_t operations = CountOperations(1);
  for (uint64_t k = operations / 3; k <= operations; k += operations / 2) {
    for (uint64_t again = 1; again < 400; again += SweepStride(4)) {
      FaultEnv env;
      env.disk().CrashAt(k);
      const WorkloadResult result = RunWorkload(env, 1);
      env.disk().PowerLoss(k, /*torn=*/true);
      env.disk().CrashAt(env.disk().mutating_ops() + again);
      const bool survived_whole = CheckRecovery(env, result, result.synced).empty();
      env.disk().PowerLoss(again, /*torn=*/true);
      absl::StatusOr<std::unique_ptr<Kv>> kv = OpenOn(env);
      ASSERT_OK(kv) << "cut at " << k << " and again at " << again;
      ASSERT_OK_AND_ASSIGN(KvContent content, ReadAll(**kv));
      content[static_cast<size_t>(Table::kMeta)].erase("more");
      ASSERT_GE(BatchesIn(content, result.synced, result.attempted), 0)
          << "cut at " << k << " and again at " << again;
      if (survived_whole) break;
    }
  }
}

TEST(RocksKvCrashTest, TheSweepFindsADiskThatLiesAboutSyncs) {
  EXPECT_NE(FirstLoss({.sync_every = 1, .lying_syncs = true}), "");
}

TEST(RocksKvCrashTest, TheSweepFindsWritesThatAreNotSynced) {
  EXPECT_NE(FirstLoss({.sync_every = 100, .promise_everything = true}), "");
}

}  // namespace
}  // namespace brigada
