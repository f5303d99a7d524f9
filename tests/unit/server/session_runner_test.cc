// The runner over a sink that keeps frames: what moves, what ends a session and what it costs.
#include "server/session_runner.h"

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/server/session_world.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;

constexpr char kJuarez[] = "MX/20/067";

class SessionRunnerTest : public ::testing::Test {
 protected:
  // The device's first flight, and the answers up to Done.
  void Begin(bool live) {
    runner_ = world_.NewRunner(&sink_, device_.replica());
    runner_->Start();
    SendFirstFlight(live);
  }
  void SendFirstFlight(bool live) {
    int read = 1;
    for (v1::ClientFrame& frame : device_.FirstFlight(live)) {
      sink_.WaitForRead(read++);
      runner_->OnFrame(std::move(frame));
    }
  }
  v1::ServerFrame NextNot(v1::ServerFrame::FrameCase ignored) {
    while (true) {
      std::optional<v1::ServerFrame> frame = sink_.Next();
      if (!frame.has_value()) return v1::ServerFrame();
      if (frame->frame_case() != ignored) return *std::move(frame);
    }
  }
  void BeginLive() {
    Begin(/*live=*/true);
    ASSERT_TRUE(sink_.Next()->has_welcome());
    ASSERT_TRUE(NextNot(v1::ServerFrame::kBatch).has_done());
  }
  v1::Refused NextRefused() {
    const v1::ServerFrame frame = NextNot(v1::ServerFrame::kBatch);
    EXPECT_TRUE(frame.has_refused()) << frame.frame_case();
    return frame.refused();
  }

  // Before the world: its threads end sessions, and so use the sink, until it is gone.
  FakeSink sink_;
  SessionWorld world_{/*threads=*/1};
  FakeDevice device_ = world_.NewDevice("ana", kJuarez);
  std::shared_ptr<SessionRunner> runner_;
};

TEST_F(SessionRunnerTest, APushIsCommittedAnsweredAndNoted) {
  device_.Write(kJuarez, world_.random());
  Begin(/*live=*/false);
  EXPECT_TRUE(sink_.Next()->has_welcome());
  EXPECT_TRUE(NextNot(v1::ServerFrame::kBatch).has_done());
  EXPECT_OK(sink_.WaitForEnd());
  EXPECT_EQ(world_.store().Head("MX/20"), 1u);
  ASSERT_OK(world_.notes().Flush());
  EXPECT_EQ((*FindDevice(world_.store(), device_.replica()))->last_sync_ms(),
            absl::ToUnixMillis(world_.clock().Now()));
}

TEST_F(SessionRunnerTest, ASessionsEndWritesNothing) {
  Begin(/*live=*/false);
  world_.store().Break();
  EXPECT_OK(sink_.WaitForEnd());
  EXPECT_EQ(world_.notes().size(), 1u);
}

TEST_F(SessionRunnerTest, ADeviceRefusedInItsHelloStillHoldsTheDeletionsThatItHasNotHeardOf) {
  Begin(/*live=*/false);
  ASSERT_OK(sink_.WaitForEnd());
  ASSERT_OK(world_.notes().Flush());
  const auto noted = FindDevice(world_.store(), device_.replica());
  ASSERT_GT((*noted)->acknowledged_size(), 0);

  FakeSink sink;
  const auto runner = world_.NewRunner(&sink, device_.replica());
  runner->Start();
  v1::ClientFrame hello = device_.FirstFlight(/*live=*/false).front();
  hello.mutable_hello()->mutable_limits()->set_max_frame_bytes(1);
  sink.WaitForRead(1);
  runner->OnFrame(std::move(hello));
  ASSERT_EQ(sink.Next()->refused().reason(), v1::Refused::MALFORMED_FRAME);
  ASSERT_OK(sink.WaitForEnd());
  ASSERT_OK(world_.notes().Flush());
  EXPECT_EQ((*FindDevice(world_.store(), device_.replica()))->acknowledged_size(),
            (*noted)->acknowledged_size());
}

TEST_F(SessionRunnerTest, AThousandCommitsWakeABusySessionOnce) {
  BeginLive();
  world_.Settle();
  const int heads = world_.store().heads_asked();
  const int steps = world_.runner_clock().asked();
  std::promise<void> gate;
  world_.executor().Post([opened = gate.get_future().share()] { opened.wait(); });
  for (int i = 0; i < 1000; ++i) {
    runner_->OnNewHeads({"MX/20"});
    runner_->OnTick();
  }
  gate.set_value();
  world_.Settle();
  EXPECT_LE(world_.store().heads_asked() - heads, 5);
  EXPECT_LE(world_.runner_clock().asked() - steps, 5);
}

TEST_F(SessionRunnerTest, CommitsElsewhereDoNotWakeASession) {
  BeginLive();
  world_.Settle();
  const int steps = world_.runner_clock().asked();
  runner_->OnNewHeads({"MX/21", "MX/09"});
  world_.Settle();
  EXPECT_EQ(world_.runner_clock().asked(), steps);
  runner_->OnNewHeads({"MX/21", "MX/20"});
  world_.Settle();
  EXPECT_GT(world_.runner_clock().asked(), steps);
}

