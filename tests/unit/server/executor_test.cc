#include "server/executor.h"

#include <atomic>
#include <future>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace brigada {
namespace {

TEST(ExecutorTest, StopRunsWhatIsQueuedAndDropsWhatComesLater) {
  std::atomic<int> ran{0};
  Executor executor(2);
  for (int i = 0; i < 100; ++i) executor.Post([&] { ++ran; });
  executor.Stop();
  EXPECT_EQ(ran, 100);
  executor.Post([&] { ++ran; });
  executor.Stop();
  EXPECT_EQ(ran, 100);
}

TEST(ExecutorTest, MoreCallsThanItsMostAreTurnedAwayUntilOneIsDone) {
  Executor executor(1);
  std::promise<void> go;
  std::promise<void> done;
  ASSERT_TRUE(executor.PostCall(2, [&] { go.get_future().wait(); }));
  ASSERT_TRUE(executor.PostCall(2, [] {}));
  EXPECT_FALSE(executor.PostCall(2, [] {}));
  EXPECT_TRUE(executor.PostCall(3, [] {}));
  go.set_value();
  executor.Post([&] { done.set_value(); });
  done.get_future().wait();
  EXPECT_TRUE(executor.PostCall(1, [] {}));
}

TEST(StrandTest, TasksKeepTheirOrderAndNeverMeet) {
  std::vector<int> order;  // unguarded: the strand is what guards it
  std::atomic<int> inside{0};
  std::atomic<bool> met{false};
  {
    Executor executor(4);
    const auto strand = std::make_shared<Strand>(&executor);
    for (int i = 0; i < 1000; ++i) {
      strand->Post([&, i] {
        if (inside.fetch_add(1) != 0) met = true;
        order.push_back(i);
        inside.fetch_sub(1);
      });
    }
  }
  ASSERT_EQ(order.size(), 1000u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_FALSE(met);
}

TEST(StrandTest, ABusyStrandDoesNotKeepTheOnlyThread) {
  std::promise<void> gate;
  std::atomic<int> busy_ran{0};
  int seen_by_other = 0;
  {
    Executor executor(1);
    executor.Post([opened = gate.get_future().share()] { opened.wait(); });
    const auto busy = std::make_shared<Strand>(&executor);
    const auto other = std::make_shared<Strand>(&executor);
    for (int i = 0; i < 1000; ++i) busy->Post([&] { ++busy_ran; });
    other->Post([&] { seen_by_other = busy_ran; });
    gate.set_value();
  }
  EXPECT_EQ(busy_ran, 1000);
  EXPECT_LT(seen_by_other, 100);
}

TEST(StrandTest, ATaskMayPostToItsOwnStrand) {
  int depth = 0;
  {
    Executor executor(2);
    const auto strand = std::make_shared<Strand>(&executor);
    strand->Post([&] {
      ++depth;
      strand->Post([&] { ++depth; });
    });
    std::promise<void> done;
    strand->Post([&] { done.set_value(); });
    done.get_future().wait();
  }
  EXPECT_EQ(depth, 2);
}

}  // namespace
}  // namespace brigada
