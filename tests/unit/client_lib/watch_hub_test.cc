#include "client_lib/watch_hub.h"

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace brigada {
namespace {

ResultSet Empty() { return ResultSet(); }

TEST(WatchHubTest, RunsOnceAtTheStartAndAfterChangesOfItsTables) {
  std::atomic<int> runs{0};
  WatchHub hub;
  std::promise<void> second;
  const auto watch = hub.Add({"people"}, Empty, [&](const absl::StatusOr<ResultSet>&) {
    if (++runs == 2) second.set_value();
  });
  while (runs < 1) std::this_thread::yield();
  hub.OnChanged({"visits"});
  hub.OnChanged({"people", "visits"});
  second.get_future().wait();
  EXPECT_EQ(runs, 2);
}

TEST(WatchHubTest, AWatchThatIsAlwaysDueDoesNotStarveTheOthers) {
  WatchHub hub;
  std::atomic<int> busy_runs{0};
  std::promise<void> other_ran;
  // Its own callback makes it due again.
  const auto busy = hub.Add({"people"}, Empty, [&](const absl::StatusOr<ResultSet>&) {
    ++busy_runs;
    hub.OnChanged({"people"});
  });
  const auto other =
      hub.Add({"visits"}, Empty, [&, once = false](const absl::StatusOr<ResultSet>&) mutable {
        if (!once) other_ran.set_value();
        once = true;
      });
  other_ran.get_future().wait();
  EXPECT_GE(busy_runs, 1);
}

TEST(WatchHubTest, ADroppedSubscriptionIsCalledNoMore) {
  WatchHub hub;
  std::atomic<int> runs{0};
  auto watch = hub.Add({}, Empty, [&](const absl::StatusOr<ResultSet>&) { ++runs; });
  watch.reset();
  const int after = runs;
  hub.OnChanged({"people"});
  std::promise<void> ran;
  const auto later =
      hub.Add({}, Empty, [&, once = false](const absl::StatusOr<ResultSet>&) mutable {
        if (!once) ran.set_value();
        once = true;
      });
  ran.get_future().wait();
  EXPECT_EQ(runs, after);
}

TEST(WatchHubTest, ACallbackMayDropItsOwnSubscription) {
  WatchHub hub;
  std::promise<void> given;
  std::promise<void> dropped;
  std::unique_ptr<Subscription> watch;
  watch =
      hub.Add({}, Empty, [&, ready = given.get_future().share()](const absl::StatusOr<ResultSet>&) {
        ready.wait();
        watch.reset();
        dropped.set_value();
      });
  given.set_value();
  dropped.get_future().wait();
  EXPECT_EQ(watch, nullptr);
}

TEST(WatchHubTest, ACallbackMayOwnAnotherSubscription) {
  WatchHub hub;
  std::shared_ptr<Subscription> inner = hub.Add({}, Empty, [](const absl::StatusOr<ResultSet>&) {});
  const std::weak_ptr<Subscription> seen = inner;
  std::unique_ptr<Subscription> outer =
      hub.Add({}, Empty, [owned = std::move(inner)](const absl::StatusOr<ResultSet>&) {});
  outer.reset();
  EXPECT_TRUE(seen.expired());
}

TEST(WatchHubTest, ASubscriptionMayOutliveItsHub) {
  std::unique_ptr<Subscription> watch;
  const auto held = std::make_shared<int>(1);
  {
    WatchHub hub;
    watch = hub.Add(
        {}, [held] { return ResultSet(); }, [](const absl::StatusOr<ResultSet>&) {});
  }
  // What the query held went with the hub.
  EXPECT_EQ(held.use_count(), 1);
  watch.reset();
}

}  // namespace
}  // namespace brigada
