// The sessions of device and server against each other over a loopback. The stores are fakes that
// keep sequences and cursors; what merging does with a batch is tested where merging is.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "replica/base/limits.h"
#include "replica/sync/device_push.h"
#include "replica/sync/device_session.h"
#include "replica/sync/refusal.h"
#include "replica/sync/server_session.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/sync/session_fixture.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
TEST_F(SessionTest, HelloAndOutboxLeaveWithoutWaitingForTheWelcome) {
  for (const char* body : {"a", "b", "c", "d"}) first_.Add(kOaxaca, body);
  DeviceSession session(&first_, {}, clock_.Now(), clock_.Monotonic());
  std::vector<v1::ClientFrame::FrameCase> sent;
  while (true) {
    ASSERT_OK_AND_ASSIGN(const auto frame, session.NextFrame());
    if (!frame.has_value()) break;
    sent.push_back(frame->frame_case());
  }
  EXPECT_THAT(sent, ElementsAre(v1::ClientFrame::kHello, v1::ClientFrame::kPush,
                                v1::ClientFrame::kPush, v1::ClientFrame::kPushEnd));
}

TEST_F(SessionTest, ASmallerTargetSendsLessAheadOfTheVerdicts) {
  for (int i = 0; i < 60; ++i) first_.Add(kOaxaca, absl::StrCat(i));
  for (const auto& [target, frames] : {std::pair<size_t, size_t>{0, 16},
                                       {kBatchTargetBytes / 4, 4},
                                       {kBatchTargetBytes / 64, 1},
                                       {1, 1}}) {
    DeviceSessionOptions options;
    options.batch_target_bytes = target;
    DeviceSession session(&first_, options, clock_.Now(), clock_.Monotonic());
    ASSERT_OK_AND_ASSIGN(const auto hello, session.NextFrame());
    EXPECT_EQ(hello->hello().limits().batch_target_bytes(),
              target == 0 ? kBatchTargetBytes : target);
    size_t sent = 0;
    for (auto frame = session.NextFrame(); frame.ok() && frame->has_value();
         frame = session.NextFrame()) {
      ++sent;
    }
    EXPECT_EQ(sent, frames) << target;
    LoopbackOptions loopback;
    loopback.device = options;
    FakeAuthorityStore store;
    TestServer server(&store, &judge_, &clock_);
    FakeDeviceStore device(3);
    server.SetPeer({device.replica(), "user", {BelowFeed(kOaxaca)}, {}});
    for (int i = 0; i < 40; ++i) device.Add(kOaxaca, absl::StrCat(i));
    EXPECT_EQ(Loopback(&server, &device, loopback).Run(), End::kFinished) << target;
    EXPECT_EQ(store.Bodies(kOaxaca).size(), 40U) << target;
    EXPECT_THAT(device.partition(kOaxaca).outbox, IsEmpty()) << target;
  }
}

TEST_F(SessionTest, TheEndOfThePushWaitsForNoVerdict) {
  first_.Add(kOaxaca, "a");
  DeviceSessionOptions options;
  options.batch_target_bytes = 1;
  DeviceSession session(&first_, options, clock_.Now(), clock_.Monotonic());
  std::vector<v1::ClientFrame::FrameCase> sent;
  for (auto frame = session.NextFrame(); frame.ok() && frame->has_value();
       frame = session.NextFrame()) {
    sent.push_back((*frame)->frame_case());
  }
  EXPECT_THAT(sent, ElementsAre(v1::ClientFrame::kHello, v1::ClientFrame::kPush,
                                v1::ClientFrame::kPushEnd));
}

TEST_F(SessionTest, AWindowOfOneFrameOutlivesLostVerdicts) {
  LoopbackOptions options;
  options.device.batch_target_bytes = 1;
  for (uint64_t cut = 560; cut < 1500; cut += 7) {
    FakeAuthorityStore store;
    TestServer server(&store, &judge_, &clock_);
    FakeDeviceStore device(3);
    server.SetPeer({device.replica(), "user", {BelowFeed(kOaxaca)}, {}});
    for (int i = 0; i < 20; ++i) device.Add(kOaxaca, absl::StrCat(i));
    options.cut_after_bytes = cut;
    End end = End::kCut;
    int tries = 0;
    for (; tries < 40 && end == End::kCut; ++tries) {
      end = Loopback(&server, &device, options).Run();
      ASSERT_OK(server.RunCommits().status());
    }
    EXPECT_EQ(end, End::kFinished) << cut;
    EXPECT_GT(tries, 1) << cut;
    EXPECT_EQ(store.Bodies(kOaxaca).size(), 20U) << cut;
    EXPECT_THAT(device.partition(kOaxaca).outbox, IsEmpty()) << cut;
  }
}

