// Rounds and live sessions over links that the test rules: what is tried again, where, and what the
// status says meanwhile.
#include "client_lib/sync_round.h"

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/sync/codec.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/client_lib/device_world.h"

namespace brigada {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SyncRoundTest : public ::testing::Test {
 protected:
  SyncRoundTest() {
    EXPECT_OK(directory_.Prepare(/*create=*/true));
    EXPECT_OK(directory_.ReadOrMakeKey());
    EXPECT_OK(directory_.WriteCredentials({"first.example:1", "ca", "certificate", ""}));
  }
  // What the server does with the frames of each connection.
  SyncRound& Begin(FakeLink::OnFrame on_frame) {
    transport_ = std::make_unique<FakeTransport>(std::move(on_frame));
    round_ = std::make_unique<SyncRound>(&world_.stores(), &directory_, transport_.get(),
                                         &world_.clock());
    return *round_;
  }
  void BeginCutWhile(const std::atomic<bool>& cut) {
    Begin([&cut](FakeLink& link, const v1::ClientFrame& frame) {
      if (cut) {
        link.Cut();
      } else {
        AnswerUpToDate(link, frame);
      }
    });
  }
  SyncStatus Status() const {
    SyncStatus status;
    round_->Describe(&status);
    return status;
  }
  std::future<SessionEnd> LiveAside(const SyncOptions& options = {}) {
    return std::async(std::launch::async, [this, options] { return round_->RunLive(options); });
  }
  void WaitUntilLive() {
    while (Status().phase != SyncPhase::kLive) std::this_thread::yield();
  }

  DeviceWorld world_;
  ScratchDirectory scratch_;
  const ReplicaDirectory directory_{scratch_ / "replica"};
  std::unique_ptr<FakeTransport> transport_;
  std::unique_ptr<SyncRound> round_;
};

TEST_F(SyncRoundTest, ALeaseIsRenewedWhereTheCallerSyncs) {
  Begin([](FakeLink& link, const v1::ClientFrame&) {
    link.GiveRefused(v1::Refused::LEASE_EXPIRED, 0);
  });
  SyncOptions options;
  options.server = "other.example:2";
  EXPECT_THAT(round_->Run(options), StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(transport_->servers(), ElementsAre("other.example:2"));
  EXPECT_THAT(transport_->renewed_at(), ElementsAre("other.example:2"));
  // Only for this time.
  EXPECT_EQ(directory_.ReadCredentials()->server, "first.example:1");
}

TEST_F(SyncRoundTest, TheBudgetIsOneForAllConnectionsOfARound) {
  Begin([](FakeLink& link, const v1::ClientFrame& frame) {
    if (!frame.has_hello()) return;
    link.GiveWelcome();
    link.Cut();
  });
  EXPECT_FALSE(round_->RunLive({}).was_good);
  const uint64_t one_connection = transport_->Link(0)->bytes();
  SyncOptions options;
  options.byte_budget = one_connection + 10;
  EXPECT_THAT(round_->Run(options), StatusIs(absl::StatusCode::kResourceExhausted));
  ASSERT_EQ(transport_->connections(), 3u);
  EXPECT_FALSE(transport_->Link(1)->sent().empty());
  EXPECT_TRUE(transport_->Link(2)->sent().empty());
}

// What the device asked of each connection, in KiB.
std::vector<uint32_t> TargetsOf(FakeTransport& transport) {
  std::vector<uint32_t> targets;
  for (size_t i = 0; i < transport.connections(); ++i) {
    const std::vector<v1::ClientFrame> sent = transport.Link(i)->sent();
    targets.push_back(sent.empty() ? 0 : sent[0].hello().limits().batch_target_bytes() >> 10);
  }
  return targets;
}

TEST_F(SyncRoundTest, EachBreakThatLeavesNothingDoneMakesBatchesSmaller) {
  Begin([](FakeLink& link, const v1::ClientFrame& frame) {
    if (!frame.has_hello()) return;
    link.GiveWelcome();
    link.Cut();
  });
  const absl::Status status = round_->Run({}).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("the link broke")));
  // The smallest has its tries too.
  EXPECT_THAT(TargetsOf(*transport_), ElementsAre(256, 64, 16, 4, 4, 4));
}

TEST_F(SyncRoundTest, BackgroundSessionsShareWhatABreakTaughtAndGrowAgain) {
  std::atomic<bool> cut{true};
  BeginCutWhile(cut);
  EXPECT_FALSE(round_->RunLive({}).was_good);
  EXPECT_FALSE(round_->RunLive({}).was_good);
  cut = false;
  for (int i = 0; i < 5; ++i) ASSERT_OK(round_->Run({}));
  EXPECT_THAT(TargetsOf(*transport_), ElementsAre(256, 64, 16, 32, 64, 128, 256));
}

