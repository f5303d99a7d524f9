#include "brigada/replica.h"

#include <future>
#include <memory>
#include <thread>

#include "gtest/gtest.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

// Syncs in the background with a token that lives as long as the thread.
SyncOptions Carrying(std::shared_ptr<int> token) {
  SyncOptions options;
  options.on_progress = [token = std::move(token)](const SyncState&) {};
  return options;
}

TEST(ReplicaTest, ACallbackThatRunsWhileTheReplicaGoesMayStillUseIt) {
  const ScratchDirectory scratch;
  Options options;
  options.path = scratch / "ana";
  absl::StatusOr<std::unique_ptr<Replica>> opened = Replica::Open(options);
  ASSERT_OK(opened.status());
  Replica* const replica = opened->get();
  const auto first = std::make_shared<int>(0);
  const auto later = std::make_shared<int>(0);
  std::promise<void> entered;
  replica->StartSync(Carrying(first));
  absl::StatusOr<std::unique_ptr<Subscription>> watch =
      replica->Watch("SELECT id FROM people", {}, [&](const absl::StatusOr<ResultSet>&) {
        entered.set_value();
        // The destructor has begun once it has ended the background.
        while (first.use_count() > 1) std::this_thread::yield();
        for (int i = 0; i < 1000; ++i) {
          replica->StartSync(Carrying(later));
          std::this_thread::yield();
        }
      });
  ASSERT_OK(watch.status());
  entered.get_future().wait();
  opened->reset();
  EXPECT_EQ(later.use_count(), 1) << "what the callback began ended with the replica";
}

}  // namespace
}  // namespace brigada