TEST_F(SessionTest, PushesPullsAndEnds) {
  first_.Add(kOaxaca, "a");
  second_.Add(kOaxaca, "b");
  EXPECT_EQ(Sync(&first_), End::kFinished);
  EXPECT_EQ(Sync(&second_), End::kFinished);
  EXPECT_EQ(Sync(&first_), End::kFinished);
  EXPECT_THAT(Records(&first_), ElementsAre("a", "b"));
  EXPECT_THAT(Records(&second_), ElementsAre("a", "b"));
  EXPECT_TRUE(progress_.is_caught_up);
  EXPECT_THAT(first_.partition(kOaxaca).outbox, IsEmpty());
}

TEST_F(SessionTest, ReportsWhatItDid) {
  for (const char* body : {"a", "b", kUnwelcome}) first_.Add(kOaxaca, body);
  Sync(&first_);
  EXPECT_EQ(progress_.phase, SyncProgress::Phase::kDone);
  EXPECT_EQ(progress_.change_sets_sent, 3U);
  EXPECT_EQ(progress_.change_sets_judged, 3U);
  EXPECT_EQ(progress_.change_sets_confirmed, 2U);
  EXPECT_EQ(progress_.change_sets_refused, 1U);
  EXPECT_EQ(progress_.checkpoints, 1U);
  EXPECT_TRUE(progress_.partitions[kOaxaca].at_checkpoint);
}

TEST_F(SessionTest, ARefusedChangeSetLeavesTheOutboxAndBlocksNothing) {
  for (const char* body : {"a", kUnwelcome, "b"}) first_.Add(kOaxaca, body);
  EXPECT_EQ(Sync(&first_), End::kFinished);
  EXPECT_THAT(Records(&first_), ElementsAre("a", "b"));
  EXPECT_THAT(first_.partition(kOaxaca).rejected, ElementsAre(kUnwelcome));
  EXPECT_THAT(first_.partition(kOaxaca).outbox, IsEmpty());
}

TEST_F(SessionTest, GoesOnAfterACutAtAnyByte) {
  LoopbackOptions small;
  small.server.batch_target_bytes = 6;
  for (uint64_t cut = 1;; ++cut) {
    FakeAuthorityStore store;
    TestServer server(&store, &judge_, &clock_);
    FakeDeviceStore devices[] = {FakeDeviceStore(1), FakeDeviceStore(2)};
    for (FakeDeviceStore& device : devices) {
      server.SetPeer({device.replica(), "user", {BelowFeed(kNation), BelowFeed(kOaxaca)}, {}});
      for (const char* body : {"p", "q", "r", "s"})
        device.Add(kOaxaca, absl::StrCat(body, device.replica().ToString().substr(0, 2)));
    }
    ASSERT_EQ(Loopback(&server, devices + 1, small).Run(), End::kFinished);
    LoopbackOptions cutting = small;
    cutting.cut_after_bytes = cut;
    const End end = Loopback(&server, devices, cutting).Run();
    ASSERT_OK(server.RunCommits().status());  // what was queued when the link broke
    ASSERT_EQ(Loopback(&server, devices, small).Run(), End::kFinished) << cut;
    EXPECT_EQ(devices[0].partition(kOaxaca).records.size(), 8U) << cut;
    EXPECT_EQ(store.Bodies(kOaxaca).size(), 8U) << cut;
    EXPECT_THAT(devices[0].partition(kOaxaca).outbox, IsEmpty()) << cut;
    if (end == End::kFinished) {
      EXPECT_GT(cut, 200U);
      break;
    }
  }
}

