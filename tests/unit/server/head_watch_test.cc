// Commits of another server on the same store: here a queue that tells nobody.
#include "server/head_watch.h"

#include <memory>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/live_sessions.h"
#include "tests/unit/server/session_world.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kState[] = "MX/20";

class HeadWatchTest : public ::testing::Test {
 protected:
  // Waits until the session says so.
  static bool IsDone(FakeSink& sink) {
    std::optional<v1::ServerFrame> frame = sink.Next();
    while (frame.has_value() && !frame->has_done()) frame = sink.Next();
    return frame.has_value();
  }
  std::shared_ptr<SessionRunner> Begin(FakeDevice& device, FakeSink* sink, bool live) {
    std::shared_ptr<SessionRunner> runner = world_.NewRunner(sink, device.replica());
    CHECK(!sessions_.Admit(runner).has_value());
    runner->Start();
    for (v1::ClientFrame& frame : device.FirstFlight(live)) runner->OnFrame(std::move(frame));
    return runner;
  }
  void CommitElsewhere() {
    FakeDevice ana = world_.NewDevice("ana", kState);
    ana.Write("MX/20/067", world_.random());
    Begin(ana, &writer_, /*live=*/false);
    ASSERT_TRUE(IsDone(writer_));
  }

  FakeSink writer_;  // outlive the threads
  FakeSink reader_;
  SessionWorld world_;
  LiveSessions sessions_{AdmissionLimits(), &world_.clock()};
  HeadWatch heads_{&world_.store()};
};

TEST_F(HeadWatchTest, ALiveSessionIsToldWhatAnotherServerCommitted) {
  FakeDevice beto = world_.NewDevice("beto", kState);
  const auto session = Begin(beto, &reader_, /*live=*/true);
  ASSERT_TRUE(IsDone(reader_));
  CommitElsewhere();

  sessions_.OnNewHeads(heads_.Moved());

  const std::optional<v1::ServerFrame> frame = reader_.Next();
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(frame->batch().partition(), kState);
}

TEST_F(HeadWatchTest, AHeadIsFoundMovedOnce) {
  EXPECT_THAT(heads_.Moved(), IsEmpty());
  CommitElsewhere();
  EXPECT_THAT(heads_.Moved(), ElementsAre(kState));
  EXPECT_THAT(heads_.Moved(), IsEmpty());
}

TEST_F(HeadWatchTest, WhatThisServerToldIsNotToldAgain) {
  CommitElsewhere();
  heads_.NoteTold({kState});
  EXPECT_THAT(heads_.Moved(), IsEmpty());
}

}  // namespace
}  // namespace brigada
