// Questions and answers of repairs by whoever keeps no rule: refused, bounded, and telling nothing.
#include "tests/unit/sync/repair_fixture.h"

namespace brigada {
namespace {

using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

// A session after its hello, fed by hand.
class HostileRepairTest : public RepairTest {
 protected:
  HostileRepairTest() {
    RegisterMany(&ana_, 50);
    Sync(&ana_);
    Connect(ana_);
    GetDone();
  }
  void Connect(const Device& device, const ServerSessionOptions& options = {},
               bool knows_fingerprints = true) {
    session_.reset();
    peer_ = std::make_unique<TestServer::Peer>(server_.get());
    session_ = std::make_unique<ServerSession>(authority_.get(), peer_.get(), options);
    peer_->Attach(session_.get());
    v1::ClientFrame frame;
    frame.mutable_hello()->set_protocol_version(1);
    frame.mutable_hello()->set_replica(device.store->replica().AsBytes());
    if (knows_fingerprints) frame.mutable_hello()->add_features("fingerprints");
    frame.mutable_hello()->set_live(true);
    session_->OnFrame(frame, clock_.Now());
  }
  // The device says that it has pushed all; the session tells all and says Done.
  void GetDone() {
    v1::ClientFrame frame;
    frame.mutable_push_end();
    session_->OnFrame(frame, clock_.Now());
    while (session_->NextFrame(clock_.Now()).has_value()) continue;
  }
  static v1::ClientFrame Check(uint64_t number) {
    v1::ClientFrame frame;
    frame.mutable_range_check()->set_partition(kOaxaca);
    frame.mutable_range_check()->set_number(number);
    AddRange(&frame, "", "");
    return frame;
  }
  static void AddRange(v1::ClientFrame* frame, const std::string& begin, const std::string& end) {
    v1::RecordRange& range = *frame->mutable_range_check()->add_ranges();
    range.set_begin(begin);
    range.set_end(end);
    range.set_fingerprint(std::string(16, 'f'));
  }
  absl::Status Answer(const v1::ClientFrame& frame) {
    session_->OnFrame(frame, clock_.Now());
    return session_->outcome();
  }

  // The device reads what comes, up to an end or a pause.
  std::optional<v1::ServerFrame> LastFrame() {
    std::optional<v1::ServerFrame> last;
    while (auto frame = session_->NextFrame(clock_.Now())) last = std::move(frame);
    return last;
  }