TEST_F(SessionTest, ALostAnswerIsPushedAgainAndJudgedOnce) {
  for (const char* body : {"a", "b", "c", "d"}) first_.Add(kOaxaca, body);
  LoopbackOptions deaf;
  deaf.drops_answers = true;
  EXPECT_EQ(Sync(&first_, deaf), End::kIdle);
  EXPECT_EQ(first_.partition(kOaxaca).outbox.size(), 4U);
  EXPECT_EQ(Sync(&first_), End::kFinished);
  EXPECT_THAT(store_.Bodies(kOaxaca), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(first_.partition(kOaxaca).outbox, IsEmpty());
}

TEST_F(SessionTest, ExpectedMakesTheDeviceGoOnFromThere) {
  for (const char* body : {"a", "b", "c", "d"}) first_.Add(kOaxaca, body);
  DeviceSession device(&first_, {}, clock_.Now(), clock_.Monotonic());
  ASSERT_OK_AND_ASSIGN(const auto hello, device.NextFrame());
  ASSERT_OK_AND_ASSIGN(const auto lost, device.NextFrame());
  TestServer::Peer peer(&server_);
  ServerSession server(&store_, &peer, {});
  peer.Attach(&server);
  server.OnFrame(*hello, clock_.Now());
  std::vector<v1::ServerFrame::FrameCase> answers;
  bool moved = true;
  while (moved && !device.finished()) {
    ASSERT_OK_AND_ASSIGN(const auto up, device.NextFrame());
    if (up.has_value()) server.OnFrame(*up, clock_.Now());
    ASSERT_OK_AND_ASSIGN(const bool ran, server_.RunCommits());
    const auto down = server.NextFrame(clock_.Now());
    if (down.has_value()) {
      answers.push_back(down->frame_case());
      ASSERT_OK(device.OnFrame(*down, clock_.Monotonic()));
    }
    moved = up.has_value() || ran || down.has_value();
  }
  EXPECT_THAT(answers, testing::Contains(v1::ServerFrame::kExpected));
  EXPECT_TRUE(device.finished());
  EXPECT_THAT(store_.Bodies(kOaxaca), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(first_.partition(kOaxaca).outbox, IsEmpty());
}

TEST_F(SessionTest, WorkReachesAnotherLiveDevice) {
  LoopbackOptions live;
  live.device.live = true;
  Loopback writer(&server_, &first_, live);
  Loopback reader(&server_, &second_, live);
  ASSERT_EQ(writer.Run(), End::kIdle);
  ASSERT_EQ(reader.Run(), End::kIdle);
  EXPECT_EQ(reader.device().progress().phase, SyncProgress::Phase::kLive);
  first_.Add(kOaxaca, "fresh");
  writer.device().OnCommit();
  writer.Run();
  reader.Run();
  EXPECT_THAT(Records(&second_), ElementsAre("fresh"));
  EXPECT_THAT(first_.partition(kOaxaca).outbox, IsEmpty());
  reader.device().Stop();
  EXPECT_EQ(reader.Run(), End::kFinished);
  EXPECT_TRUE(reader.server_session().finished());
}

TEST_F(SessionTest, TheNationalPartitionComesFirstAndTheOthersInTurns) {
  Enrol(second_, {kNation, kOaxaca, "MX/21"});
  Enrol(first_, {});
  for (const char* partition : {kOaxaca, "MX/21", kNation})
    for (const char* body : {"a", "b"}) first_.Add(partition, absl::StrCat(partition, body));
  Sync(&first_);
  LoopbackOptions options;
  options.server.batch_target_bytes = 1;
  std::vector<std::string> order;
  options.on_server_frame = [&](const v1::ServerFrame& frame) {
    if (frame.has_batch()) order.push_back(frame.batch().partition());
  };
  EXPECT_EQ(Sync(&second_, options), End::kFinished);
  EXPECT_THAT(order, ElementsAre(kNation, kNation, kOaxaca, "MX/21", kOaxaca, "MX/21"));
}

TEST_F(SessionTest, AWriterWithoutFeedsGetsItsVerdictsAndNoRecords) {
  Enrol(first_, {});
  second_.Add(kOaxaca, "secret");
  Sync(&second_);
  first_.Add(kOaxaca, "mine");
  EXPECT_EQ(Sync(&first_), End::kFinished);
  EXPECT_THAT(first_.partition(kOaxaca).outbox, IsEmpty());
  EXPECT_THAT(Records(&first_), ElementsAre("mine"));
  EXPECT_EQ(progress_.records_received, 0U);
}

TEST_F(SessionTest, AWriterWithoutFeedsGoesOnFromItsCursorBeforeItsFirstVerdict) {
  Enrol(first_, {});
  second_.set_page_sets(200);
  for (int i = 0; i < 1024; ++i) second_.Add(kOaxaca, "x");  // so many that the cursor moves
  Sync(&second_);
  first_.Add(kOaxaca, "mine");
  server_.set_queue_capacity(0);  // the push waits, the pull does not
  EXPECT_EQ(Sync(&first_), End::kIdle);
  ASSERT_TRUE(first_.partition(kOaxaca).has_cursor);
  server_.set_queue_capacity(SIZE_MAX);

  EXPECT_EQ(Sync(&first_), End::kFinished) << status_;
  EXPECT_THAT(first_.partition(kOaxaca).outbox, IsEmpty());
}

TEST_F(SessionTest, AnUpToDateDeviceGetsNoBatch) {
  first_.Add(kOaxaca, "a");
  Sync(&first_);
  EXPECT_EQ(Sync(&first_), End::kFinished);
  EXPECT_EQ(progress_.checkpoints, 0U);
  EXPECT_TRUE(progress_.is_caught_up);
}

// A device that is live and up to date, while another one commits.
class LiveTest : public SessionTest {
 protected:
  LiveTest() {
    LoopbackOptions options;
    options.device.live = true;
    options.on_server_frame = [this](const v1::ServerFrame& frame) {
      if (frame.has_batch()) batches_.push_back(frame.batch());
    };
    live_ = std::make_unique<Loopback>(&server_, &second_, options);
    live_->Run();
    batches_.clear();
  }
  // Nothing of a refused change set is anybody else's business.
  void CommitRefused(int count) {
    for (int i = 0; i < count; ++i) first_.Add(kOaxaca, kUnwelcome);
    EXPECT_EQ(Sync(&first_), End::kFinished);
    live_->Run();
  }

  std::unique_ptr<Loopback> live_;
  std::vector<v1::Batch> batches_;
};

TEST_F(LiveTest, CommitsThatDoNotConcernALiveDeviceSendItNothing) {
  CommitRefused(3);
  EXPECT_THAT(batches_, IsEmpty());
  first_.Add(kOaxaca, "a");
  EXPECT_EQ(Sync(&first_), End::kFinished);
  live_->Run();
  ASSERT_EQ(batches_.size(), 1U);
  EXPECT_EQ(batches_[0].from(), 0U);
  EXPECT_EQ(batches_[0].to(), 4U);
  EXPECT_THAT(Records(&second_), ElementsAre("a"));
  EXPECT_EQ(second_.partition(kOaxaca).cursor.complete(), 4U);
}

TEST_F(LiveTest, TheCursorMovesWhenManyCommitsDidNotConcernTheDevice) {
  CommitRefused(1023);
  EXPECT_THAT(batches_, IsEmpty());
  CommitRefused(1);
  ASSERT_EQ(batches_.size(), 1U);
  EXPECT_EQ(batches_[0].to(), 1024U);
  CommitRefused(1);
  EXPECT_EQ(batches_.size(), 1U);
}

TEST_F(LiveTest, WhatWasNotToldIsToldAtTheNextHello) {
  CommitRefused(3);
  live_.reset();
  EXPECT_EQ(Sync(&second_), End::kFinished);
  EXPECT_EQ(second_.partition(kOaxaca).cursor.complete(), 3U);
}

class CursorTest : public SessionTest {
 protected:
  // The reason given for the cursor in the next session, which must end with everything there.
  v1::CursorReset::Reason SyncAndGetReset() {
    auto reason = v1::CursorReset::REASON_UNSPECIFIED;
    LoopbackOptions options;
    options.on_server_frame = [&](const v1::ServerFrame& frame) {
      if (frame.has_welcome() && frame.welcome().resets_size() > 0)
        reason = frame.welcome().resets(0).reason();
    };
    EXPECT_EQ(Sync(&first_, options), End::kFinished) << status_;
    return reason;
  }
};

TEST_F(CursorTest, AForgedCursorIsReset) {
  second_.Add(kOaxaca, "a");
  Sync(&second_);
  Sync(&first_);
  first_.partition(kOaxaca).records.clear();
  first_.partition(kOaxaca).cursor.set_complete(0);
  EXPECT_EQ(SyncAndGetReset(), v1::CursorReset::NOT_AUTHENTIC);
  EXPECT_THAT(Records(&first_), ElementsAre("a"));
}

TEST_F(CursorTest, TheCursorOfAnotherReplicaIsReset) {
  second_.Add(kOaxaca, "a");
  Sync(&second_);
  first_.partition(kOaxaca).cursor = second_.partition(kOaxaca).cursor;
  first_.partition(kOaxaca).has_cursor = true;
  EXPECT_EQ(SyncAndGetReset(), v1::CursorReset::NOT_AUTHENTIC);
  EXPECT_THAT(Records(&first_), ElementsAre("a"));
}

TEST_F(CursorTest, WiderGrantsMeanAPullFromZero) {
  Enrol(first_, {"MX/20/067"});
  second_.Add(kOaxaca, "a");
  Sync(&second_);
  Sync(&first_);
  Enrol(first_, {kOaxaca});
  first_.partition(kOaxaca).records.clear();
  EXPECT_EQ(SyncAndGetReset(), v1::CursorReset::OTHER_FEEDS);
  EXPECT_THAT(Records(&first_), ElementsAre("a"));
}

TEST_F(CursorTest, NarrowedGrantsKeepThePlaceAndReplaceTheCursor) {
  Enrol(first_, {kOaxaca, "MX/20/067"});
  second_.Add(kOaxaca, "a");
  Sync(&second_);
  Sync(&first_);
  Enrol(first_, {"MX/20/067"});
  EXPECT_EQ(SyncAndGetReset(), v1::CursorReset::OTHER_FEEDS);
  EXPECT_EQ(progress_.records_received, 0U);
  EXPECT_EQ(first_.partition(kOaxaca).cursor.scanned(), 1U);
  EXPECT_EQ(first_.partition(kOaxaca).cursor.feeds_size(), 1);
  EXPECT_EQ(SyncAndGetReset(), v1::CursorReset::REASON_UNSPECIFIED);
}

TEST_F(CursorTest, WhatIsHeldIsPartOfTheCursorsMac) {
  second_.Add(kOaxaca, "a");
  Sync(&second_);
  Sync(&first_);
  first_.partition(kOaxaca).cursor.mutable_held()->set_scanned(1);
  EXPECT_EQ(SyncAndGetReset(), v1::CursorReset::NOT_AUTHENTIC);
}

TEST_F(CursorTest, APartitionThatIsNotReadAnyMoreHasNoCursor) {
  second_.Add(kOaxaca, "a");
  Sync(&second_);
  Sync(&first_);
  Enrol(first_, {kNation});
  EXPECT_EQ(SyncAndGetReset(), v1::CursorReset::OTHER_FEEDS);
  EXPECT_FALSE(first_.partition(kOaxaca).has_cursor);
}

TEST_F(SessionTest, AReceiptGoesWithTheHelloOfTheNextSession) {
  Sync(&first_);
  first_.receipt.set_number(1);
  first_.receipt.add_feeds()->set_scope(kOaxaca);
  std::vector<v1::ClientFrame::FrameCase> sent;
  LoopbackOptions options;
  options.on_client_frame = [&](const v1::ClientFrame& frame) {
    sent.push_back(frame.frame_case());
  };
  EXPECT_EQ(Sync(&first_, options), End::kFinished);
  EXPECT_THAT(sent, ElementsAre(v1::ClientFrame::kHello, v1::ClientFrame::kReceipt,
                                v1::ClientFrame::kPushEnd));
}

TEST_F(SessionTest, AServerThatDoesNotKnowReceiptsGetsNone) {
  first_.receipt.set_number(1);
  first_.receipt.add_feeds()->set_scope(kOaxaca);
  DeviceSession session(&first_, {}, clock_.Now(), clock_.Monotonic());
  for (auto frame = session.NextFrame(); (*frame).has_value(); frame = session.NextFrame())
    EXPECT_FALSE((*frame)->has_receipt());
  v1::ServerFrame welcome;
  welcome.mutable_welcome()->set_protocol_version(1);
  ASSERT_OK(session.OnFrame(welcome, clock_.Monotonic()));
  EXPECT_FALSE(session.NextFrame()->has_value());
}

TEST_F(CursorTest, ARestoredServerIsNoticedAndNothingIsDropped) {
  for (const char* body : {"a", "b"}) second_.Add(kOaxaca, body);
  Sync(&second_);
  Sync(&first_);
  store_.GoBack(kOaxaca, 1, /*announced=*/true);
  EXPECT_EQ(SyncAndGetReset(), v1::CursorReset::OTHER_EPOCH);
  EXPECT_THAT(Records(&first_), ElementsAre("a", "b"));
}

TEST_F(CursorTest, AServerThatWentBackSilentlyIsNoticed) {
  for (const char* body : {"a", "b"}) second_.Add(kOaxaca, body);
  Sync(&second_);
  Sync(&first_);
  store_.GoBack(kOaxaca, 1, /*announced=*/false);
  const Epoch before = store_.epoch();
  EXPECT_EQ(SyncAndGetReset(), v1::CursorReset::OTHER_EPOCH);
  EXPECT_NE(store_.epoch(), before);
  EXPECT_THAT(Records(&first_), ElementsAre("a", "b"));
}

TEST_F(CursorTest, ConfirmedWorkThatTheServerLostIsSentAgainBeforeNewWork) {
  for (const char* body : {"a", "b"}) first_.Add(kOaxaca, body);
  Sync(&first_);
  store_.GoBack(kOaxaca, 1, /*announced=*/true);
  first_.Add(kOaxaca, "c");
  EXPECT_EQ(SyncAndGetReset(), v1::CursorReset::OTHER_EPOCH);
  EXPECT_THAT(first_.partition(kOaxaca).resumed, ElementsAre(2U));
  // What goes again is sent as much as what is new.
  EXPECT_EQ(progress_.change_sets_sent, 2U);
  EXPECT_EQ(progress_.change_sets_judged, 2U);
  EXPECT_TRUE(first_.partition(kOaxaca).outbox.empty());
  EXPECT_THAT(store_.Bodies(kOaxaca), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Records(&first_), ElementsAre("a", "b", "c"));
}

// It has nothing new to push: the welcome alone tells it.
TEST_F(CursorTest, WorkOfADeviceThatTheServerForgotWhollyIsSentAgain) {
  for (const char* body : {"a", "b"}) first_.Add(kOaxaca, body);
  Sync(&first_);
  store_.GoBack(kOaxaca, 0, /*announced=*/true);
  SyncAndGetReset();
  EXPECT_EQ(progress_.change_sets_sent, 2U);
  EXPECT_THAT(store_.Bodies(kOaxaca), ElementsAre("a", "b"));
  SyncAndGetReset();
  EXPECT_EQ(progress_.change_sets_sent, 0U);
  EXPECT_THAT(store_.Bodies(kOaxaca), ElementsAre("a", "b"));
}

TEST_F(SessionTest, AnOldCopyOfTheStoreIsAFork) {
  FakeDeviceStore copy(1);
  for (const char* body : {"a", "b"}) first_.Add(kOaxaca, body);
  Sync(&first_);
  copy.Add(kOaxaca, "a");
  EXPECT_EQ(Sync(&copy), End::kFailed);
  EXPECT_THAT(status_, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("FORKED")));
}

TEST_F(SessionTest, AnotherContentUnderAUsedSequenceIsAFork) {
  FakeDeviceStore copy(1);
  first_.Add(kOaxaca, "a");
  Sync(&first_);
  copy.Add(kOaxaca, "other");
  EXPECT_EQ(Sync(&copy), End::kFailed);
  EXPECT_THAT(status_, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("FORKED")));
  EXPECT_EQ(copy.partition(kOaxaca).outbox.size(), 1U);
}