TEST_F(SyncRoundTest, ABreakThatLeavesWorkDoneKeepsTheBatches) {
  std::atomic<uint64_t> place{0};
  Begin([&](FakeLink& link, const v1::ClientFrame& frame) {
    if (!frame.has_hello()) return;
    link.GiveWelcome();
    v1::ServerFrame batch;
    const PackedBody body = PackBody(v1::BatchBody());
    batch.mutable_batch()->set_partition("MX/20");
    batch.mutable_batch()->set_from(place);
    batch.mutable_batch()->set_to(place + 1);
    batch.mutable_batch()->set_head(100);
    batch.mutable_batch()->set_body(body.bytes);
    batch.mutable_batch()->set_inflated_bytes(body.inflated_bytes);
    v1::Cursor& cursor = *batch.mutable_batch()->mutable_cursor();
    cursor.set_partition("MX/20");
    cursor.set_scanned(++place);
    link.Give(std::move(batch));
    link.Cut();
  });
  EXPECT_FALSE(round_->RunLive({}).was_good);
  EXPECT_FALSE(round_->RunLive({}).was_good);
  EXPECT_THAT(TargetsOf(*transport_), ElementsAre(256, 256));
  EXPECT_EQ(world_.store().Cursors().at(0).scanned(), 2u);
}

TEST_F(SyncRoundTest, NoLinkAtAllSaysNothingOfBatches) {
  Begin(AnswerUpToDate);
  transport_->set_reachable(false);
  EXPECT_THAT(round_->Run({}), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("cut")));
  EXPECT_EQ(transport_->connections(), 3u);
  transport_->set_reachable(true);
  ASSERT_OK(round_->Run({}));
  EXPECT_THAT(TargetsOf(*transport_), ElementsAre(0, 0, 0, 256));
}

TEST_F(SyncRoundTest, ALiveSessionIsASuccessWhileItLasts) {
  std::atomic<bool> cut{true};
  BeginCutWhile(cut);
  EXPECT_FALSE(round_->RunLive({}).was_good);
  EXPECT_NE(Status().last_error, "");
  EXPECT_EQ(Status().last_success, absl::InfinitePast());

  cut = false;
  world_.clock().Advance(absl::Seconds(1));
  std::future<SessionEnd> session = LiveAside();
  WaitUntilLive();
  EXPECT_EQ(Status().last_error, "");
  EXPECT_EQ(Status().last_success, world_.clock().Now());
  // It moves on with every sign of life.
  world_.clock().Advance(absl::Seconds(20));
  v1::ServerFrame pong;
  pong.mutable_pong();
  transport_->Link(1)->Give(pong);
  while (Status().last_success != world_.clock().Now()) std::this_thread::yield();

  const absl::Time last_heard = world_.clock().Now();
  world_.clock().Advance(absl::Seconds(20));
  transport_->Link(1)->Cut();
  EXPECT_TRUE(session.get().was_good);
  EXPECT_EQ(Status().last_success, last_heard);
  EXPECT_NE(Status().last_error, "");
}

TEST_F(SyncRoundTest, NothingIsConsistentBeforeTheFirstSyncCameToItsEnd) {
  std::atomic<bool> cut{true};
  Begin([&](FakeLink& link, const v1::ClientFrame& frame) {
    if (!frame.has_hello()) return;
    link.GiveWelcome();
    if (cut) {
      link.Cut();
    } else {
      link.GiveDone();
    }
  });
  EXPECT_FALSE(Status().consistent);
  round_->RunLive({});
  EXPECT_FALSE(Status().consistent);
  cut = false;
  ASSERT_OK(round_->Run({}));
  EXPECT_TRUE(Status().consistent);
  cut = true;
  round_->RunLive({});
  EXPECT_TRUE(Status().consistent);
}

TEST_F(SyncRoundTest, AFailureIsToldAfterASuccessThatAWrongClockDated) {
  std::atomic<bool> cut{false};
  BeginCutWhile(cut);
  const absl::Time now = world_.clock().Now();
  world_.clock().SetWall(now + absl::Hours(24 * 365 * 24));
  ASSERT_OK(round_->Run({}));
  world_.clock().SetWall(now);
  cut = true;
  EXPECT_FALSE(round_->RunLive({}).was_good);
  EXPECT_NE(Status().last_error, "");
  EXPECT_EQ(Status().last_error_at, now);

  cut = false;
  ASSERT_OK(round_->Run({}));
  EXPECT_EQ(Status().last_error, "");
}

TEST_F(SyncRoundTest, BeingAskedToBeginAnewIsNoError) {
  Begin(AnswerUpToDate);
  std::future<SessionEnd> session = LiveAside();
  WaitUntilLive();
  transport_->Link(0)->GiveRefused(v1::Refused::SHUTTING_DOWN, 1500);
  const SessionEnd end = session.get();
  EXPECT_TRUE(end.was_good);
  EXPECT_EQ(end.retry_after, absl::Milliseconds(1500));
  EXPECT_EQ(Status().last_error, "");
}

