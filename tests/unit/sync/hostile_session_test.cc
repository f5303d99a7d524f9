// Sessions against a peer that breaks the protocol, is silent, or does not read.
#include <string>

#include "gtest/gtest.h"
#include "replica/base/limits.h"
#include "replica/sync/codec.h"
#include "replica/sync/device_session.h"
#include "replica/sync/refusal.h"
#include "replica/sync/server_session.h"
#include "replica/sync/session_limits.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/sync/session_fixture.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;

// A server session that a test feeds by hand.
class HostilePeerTest : public SessionTest {
 protected:
  HostilePeerTest() { peer_.Attach(&session_); }

  void Send(const v1::ClientFrame& frame) { session_.OnFrame(frame, clock_.Now()); }
  // Why the session ended.
  v1::Refused::Reason RefusedFor() {
    for (int i = 0; i < 100 && !session_.finished(); ++i) {
      const auto frame = session_.NextFrame(clock_.Now());
      if (frame.has_value() && frame->has_refused()) return frame->refused().reason();
    }
    return v1::Refused::REASON_UNSPECIFIED;
  }
  v1::ClientFrame PushOf(const v1::PushBody& body) {
    const PackedBody packed = PackBody(body);
    v1::ClientFrame frame;
    frame.mutable_push()->set_partition(kOaxaca);
    frame.mutable_push()->set_body(packed.bytes);
    frame.mutable_push()->set_inflated_bytes(packed.inflated_bytes);
    return frame;
  }

  TestServer::Peer peer_{&server_};
  ServerSession session_{&store_, &peer_, {}};
};

TEST_F(HostilePeerTest, AFrameBeforeTheHelloIsRefused) {
  v1::ClientFrame frame;
  frame.mutable_push_end();
  Send(frame);
  EXPECT_EQ(RefusedFor(), v1::Refused::MALFORMED_FRAME);
}