// Else what follows would be sent for ever to a server that cannot take it.
TEST_F(SessionTest, ACopyIsKnownByTheChainOfWhatItKeepsNoLonger) {
  FakeDeviceStore copy(1);
  first_.Add(kOaxaca, "a");
  Sync(&first_);
  for (const char* body : {"other", "next"}) copy.Add(kOaxaca, body);
  FakeDeviceStore::Partition& judged = copy.partition(kOaxaca);
  judged.outbox.erase(1);
  judged.head.set_confirmed(1);
  judged.head.set_retained_from(2);
  judged.head.set_retained_chain(judged.chain[1]);
  EXPECT_EQ(Sync(&copy), End::kFailed);
  EXPECT_THAT(status_, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("FORKED")));
  // It settles nothing of that partition and can be divided.
  LoopbackOptions options;
  options.device.settles = true;
  EXPECT_EQ(Sync(&copy, std::move(options)), End::kFinished);
  EXPECT_THAT(store_.Bodies(kOaxaca), ElementsAre("a"));
}

// By it a copy knows that they are not its own.
TEST_F(SessionTest, ABatchNamesTheChainOfTheLastSetItJudges) {
  first_.Add(kOaxaca, "a");
  ASSERT_OK_AND_ASSIGN(const OutboxPage page, first_.ReadOutbox(kOaxaca, 1, 1));
  std::string chain;
  LoopbackOptions options;
  options.on_server_frame = [&](const v1::ServerFrame& frame) {
    if (frame.has_batch()) chain = frame.batch().chain();
  };
  EXPECT_EQ(Sync(&first_, std::move(options)), End::kFinished);
  EXPECT_EQ(chain, page.chain_after);
}

