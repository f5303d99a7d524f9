#include "replica/store/writer_queue.h"

#include <atomic>
#include <thread>

#include "gtest/gtest.h"

namespace brigada {
namespace {

TEST(WriterQueueTest, TheFirstTakesAlongTheJoiningWritersBehindIt) {
  WriterQueue queue;
  WriterQueue::Writer first(/*joins=*/true);
  ASSERT_TRUE(queue.Enter(&first));
  std::atomic<int> did_own_work{0};
  const auto join = [&] {
    WriterQueue::Writer writer(/*joins=*/true);
    if (queue.Enter(&writer)) {
      ++did_own_work;
      queue.Leave({&writer});
    }
  };
  std::thread one(join);
  std::thread two(join);
  while (queue.Group(&first, 10).size() < 3) std::this_thread::yield();
  queue.Leave(queue.Group(&first, 10));
  one.join();
  two.join();
  EXPECT_EQ(did_own_work, 0);
}

TEST(WriterQueueTest, AWriterThatDoesNotJoinHasItsOwnTurn) {
  WriterQueue queue;
  WriterQueue::Writer first(/*joins=*/true);
  ASSERT_TRUE(queue.Enter(&first));
  std::atomic<bool> is_waiting{false};
  std::atomic<bool> had_turn{false};
  std::thread other([&] {
    is_waiting = true;
    const WriterTurn turn(&queue);
    had_turn = true;
  });
  while (!is_waiting) std::this_thread::yield();
  EXPECT_EQ(queue.Group(&first, 10).size(), 1u);
  EXPECT_FALSE(had_turn);
  queue.Leave({&first});
  other.join();
  EXPECT_TRUE(had_turn);
}

}  // namespace
}  // namespace brigada
