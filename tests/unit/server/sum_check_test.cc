#include "server/sum_check.h"

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/server/session_world.h"

namespace brigada {
namespace {

constexpr char kState[] = "MX/20";

class SumCheckTest : public ::testing::Test {
 protected:
  SumCheckTest() {
    FakeDevice device = world_.NewDevice("ana", kState);
    device.Write("MX/20/067", world_.random());
    FakeSink sink;
    const auto runner = world_.NewRunner(&sink, device.replica());
    runner->Start();
    for (v1::ClientFrame& frame : device.FirstFlight(/*live=*/false))
      runner->OnFrame(std::move(frame));
    EXPECT_OK(sink.WaitForEnd());
    world_.Settle();
  }
  SessionWorld world_{/*threads=*/1};
  SumCheck check_{&world_.store(), &world_.executor(), &world_.clock()};
};

TEST_F(SumCheckTest, APartitionIsReadOnceInAWhileHoweverOftenItIsAskedFor) {
  for (int i = 0; i < 3; ++i) check_.Ask(kState);
  world_.Settle();
  EXPECT_EQ(world_.store().recomputed(), 1);
  world_.clock().Advance(kBetweenSumChecks);
  check_.Ask(kState);
  world_.Settle();
  EXPECT_EQ(world_.store().recomputed(), 2);
}

TEST_F(SumCheckTest, APartitionThatIsNotThereIsNotRead) {
  check_.Ask("MX/07");
  world_.Settle();
  EXPECT_EQ(world_.store().recomputed(), 0);
}

}  // namespace
}  // namespace brigada