  std::unique_ptr<TestServer::Peer> peer_;
  std::unique_ptr<ServerSession> session_;
};

TEST_F(HostileRepairTest, ADeviceThatDoesNotKnowTheFeatureIsToldNoSums) {
  for (const bool knows : {true, false}) {
    Connect(ana_, {}, knows);
    v1::ClientFrame end;
    end.mutable_push_end();
    session_->OnFrame(end, clock_.Now());
    int checkpoints = 0;
    while (const auto frame = session_->NextFrame(clock_.Now())) {
      if (!frame->batch().checkpoint()) continue;
      ++checkpoints;
      EXPECT_EQ(frame->batch().sums_size(), knows ? 1 : 0);
    }
    EXPECT_EQ(checkpoints, 1);
    EXPECT_EQ(Answer(Check(1)).ok(), knows);
  }
}

TEST_F(HostileRepairTest, AQuestionBeforeDoneIsRefused) {
  Connect(ana_);
  EXPECT_EQ(Answer(Check(1)).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HostileRepairTest, WhatQuestionsReadInASessionIsBounded) {
  ServerSessionOptions options;
  options.repair_budget = {.times_first = 2, .besides = 10};
  Connect(ana_, options);
  GetDone();
  uint64_t number = 1;
  while (Answer(Check(number)).ok()) {
    LastFrame();
    ++number;
  }
  // The first read 50 records, and others may read 110 in all before the next is refused.
  EXPECT_EQ(number, 4U);
  EXPECT_EQ(session_->outcome().code(), absl::StatusCode::kResourceExhausted);
  const auto refused = LastFrame();
  ASSERT_TRUE(refused.has_value() && refused->has_refused());
  EXPECT_EQ(refused->refused().reason(), v1::Refused::BUSY);
  EXPECT_GT(refused->refused().retry_after_ms(), 0U);
}

TEST_F(HostileRepairTest, AGoodQuestionIsAnswered) {
  EXPECT_OK(Answer(Check(1)));
  bool answered = false;
  while (const auto frame = session_->NextFrame(clock_.Now())) {
    if (!frame->has_range_answer()) continue;
    answered = true;
    EXPECT_EQ(frame->range_answer().counts(0), 50U);
    EXPECT_FALSE(frame->range_answer().same(0));
  }
  EXPECT_TRUE(answered);
  EXPECT_OK(Answer(Check(2)));
}

TEST_F(HostileRepairTest, AnAnswerWaitsForNoMoreThanOneBatchWhereOthersCommitAllTheTime) {
  EXPECT_OK(Answer(Check(1)));
  int answers = 0;
  for (int i = 0; i < 2; ++i) {
    Register(&ana_, "Nueva");
    Sync(&ana_);
    const auto frame = session_->NextFrame(clock_.Now());
    answers += frame.has_value() && frame->has_range_answer() ? 1 : 0;
  }
  EXPECT_EQ(answers, 1);
}

TEST_F(HostileRepairTest, QuestionsOutOfOrderAreRefused) {
  EXPECT_EQ(Answer(Check(2)).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HostileRepairTest, TwoQuestionsAtOnceAreRefused) {
  EXPECT_OK(Answer(Check(1)));
  EXPECT_EQ(Answer(Check(2)).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HostileRepairTest, RangesThatOverlapAreRefused) {
  v1::ClientFrame frame = Check(1);
  AddRange(&frame, "", "");
  EXPECT_EQ(Answer(frame).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HostileRepairTest, BoundsThatAreNoKeysAreRefused) {
  v1::ClientFrame frame = Check(1);
  frame.mutable_range_check()->mutable_ranges(0)->set_begin("short");
  EXPECT_EQ(Answer(frame).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HostileRepairTest, TooManyRangesAreRefused) {
  v1::ClientFrame frame = Check(1);
  for (size_t i = 0; i < kMaxRangesPerCheck; ++i) AddRange(&frame, "", "");
  EXPECT_EQ(Answer(frame).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HostileRepairTest, APartitionThatIsNotReadIsRefused) {
  v1::ClientFrame frame = Check(1);
  frame.mutable_range_check()->set_partition("MX/09");
  EXPECT_EQ(Answer(frame).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HostileRepairTest, ItemsOutOfPlaceAreRefused) {
  v1::ClientFrame frame;
  v1::RangeItems& items = *frame.mutable_range_items();
  items.set_partition(kOaxaca);
  items.set_number(1);
  items.add_items()->set_key(std::string(kRangeKeyBytes, 'b'));
  items.add_items()->set_key(std::string(kRangeKeyBytes, 'a'));
  EXPECT_EQ(Answer(frame).code(), absl::StatusCode::kInvalidArgument);
}

// Who may not read a record tries its id: beto, of another municipality, and as one who may read
// nothing that personal.
TEST_F(HostileRepairTest, RecordsThatMayNotBeReadAreAnsweredAsThoseThatAreNotThere) {
  v1::Feed elsewhere;
  elsewhere.set_scope("MX/20/551");
  elsewhere.set_kind(v1::BELOW);
  elsewhere.set_max_class(v1::INCIDENT);
  v1::Feed lower = elsewhere;
  lower.set_scope(kOaxaca);
  lower.set_max_class(v1::OPERATIONAL);
  for (const v1::Feed& feed : {elsewhere, lower}) {
    server_->SetPeer(
        {.replica = beto_.store->replica(), .user = "beto", .feeds = {feed}, .grants = {}});
    Connect(beto_);
    GetDone();
    v1::ClientFrame frame;
    v1::RangeItems& items = *frame.mutable_range_items();
    items.set_partition(kOaxaca);
    items.set_number(1);
    std::vector<std::string> keys = {RangeKey(PersonType().type_id(), ids_[0]),
                                     RangeKey(PersonType().type_id(), RecordId())};
    std::sort(keys.begin(), keys.end());
    for (const std::string& key : keys) {
      v1::RangeItems::Item& item = *items.add_items();
      item.set_key(key);
      item.set_fingerprint(std::string(16, 'f'));
      item.set_created(1);
      item.set_sequence(1);
    }
    EXPECT_OK(Answer(frame));
    v1::RepairBody body;
    while (const auto answer = session_->NextFrame(clock_.Now())) {
      if (!answer->has_range_repair()) continue;
      const v1::RangeRepair& repair = answer->range_repair();
      ASSERT_OK(UnpackBody(repair.body(), repair.inflated_bytes(), 1 << 20, &body));
    }
    EXPECT_THAT(body.gone(), ElementsAreArray(keys));
    EXPECT_THAT(body.kept(), IsEmpty());
    EXPECT_THAT(body.entries(), IsEmpty());
  }
}

}  // namespace
}  // namespace brigada