TEST_F(HostilePeerTest, AReceiptForWhatIsNoScopeIsRefused) {
  Send(HelloOf(first_));
  v1::ClientFrame frame;
  frame.mutable_receipt()->set_number(1);
  frame.mutable_receipt()->add_feeds()->set_scope(std::string(10'000, 'x'));
  Send(frame);
  EXPECT_EQ(RefusedFor(), v1::Refused::MALFORMED_FRAME);
}

// Each is a durable write at the server.
TEST_F(HostilePeerTest, ReceiptsWithoutEndAreRefused) {
  Send(HelloOf(first_));
  v1::ClientFrame frame;
  frame.mutable_receipt()->add_feeds()->set_scope(kOaxaca);
  for (uint64_t number = 1; number <= 64; ++number) {
    frame.mutable_receipt()->set_number(number);
    Send(frame);
    Send(frame);
  }
  frame.mutable_receipt()->set_number(65);
  Send(frame);
  EXPECT_EQ(RefusedFor(), v1::Refused::MALFORMED_FRAME);
}

TEST_F(HostilePeerTest, ASecondHelloIsRefused) {
  Send(HelloOf(first_));
  Send(HelloOf(first_));
  EXPECT_EQ(RefusedFor(), v1::Refused::MALFORMED_FRAME);
}

TEST_F(HostilePeerTest, AnotherProtocolVersionIsRefused) {
  v1::ClientFrame hello = HelloOf(first_);
  hello.mutable_hello()->set_protocol_version(2);
  Send(hello);
  EXPECT_EQ(RefusedFor(), v1::Refused::PROTOCOL_VERSION);
}

TEST_F(HostilePeerTest, AnOversizedFrameIsRefused) {
  Send(HelloOf(first_));
  v1::ClientFrame frame;
  frame.mutable_push()->set_body(std::string(kMaxFrameBytes + 1, 'x'));
  Send(frame);
  EXPECT_EQ(RefusedFor(), v1::Refused::FRAME_TOO_LARGE);
}

TEST_F(HostilePeerTest, LimitsBelowTheLargestRecordAreRefused) {
  v1::ClientFrame hello = HelloOf(first_);
  hello.mutable_hello()->mutable_limits()->set_max_frame_bytes(1000);
  Send(hello);
  EXPECT_EQ(RefusedFor(), v1::Refused::MALFORMED_FRAME);
}

TEST_F(HostilePeerTest, ABodyThatIsNoZstdIsRefused) {
  Send(HelloOf(first_));
  v1::ClientFrame frame;
  frame.mutable_push()->set_body("zzzz");
  frame.mutable_push()->set_inflated_bytes(4);
  Send(frame);
  EXPECT_EQ(RefusedFor(), v1::Refused::MALFORMED_FRAME);
}

TEST_F(HostilePeerTest, APushWithoutChangeSetsIsRefused) {
  Send(HelloOf(first_));
  Send(PushOf(v1::PushBody()));
  EXPECT_EQ(RefusedFor(), v1::Refused::MALFORMED_FRAME);
}

// Each costs the server's writer an operation with its private key.
TEST_F(HostilePeerTest, SealedWorkWithoutEndIsPutOffToTheNextSession) {
  Send(HelloOf(first_));
  v1::PushBody body;
  v1::ChangeSetHeader header;
  header.set_sequence(1);
  for (size_t i = 0; i < kMaxSealedPerSession / 2; ++i) {
    v1::ChangeSet& set = *body.add_change_sets();
    set.set_header(header.SerializeAsString());
    set.set_sealed_body("sealed");
  }
  Send(PushOf(body));
  Send(PushOf(body));
  EXPECT_EQ(RefusedFor(), v1::Refused::REASON_UNSPECIFIED);
  body.mutable_change_sets()->DeleteSubrange(1, body.change_sets_size() - 1);
  Send(PushOf(body));
  EXPECT_EQ(RefusedFor(), v1::Refused::BUSY);
}

TEST_F(HostilePeerTest, APushIntoNoPartitionIsRefused) {
  Send(HelloOf(first_));
  v1::PushBody body;
  v1::ChangeSetHeader header;
  header.set_sequence(1);
  body.add_change_sets()->set_header(header.SerializeAsString());
  v1::ClientFrame frame = PushOf(body);
  frame.mutable_push()->set_partition("MX/20/067");
  Send(frame);
  EXPECT_EQ(RefusedFor(), v1::Refused::MALFORMED_FRAME);
}

TEST_F(HostilePeerTest, ASilentDeviceStallsAndIsToldSo) {
  v1::ClientFrame hello = HelloOf(first_);
  hello.mutable_hello()->set_live(true);
  Send(hello);
  while (session_.NextFrame(clock_.Now()).has_value()) continue;
  session_.OnTick(clock_.Monotonic());
  // As long as it may be a large frame on a slow link.
  clock_.Advance(TimeOnTheWay(kLargestFrameSent) + absl::Seconds(59));
  session_.OnTick(clock_.Monotonic());
  EXPECT_FALSE(session_.NextFrame(clock_.Now()).has_value());
  clock_.Advance(absl::Seconds(2));
  session_.OnTick(clock_.Monotonic());
  EXPECT_EQ(RefusedFor(), v1::Refused::STALLED);
}

TEST_F(HostilePeerTest, AWallClockThatIsSetEndsNoSession) {
  v1::ClientFrame hello = HelloOf(first_);
  hello.mutable_hello()->set_live(true);
  Send(hello);
  while (session_.NextFrame(clock_.Now()).has_value()) continue;
  session_.OnTick(clock_.Monotonic());
  for (const absl::Duration step : {absl::Hours(24), -absl::Hours(48)}) {
    clock_.SetWall(clock_.Now() + step);
    session_.OnTick(clock_.Monotonic());
    EXPECT_FALSE(session_.NextFrame(clock_.Now()).has_value());
  }
  clock_.Advance(TimeOnTheWay(kLargestFrameSent) + absl::Seconds(61));
  session_.OnTick(clock_.Monotonic());
  EXPECT_EQ(RefusedFor(), v1::Refused::STALLED);
}

TEST_F(HostilePeerTest, ADeviceThatDoesNotReadIsLetGo) {
  Send(HelloOf(first_));
  session_.OnTick(clock_.Monotonic());
  for (int i = 0; i < 7; ++i) {
    clock_.Advance(absl::Seconds(10));
    v1::ClientFrame ping;
    ping.mutable_ping();
    Send(ping);
    session_.OnTick(clock_.Monotonic());
  }
  EXPECT_TRUE(session_.finished());
  EXPECT_THAT(session_.outcome(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("read")));
}

TEST_F(HostilePeerTest, ShutdownIsSaidWithATimeToComeBack) {
  Send(HelloOf(first_));
  session_.Refuse(MakeRefused(v1::Refused::SHUTTING_DOWN, "", absl::Seconds(2)));
  const auto frame = session_.NextFrame(clock_.Now());
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(frame->refused().reason(), v1::Refused::SHUTTING_DOWN);
  EXPECT_GT(frame->refused().retry_after_ms(), 0U);
  EXPECT_TRUE(session_.finished());
}

// A device session that a test feeds by hand.
class HostileServerTest : public SessionTest {
 protected:
  void Welcome() {
    v1::ServerFrame frame;
    frame.mutable_welcome()->set_protocol_version(1);
    ASSERT_OK(session_.OnFrame(frame, clock_.Monotonic()));
  }
  v1::ServerFrame BatchOf(uint64_t from, uint64_t to, uint64_t head) {
    const PackedBody packed = PackBody(v1::BatchBody());
    v1::ServerFrame frame;
    v1::Batch* const batch = frame.mutable_batch();
    batch->set_partition(kOaxaca);
    batch->set_from(from);
    batch->set_to(to);
    batch->set_head(head);
    batch->set_checkpoint(to == head);
    batch->set_body(packed.bytes);
    batch->set_inflated_bytes(packed.inflated_bytes);
    batch->mutable_cursor()->set_partition(kOaxaca);
    batch->mutable_cursor()->set_scanned(to);
    batch->mutable_cursor()->set_complete(to == head ? to : 0);
    return frame;
  }

  DeviceSession session_{&first_, {}, clock_.Now(), clock_.Monotonic()};
};

TEST_F(HostileServerTest, ABatchBeforeTheWelcomeEndsTheSession) {
  EXPECT_THAT(session_.OnFrame(BatchOf(0, 1, 1), clock_.Monotonic()),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(session_.progress().phase, SyncProgress::Phase::kFailed);
}

TEST_F(HostileServerTest, ABatchThatDoesNotStartAtTheCursorIsNotApplied) {
  Welcome();
  EXPECT_THAT(session_.OnFrame(BatchOf(3, 4, 4), clock_.Monotonic()),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(HostileServerTest, ABatchWithAnothersCursorIsNotApplied) {
  Welcome();
  v1::ServerFrame frame = BatchOf(0, 4, 4);
  frame.mutable_batch()->mutable_cursor()->set_scanned(9);
  EXPECT_THAT(session_.OnFrame(frame, clock_.Monotonic()),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_FALSE(first_.partition(kOaxaca).has_cursor);
}

TEST_F(HostileServerTest, AFailureIsForGood) {
  Welcome();
  ASSERT_FALSE(session_.OnFrame(BatchOf(3, 4, 4), clock_.Monotonic()).ok());
  EXPECT_FALSE(session_.OnFrame(BatchOf(0, 1, 1), clock_.Monotonic()).ok());
  EXPECT_FALSE(session_.NextFrame().ok());
  EXPECT_FALSE(first_.partition(kOaxaca).has_cursor);
}

TEST_F(HostileServerTest, AHintChangesNeitherOutboxNorRecords) {
  first_.Add(kOaxaca, "a");
  while (session_.NextFrame()->has_value()) continue;
  Welcome();
  v1::ServerFrame frame;
  frame.mutable_hint()->set_partition(kOaxaca);
  v1::Verdict* const verdict = frame.mutable_hint()->add_verdicts();
  verdict->set_sequence(1);
  verdict->set_outcome(v1::REJECTED);
  ASSERT_OK(session_.OnFrame(frame, clock_.Monotonic()));
  EXPECT_EQ(session_.progress().change_sets_judged, 1U);
  EXPECT_EQ(session_.progress().change_sets_refused, 0U);
  EXPECT_EQ(first_.partition(kOaxaca).outbox.size(), 1U);
}

TEST_F(HostileServerTest, ARefusalBecomesAStatusWithTheTimeToComeBack) {
  v1::ServerFrame frame;
  *frame.mutable_refused() = MakeRefused(v1::Refused::BUSY, "queue full", absl::Seconds(7));
  EXPECT_THAT(session_.OnFrame(frame, clock_.Monotonic()),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("queue full")));
  EXPECT_EQ(session_.retry_after(), absl::Seconds(7));
}

TEST_F(HostileServerTest, ASilentServerStallsWithTheCause) {
  while (session_.NextFrame()->has_value()) continue;
  ASSERT_OK(session_.OnTick(clock_.Monotonic()));
  clock_.Advance(absl::Seconds(30));
  ASSERT_OK(session_.OnTick(clock_.Monotonic()));
  ASSERT_OK_AND_ASSIGN(const auto ping, session_.NextFrame());
  ASSERT_TRUE(ping.has_value() && ping->has_ping());
  clock_.Advance(absl::Seconds(31));
  EXPECT_THAT(session_.OnTick(clock_.Monotonic()),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("STALLED: no welcome")));
}

TEST_F(HostileServerTest, PongsAloneAreNoProgressWhileSomethingIsOwed) {
  while (session_.NextFrame()->has_value()) continue;
  Welcome();
  ASSERT_OK(session_.OnTick(clock_.Monotonic()));
  absl::Status status;
  for (int i = 0; i < 7 && status.ok(); ++i) {
    clock_.Advance(absl::Seconds(10));
    v1::ServerFrame pong;
    pong.mutable_pong();
    ASSERT_OK(session_.OnFrame(pong, clock_.Monotonic()));
    status = session_.OnTick(clock_.Monotonic());
  }
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("STALLED")));
}

}  // namespace
}  // namespace brigada