TEST_F(SessionRunnerTest, ALiveSessionHearsOfACommit) {
  BeginLive();
  FakeDevice beto = world_.NewDevice("beto", kJuarez);
  beto.Write(kJuarez, world_.random());
  FakeSink beto_sink;
  const auto beto_runner = world_.NewRunner(&beto_sink, beto.replica());
  beto_runner->Start();
  int read = 1;
  for (v1::ClientFrame& frame : beto.FirstFlight(/*live=*/false)) {
    beto_sink.WaitForRead(read++);
    beto_runner->OnFrame(std::move(frame));
  }
  ASSERT_OK(beto_sink.WaitForEnd());
  runner_->OnNewHeads({"MX/20"});
  EXPECT_EQ(sink_.Next()->batch().to(), 1u);
}

TEST_F(SessionRunnerTest, OnlyTheUsersOwnSessionsEndWithTheUser) {
  BeginLive();
  v1::Refused refused;
  refused.set_reason(v1::Refused::BUSY);
  runner_->EndIfOf("beto", refused);
  refused.set_reason(v1::Refused::SHUTTING_DOWN);
  runner_->EndIfOf("ana", refused);
  EXPECT_EQ(NextRefused().reason(), v1::Refused::SHUTTING_DOWN);
  EXPECT_OK(sink_.WaitForEnd());
}

TEST_F(SessionRunnerTest, ASessionThatHasLastedItsTimeIsAskedToBeginAnew) {
  world_.context().session_options.stall_timeout = absl::Hours(10);
  BeginLive();
  world_.clock().Advance(absl::Minutes(34));
  runner_->OnTick();
  const v1::Refused refused = NextRefused();
  EXPECT_EQ(refused.reason(), v1::Refused::SHUTTING_DOWN);
  EXPECT_EQ(refused.retry_after_ms(), 1000u);
  EXPECT_OK(sink_.WaitForEnd());
}

TEST_F(SessionRunnerTest, ASessionEndsWithTheLeaseItWasJudgedBy) {
  world_.context().session_options.stall_timeout = absl::Hours(100);
  world_.context().max_session_age = absl::Hours(100);
  BeginLive();
  world_.clock().Advance(absl::Hours(23));
  runner_->OnTick();
  world_.clock().Advance(absl::Hours(1));
  runner_->OnTick();
  EXPECT_EQ(NextRefused().reason(), v1::Refused::SHUTTING_DOWN);
}

TEST_F(SessionRunnerTest, ADeviceThatDoesNotReadIsCutOff) {
  sink_.GetStuck();
  Begin(/*live=*/true);
  ASSERT_TRUE(sink_.Next()->has_welcome());
  world_.clock().Advance(absl::Seconds(61));
  runner_->OnTick();
  EXPECT_THAT(sink_.WaitForEnd(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("STALLED")));
  EXPECT_TRUE(sink_.cancelled());
}

TEST_F(SessionRunnerTest, ACertificateOfAnotherReplicaIsRefused) {
  const auto stranger = world_.NewRunner(&sink_, *ReplicaId::FromBytes(std::string(16, 'x')));
  stranger->Start();
  sink_.WaitForRead(1);
  stranger->OnFrame(device_.FirstFlight(/*live=*/false).front());
  EXPECT_EQ(NextRefused().reason(), v1::Refused::WRONG_REPLICA);
}

TEST_F(SessionRunnerTest, AFailedStoreSendsThePushAwayUntilItIsOpenedAgain) {
  device_.Write(kJuarez, world_.random());
  world_.store().Break();
  Begin(/*live=*/true);
  ASSERT_TRUE(sink_.Next()->has_welcome());
  const v1::Refused refused = NextNot(v1::ServerFrame::kDone).refused();
  EXPECT_EQ(refused.reason(), v1::Refused::SHUTTING_DOWN);
  EXPECT_THAT(refused.detail(), HasSubstr("opened again"));
  EXPECT_GE(refused.retry_after_ms(), 10'000u);
}

TEST_F(SessionRunnerTest, AFullDiskIsReadFromAndThePushWaits) {
  FakeDevice beto = world_.NewDevice("beto", kJuarez);
  ASSERT_NO_FATAL_FAILURE(BeginLive());
  device_.Write(kJuarez, world_.random());
  world_.store().FailWrites(absl::ResourceExhaustedError("disk full"));
  FakeSink writer;
  const auto runner = world_.NewRunner(&writer, device_.replica());
  runner->Start();
  int read = 1;
  for (v1::ClientFrame& frame : device_.FirstFlight(/*live=*/true)) {
    writer.WaitForRead(read++);
    runner->OnFrame(std::move(frame));
  }
  // What can be read is read: the welcome and the session stay, until there is nothing else to do.
  ASSERT_TRUE(writer.Next()->has_welcome());
  while (!world_.queue().waits_for_room()) std::this_thread::yield();
  runner->OnTick();
  const std::optional<v1::ServerFrame> last = writer.Next();
  ASSERT_TRUE(last.has_value() && last->has_refused());
  EXPECT_EQ(last->refused().reason(), v1::Refused::BUSY);
  EXPECT_GE(last->refused().retry_after_ms(), 60'000u);
  // As soon as there is room what was pushed is committed.
  world_.store().FailWrites(absl::OkStatus());
  while (world_.store().Head("MX/20") == 0) std::this_thread::yield();
}

}  // namespace
}  // namespace brigada