// The welcome could not tell: what the other copy had pushed was judged after it was written.
TEST_F(SessionTest, AVerdictOnTheOtherCopysChangeSetLeavesTheOutboxAlone) {
  FakeDeviceStore copy(1);
  first_.Add(kOaxaca, "a");
  copy.Add(kOaxaca, "other");
  ASSERT_OK_AND_ASSIGN(const OutboxPage page, first_.ReadOutbox(kOaxaca, 1, 1));
  LoopbackOptions options;
  options.on_server_frame = [&](const v1::ServerFrame& frame) {
    if (!frame.has_welcome()) return;
    const PushRequest late{.replica = first_.replica(),
                           .user = "user",
                           .partition = kOaxaca,
                           .change_sets = page.change_sets,
                           .chain_after = page.chain_after};
    ASSERT_OK(store_.CommitPushes({&late, 1}, judge_, clock_.Now()));
  };
  EXPECT_EQ(Sync(&copy, std::move(options)), End::kFailed);
  EXPECT_THAT(status_, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("FORKED")));
  EXPECT_EQ(copy.partition(kOaxaca).outbox.size(), 1U);
  EXPECT_THAT(store_.Bodies(kOaxaca), ElementsAre("a"));
}

// What both copies hold unsent would otherwise be sent by each under another id.
TEST_F(SessionTest, ACopySettlesUnderTheSharedIdWhatTheServerCanTake) {
  FakeDeviceStore copy(1);
  for (FakeDeviceStore* const device : {&first_, &copy}) device->Add(kNation, "both");
  first_.Add(kOaxaca, "a");
  ASSERT_OK_AND_ASSIGN(const OutboxPage page, first_.ReadOutbox(kOaxaca, 1, 1));
  const PushRequest sent{.replica = first_.replica(),
                         .user = "user",
                         .partition = kOaxaca,
                         .change_sets = page.change_sets,
                         .chain_after = page.chain_after};
  ASSERT_OK(store_.CommitPushes({&sent, 1}, judge_, clock_.Now()));
  copy.Add(kOaxaca, "other");
  LoopbackOptions options;
  options.device.settles = true;
  EXPECT_EQ(Sync(&copy, std::move(options)), End::kFinished);
  EXPECT_THAT(store_.Bodies(kNation), ElementsAre("both"));
  EXPECT_THAT(store_.Bodies(kOaxaca), ElementsAre("a"));
  // Its division says what becomes of them.
  EXPECT_EQ(copy.partition(kNation).outbox.size(), 1U);
  EXPECT_EQ(copy.partition(kOaxaca).outbox.size(), 1U);
  Sync(&first_);
  EXPECT_THAT(store_.Bodies(kNation), ElementsAre("both"));
}

