#include "server/commit_queue.h"

#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_authority_store.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/server/memory_store.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;

// A push without change sets: committed, or failed with the store.
PushRequest Push(absl::string_view partition) {
  PushRequest push;
  push.replica = *ReplicaId::FromBytes(std::string(16, 'r'));
  push.user = "ana";
  push.partition = std::string(partition);
  return push;
}

class CommitQueueTest : public ::testing::Test {
 protected:
  CommitQueue& Start(CommitQueueOptions options = {}) {
    options.retry_when_full = absl::Milliseconds(1);
    queue_ = std::make_unique<CommitQueue>(&store_, &clock_, options,
                                           [this](const std::vector<std::string>& partitions) {
                                             const MutexLock lock(&mu_);
                                             told_.push_back(partitions);
                                           });
    return *queue_;
  }
  std::future<absl::Status> Submit(absl::string_view partition) {
    auto promise = std::make_shared<std::promise<absl::Status>>();
    PushRequest push = Push(partition);
    const absl::Status submitted = queue_->Submit(
        &push, [promise](const PushResult& result) { promise->set_value(result.status); });
    if (!submitted.ok()) promise->set_value(submitted);
    return promise->get_future();
  }
  std::vector<std::vector<std::string>> told() {
    const MutexLock lock(&mu_);
    return told_;
  }

  SeededRandom random_{7};
  FakeClock clock_;
  FaultyAuthorityStore store_{NewMemoryAuthorityStore(random_)};
  Mutex mu_;
  std::vector<std::vector<std::string>> told_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<CommitQueue> queue_;  // last: its thread uses the others
};

TEST_F(CommitQueueTest, StopCommitsWhatWaitsAndRefusesWhatComesLater) {
  Start();
  std::vector<std::future<absl::Status>> results;
  results.reserve(50);
  for (int i = 0; i < 50; ++i) results.push_back(Submit("MX/20"));
  queue_->Stop();
  for (std::future<absl::Status>& result : results) EXPECT_OK(result.get());
  EXPECT_THAT(Submit("MX/20").get(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(CommitQueueTest, AFullQueueLeavesThePushUntouched) {
  CommitQueueOptions options;
  options.max_waiting_pushes = 0;
  Start(options);
  PushRequest push = Push("MX/20");
  EXPECT_THAT(queue_->Submit(&push, [](const PushResult&) {}),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(push.partition, "MX/20");
}

TEST_F(CommitQueueTest, IsFullByBytesTooAndTakesOneThatIsLargerThanAll) {
  store_.FailWrites(absl::ResourceExhaustedError("disk full"));
  CommitQueueOptions options;
  options.max_waiting_bytes = 1000;
  Start(options);
  std::future<absl::Status> held = Submit("MX/20");
  while (store_.commits_tried() < 1) std::this_thread::yield();
  const auto submit = [&](size_t bytes) {
    PushRequest push = Push("MX/20");
    push.change_sets.emplace_back().set_body(std::string(bytes, 'b'));
    return queue_->Submit(&push, [](const PushResult&) {});
  };
  EXPECT_OK(submit(5000));
  EXPECT_THAT(submit(1), StatusIs(absl::StatusCode::kResourceExhausted));
  queue_->Stop();
  EXPECT_FALSE(held.get().ok());
}

TEST_F(CommitQueueTest, AFailedStoreFailsThePushAndTellsNoHeads) {
  store_.Break();
  Start();
  EXPECT_THAT(Submit("MX/20").get(), StatusIs(absl::StatusCode::kFailedPrecondition));
  queue_->Stop();
  EXPECT_TRUE(told().empty());
}

TEST_F(CommitQueueTest, DamagedUserEntryHoldsUpNobodyElse) {
  ASSERT_OK(
      store_.WriteEntries({DirectoryWrite{DirectoryKind::kUser, "ana", "\xff\xff", std::nullopt}}));
  Start();
  PushRequest push = Push("MX/20");
  push.user = "beto";
  absl::Status of_beto = absl::UnknownError("no result");
  std::future<absl::Status> of_ana = Submit("MX/20");
  ASSERT_OK(queue_->Submit(&push, [&](const PushResult& result) { of_beto = result.status; }));
  queue_->Stop();
  EXPECT_FALSE(of_ana.get().ok());
  EXPECT_OK(of_beto);
}

TEST_F(CommitQueueTest, OnAFullDiskPushesWaitUntilThereIsRoom) {
  store_.FailWrites(absl::ResourceExhaustedError("disk full"));
  Start();
  std::future<absl::Status> result = Submit("MX/20");
  while (store_.commits_tried() < 3) std::this_thread::yield();
  EXPECT_TRUE(queue_->waits_for_room());
  store_.FailWrites(absl::OkStatus());
  EXPECT_OK(result.get());
  EXPECT_FALSE(queue_->waits_for_room());
}

TEST_F(CommitQueueTest, StoppingDoesNotWaitForRoom) {
  store_.FailWrites(absl::ResourceExhaustedError("disk full"));
  Start();
  std::future<absl::Status> result = Submit("MX/20");
  queue_->Stop();
  EXPECT_THAT(result.get(), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(CommitQueueTest, HeadsOfGroupsInARowAreToldTogether) {
  // Nothing is taken from the queue while the disk is full, and each group is one push.
  CommitQueueOptions options;
  options.max_group_change_sets = 0;
  store_.FailWrites(absl::ResourceExhaustedError("disk full"));
  Start(options);
  std::vector<std::future<absl::Status>> results;
  results.reserve(40);
  for (int i = 0; i < 40; ++i) results.push_back(Submit(i % 2 == 0 ? "MX/20" : "MX/21"));
  store_.FailWrites(absl::OkStatus());
  for (std::future<absl::Status>& result : results) EXPECT_OK(result.get());
  queue_->Stop();
  EXPECT_THAT(told(), ElementsAre(ElementsAre("MX/20", "MX/21")));
}

TEST_F(CommitQueueTest, HeadsAreNotGatheredForLong) {
  CommitQueueOptions options;
  options.max_group_change_sets = 0;
  options.gather_heads = absl::ZeroDuration();
  store_.FailWrites(absl::ResourceExhaustedError("disk full"));
  Start(options);
  std::vector<std::future<absl::Status>> results;
  results.reserve(5);
  for (int i = 0; i < 5; ++i) results.push_back(Submit("MX/20"));
  store_.FailWrites(absl::OkStatus());
  for (std::future<absl::Status>& result : results) EXPECT_OK(result.get());
  queue_->Stop();
  EXPECT_EQ(told().size(), 5u);
}

}  // namespace
}  // namespace brigada
