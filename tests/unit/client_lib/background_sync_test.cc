#include "client_lib/background_sync.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/client_lib/device_world.h"

namespace brigada {
namespace {

class BackgroundSyncTest : public ::testing::Test {
 protected:
  BackgroundSyncTest() {
    EXPECT_OK(directory_.Prepare(/*create=*/true));
    EXPECT_OK(directory_.ReadOrMakeKey());
    EXPECT_OK(directory_.WriteCredentials({"server.example:1", "ca", "certificate", ""}));
  }
  static SyncOptions AtOnce() {
    SyncOptions options;
    options.initial_spread = absl::ZeroDuration();
    return options;
  }
  SyncPhase Phase() {
    SyncStatus status;
    round_.Describe(&status);
    background_.Describe(&status);
    return status.phase;
  }
  void WaitUntilLive() {
    while (Phase() != SyncPhase::kLive) std::this_thread::yield();
  }

  DeviceWorld world_;
  ScratchDirectory scratch_;
  const ReplicaDirectory directory_{scratch_ / "replica"};
  FakeTransport transport_{AnswerUpToDate};
  SyncRound round_{&world_.stores(), &directory_, &transport_, &world_.clock()};
  BackgroundSync background_{&round_, &world_.clock(), &SystemRandom()};
};

TEST_F(BackgroundSyncTest, KeepsALiveSessionUntilItIsStopped) {
  background_.Start(AtOnce());
  background_.Start(AtOnce());
  WaitUntilLive();
  background_.Stop();
  background_.Stop();
  EXPECT_EQ(transport_.connections(), 1u);
  EXPECT_TRUE(transport_.Link(0)->sent().back().has_goodbye());
}

TEST_F(BackgroundSyncTest, CanBeStartedAgain) {
  for (size_t i = 1; i <= 3; ++i) {
    background_.Start(AtOnce());
    WaitUntilLive();
    background_.Stop();
    EXPECT_EQ(transport_.connections(), i);
  }
}

TEST_F(BackgroundSyncTest, StoppingDoesNotWaitForAConnection) {
  transport_.HangConnecting();
  background_.Start(AtOnce());
  const auto link = transport_.Link(0);
  background_.Stop();
  EXPECT_TRUE(link->is_closed());
}

TEST_F(BackgroundSyncTest, StoppingWhileItWaitsForItsFirstTryMakesNone) {
  SyncOptions options;
  options.initial_spread = absl::Hours(1000);
  background_.Start(options);
  while (Phase() != SyncPhase::kWaiting) std::this_thread::yield();
  background_.Stop();
  EXPECT_EQ(transport_.connections(), 0u);
}

TEST_F(BackgroundSyncTest, WhoWaitsForItIsNotSpread) {
  SyncOptions options;
  options.initial_spread = absl::Hours(1000);
  options.begins_at_once = true;
  background_.Start(options);
  WaitUntilLive();
  background_.Stop();
  EXPECT_EQ(transport_.connections(), 1u);
}

TEST_F(BackgroundSyncTest, MayBeStoppedFromItsOwnCallback) {
  std::atomic<int> called{0};
  SyncOptions options = AtOnce();
  options.on_progress = [&](const SyncState&) {
    if (called++ == 0) background_.Stop();
  };
  background_.Start(options);
  transport_.Link(0)->WaitForClose();
  background_.Stop();
  EXPECT_GE(called, 1);
  background_.Start(AtOnce());
  WaitUntilLive();
  background_.Stop();
}

TEST_F(BackgroundSyncTest, StartsAndStopsFromManyThreadsMeet) {
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        if ((i + t) % 2 == 0) {
          background_.Start(AtOnce());
        } else {
          background_.Stop();
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  background_.Stop();
  EXPECT_EQ(Phase(), SyncPhase::kIdle);
}

}  // namespace
}  // namespace brigada