// More than one window of frames: it has to hear that they are judged.
TEST_F(SessionTest, ACopySettlesALongOutbox) {
  FakeDeviceStore copy(1);
  constexpr size_t kSets = 3 * DevicePush::kMaxFramesAhead;
  for (size_t i = 0; i < kSets; ++i) copy.Add(kNation, absl::StrCat(i));
  LoopbackOptions options;
  options.device.settles = true;
  EXPECT_EQ(Sync(&copy, std::move(options)), End::kFinished);
  EXPECT_EQ(store_.Bodies(kNation).size(), kSets);
}

TEST_F(SessionTest, AnUnknownDeviceIsToldWhy) {
  server_.RemovePeer(first_.replica());
  EXPECT_EQ(Sync(&first_), End::kFailed);
  EXPECT_THAT(status_, StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("UNKNOWN_DEVICE")));
}

TEST_F(SessionTest, AFullCommitQueueHoldsThePushBackAndLosesNothing) {
  server_.set_queue_capacity(1);
  first_.set_page_sets(1);
  for (int i = 0; i < 40; ++i) first_.Add(kOaxaca, absl::StrCat(100 + i));
  EXPECT_EQ(Sync(&first_), End::kFinished);
  EXPECT_EQ(store_.Bodies(kOaxaca).size(), 40U);
}