TEST_F(SyncRoundTest, ARoundComesBackWhenTheServerAsks) {
  std::atomic<int> sessions{0};
  Begin([&](FakeLink& link, const v1::ClientFrame& frame) {
    if (!frame.has_hello()) return;
    if (++sessions == 1) {
      link.GiveRefused(v1::Refused::BUSY, 1);
    } else {
      AnswerUpToDate(link, frame);
    }
  });
  SyncOptions options;
  std::vector<SyncPhase> phases;
  options.on_progress = [&](const SyncState& state) { phases.push_back(state.phase); };
  ASSERT_OK_AND_ASSIGN(const SyncReport report, round_->Run(options));
  EXPECT_EQ(report.connections, 2);
  EXPECT_THAT(phases, Contains(SyncPhase::kWaiting));
  EXPECT_EQ(Status().retry_at, absl::InfinitePast());
}

TEST_F(SyncRoundTest, ARoundDoesNotWaitBeyondItsDeadlineAndTellsWhenToComeBack) {
  Begin([](FakeLink& link, const v1::ClientFrame&) { link.GiveRefused(v1::Refused::BUSY, 5000); });
  SyncOptions options;
  options.deadline = absl::Seconds(4);
  EXPECT_THAT(round_->Run(options), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(transport_->connections(), 1u);
  EXPECT_EQ(Status().retry_at, world_.clock().Now() + absl::Seconds(5));
}

TEST_F(SyncRoundTest, ARoundWithoutADeadlineDoesNotWaitForEver) {
  Begin([](FakeLink& link, const v1::ClientFrame&) {
    link.GiveRefused(v1::Refused::SHUTTING_DOWN, 90'000);
  });
  EXPECT_THAT(round_->Run({}), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(transport_->connections(), 1u);
}

TEST_F(SyncRoundTest, BeingTurnedAwayIsAnErrorAndNoGoodSession) {
  Begin([](FakeLink& link, const v1::ClientFrame&) { link.GiveRefused(v1::Refused::BUSY, 5000); });
  const SessionEnd end = round_->RunLive({});
  EXPECT_FALSE(end.was_good);
  EXPECT_EQ(end.retry_after, absl::Seconds(5));
  EXPECT_THAT(Status().last_error, HasSubstr("BUSY"));
}

TEST_F(SyncRoundTest, AStallIsToldUntilSomethingMoves) {
  Begin(AnswerUpToDate);
  SyncOptions options;
  options.stall_timeout = absl::Minutes(10);
  std::future<SessionEnd> session = LiveAside(options);
  WaitUntilLive();
  world_.Write();
  while (session.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
    world_.clock().Advance(absl::Minutes(1));
    // Pongs keep the session's own watchdog quiet.
    v1::ServerFrame pong;
    pong.mutable_pong();
    transport_->Link(0)->Give(pong);
    round_->OnCommit();
  }
  EXPECT_FALSE(session.get().was_good);
  EXPECT_EQ(Status().stalls, 1u);
  EXPECT_NE(Status().stalled, "");
  EXPECT_THAT(Status().last_error, HasSubstr("STALLED"));
}

TEST_F(SyncRoundTest, StoppingTheBackgroundLeavesARoundAlone) {
  Begin([](FakeLink& link, const v1::ClientFrame& frame) {
    if (frame.has_hello()) link.GiveWelcome();
  });
  auto round = std::async(std::launch::async, [this] { return round_->Run({}).status(); });
  const auto link = transport_->Link(0);
  while (Status().phase != SyncPhase::kPulling) std::this_thread::yield();
  round_->Stop();
  round_->Cancel();
  link->GiveDone();
  EXPECT_OK(round.get());
}

// The receipt of a purge says so.
TEST_F(SyncRoundTest, WhatASessionPurgedLeavesTheFilesWhenItEnds) {
  for (const bool is_live : {false, true}) {
    v1::Welcome before;
    v1::Feed& feed = *before.add_feeds();
    feed.set_scope("MX/20");
    feed.set_kind(v1::BELOW);
    feed.set_max_class(v1::PERSONAL);
    ASSERT_OK(world_.store().NoteWelcome(before));
    const uint64_t receipt = world_.store().PendingReceipt().number();
    Begin(AnswerUpToDate);
    if (is_live) {
      std::future<SessionEnd> session = LiveAside();
      WaitUntilLive();
      EXPECT_EQ(world_.store().PendingReceipt().number(), receipt);
      transport_->Link(0)->Cut();
      session.get();
    } else {
      ASSERT_OK(round_->Run({}));
    }
    EXPECT_EQ(world_.store().PendingReceipt().number(), receipt + 1) << is_live;
  }
}

TEST_F(SyncRoundTest, OneSessionAtATime) {
  Begin(AnswerUpToDate);
  std::future<SessionEnd> session = LiveAside();
  WaitUntilLive();
  EXPECT_THAT(round_->Run({}), StatusIs(absl::StatusCode::kAlreadyExists));
  round_->Stop();
  session.get();
  EXPECT_OK(round_->Run({}));
}

}  // namespace
}  // namespace brigada