TEST_F(SessionTest, PushesStopAFewFramesAheadOfTheVerdicts) {
  first_.set_page_sets(1);
  for (int i = 0; i < 40; ++i) first_.Add(kOaxaca, absl::StrCat(100 + i));
  DeviceSession session(&first_, {}, clock_.Now(), clock_.Monotonic());
  int frames = 0;
  while (session.NextFrame()->has_value()) ++frames;
  EXPECT_EQ(frames, 1 + 16);
}

TEST_F(SessionTest, ABadSignatureEndsTheSession) {
  server_.set_verify([](absl::string_view chain, absl::string_view signature) {
    return signature == absl::StrCat("signed ", chain);
  });
  first_.Add(kOaxaca, "a");
  LoopbackOptions options;
  options.device.sign = [](absl::string_view chain) -> absl::StatusOr<std::string> {
    return absl::StrCat("signed ", chain);
  };
  EXPECT_EQ(Sync(&first_, options), End::kFinished);
  first_.Add(kOaxaca, "b");
  EXPECT_EQ(Sync(&first_), End::kFailed);
  EXPECT_THAT(status_, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("BAD_SIGNATURE")));
  EXPECT_THAT(store_.Bodies(kOaxaca), ElementsAre("a"));
}

// Its peer's grants end when the test says so.
class EndingPeer final : public TestServer::Peer {
 public:
  using TestServer::Peer::Peer;
  std::optional<v1::Refused> RightsGone() override { return gone; }
  std::optional<v1::Refused> gone;
};

TEST_F(SessionTest, NothingIsSentAfterAGrantHasEnded) {
  second_.Add(kOaxaca, "a");
  Sync(&second_);
  EndingPeer peer(&server_);
  ServerSession session(&store_, &peer, {});
  peer.Attach(&session);
  v1::ClientFrame hello = HelloOf(first_);
  hello.mutable_hello()->set_live(true);
  session.OnFrame(hello, clock_.Now());
  ASSERT_TRUE(session.NextFrame(clock_.Now())->has_welcome());
  peer.gone = MakeRefused(v1::Refused::SHUTTING_DOWN, "grants have changed", absl::Seconds(7));
  const auto frame = session.NextFrame(clock_.Now());
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(frame->refused().SerializeAsString(), peer.gone->SerializeAsString());
  EXPECT_TRUE(session.finished());
}

TEST_F(SessionTest, NoTimeIsToldAfterAGrantHasEnded) {
  EndingPeer peer(&server_);
  ServerSession session(&store_, &peer, {});
  peer.Attach(&session);
  v1::ClientFrame hello = HelloOf(first_);
  hello.mutable_hello()->set_live(true);
  session.OnFrame(hello, clock_.Now());
  while (session.NextFrame(clock_.Now()).has_value()) {
  }
  peer.gone = MakeRefused(v1::Refused::SHUTTING_DOWN, "grants have changed", absl::Seconds(7));
  v1::ClientFrame ping;
  ping.mutable_ping()->set_nonce(1);
  session.OnFrame(ping, clock_.Now());
  const auto frame = session.NextFrame(clock_.Now());
  ASSERT_TRUE(frame.has_value());
  EXPECT_TRUE(frame->has_refused());
}

}  // namespace
}  // namespace brigada
