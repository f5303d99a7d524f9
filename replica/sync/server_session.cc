#include "replica/sync/server_session.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/limits.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/schema/scope.h"
#include "replica/store/schema_version.h"
#include "replica/store/sealed_body.h"
#include "replica/sync/refusal.h"
#include "replica/sync/server_pull.h"
#include "replica/sync/server_push.h"
#include "replica/sync/server_repair.h"
#include "replica/sync/session_limits.h"

namespace brigada {
namespace {

constexpr int kMaxLostLines = 16;
constexpr absl::Duration kRetryRepairAfter = absl::Minutes(1);

}  // namespace

class ServerSession::Impl {
 public:
  Impl(const AuthorityStore* store, ServerSessionHost* host, const ServerSessionOptions& options)
      : store_(store),
        host_(host),
        options_(options),
        limits_(OwnLimits(options.batch_target_bytes)),
        push_(host, options.max_pushes_in_flight),
        repair_(store, options.repair_budget) {}

  void OnFrame(const v1::ClientFrame& frame, absl::Time now);
  void OnPushResult(const PushResult& result);
  void OnNewHead(absl::string_view partition) {
    if (pull_.has_value()) pull_->OnNewHead(partition);
  }
  void OnTick(absl::Duration now);
  void Refuse(v1::Refused refused);
  std::optional<v1::ServerFrame> NextFrame(absl::Time now);
  bool wants_frames() const { return !refused_.has_value() && !finished_ && push_.wants_frames(); }
  bool finished() const { return finished_; }
  absl::Status outcome() const {
    return refused_.has_value() ? RefusalStatus(*refused_) : absl::OkStatus();
  }
  const ServerSessionStats& stats() const { return stats_; }
  // Links and systems hold more than the last frame, and nothing tells how much has arrived.
  absl::Duration sending_patience() const {
    return options_.stall_timeout +
           TimeOnTheWay(std::min<uint64_t>(stats_.frame_bytes_sent, kLargestFrameSent));
  }

 private:
  void OnHello(const v1::Hello& hello, absl::Time now);
  absl::Status StartPull(const v1::Hello& hello, v1::Welcome* welcome);
  absl::Status LeaveLostLine(const v1::Cursor& point, absl::Time now);
  void OnPush(const v1::Push& push);
  void OnReceipt(const v1::Receipt& receipt);
  template <typename Question>
  void OnQuestion(const Question& question,
                  absl::Status (ServerRepair::*take)(const Question&, RangeRequest));
  void RefuseIf(const std::optional<v1::Refused>& refused) {
    if (refused.has_value()) Refuse(*refused);
  }
  bool NextControlFrame(absl::Time now, v1::ServerFrame* frame);
  bool NextBatchFrame(v1::ServerFrame* frame);
  bool NextRepairFrame(v1::ServerFrame* frame);
  // A batch or a repair, in turn: where others commit all the time there always is a batch.
  bool NextDataFrame(v1::ServerFrame* frame);
  // Asked after a read: what was written before a grant ended may be in it.
  bool MaySend();
  bool has_output() const;

  const AuthorityStore* const store_;
  ServerSessionHost* const host_;
  const ServerSessionOptions options_;
  SessionLimits limits_;
  PeerIdentity identity_;
  size_t receipts_ = 0;
  bool live_ = false;
  ServerPush push_;
  std::optional<ServerPull> pull_;  // from the hello on
  ServerRepair repair_;
  bool compares_ = false;  // the device named the feature
  bool is_repairs_turn_ = false;

  // Frames that are due.
  std::optional<v1::Refused> refused_;
  std::optional<v1::Welcome> welcome_;
  std::deque<v1::VerdictHint> hints_;
  std::optional<uint64_t> pong_nonce_;
  bool done_sent_ = false;
  bool finished_ = false;

  // For the watchdog; unset until the first tick or frame.
  // Monotonic times of the first tick after it was heard, or since it waits.
  std::optional<absl::Duration> heard_;
  std::optional<absl::Duration> output_stuck_since_;
  std::optional<absl::Duration> commit_stuck_since_;
  ServerSessionStats stats_;
};

void ServerSession::Impl::OnFrame(const v1::ClientFrame& frame, absl::Time now) {
  if (finished_ || refused_.has_value()) return;
  heard_.reset();
  const size_t bytes = frame.ByteSizeLong();
  stats_.frame_bytes_received += bytes;
  if (bytes > limits_.max_frame_bytes) {
    return Refuse(
        MakeRefused(v1::Refused::FRAME_TOO_LARGE,
                    absl::StrCat(bytes, " bytes, the limit is ", limits_.max_frame_bytes)));
  }
  if (frame.has_hello() == pull_.has_value())
    return Refuse(MakeRefused(v1::Refused::MALFORMED_FRAME, "a session has one hello, first"));
  switch (frame.frame_case()) {
    case v1::ClientFrame::kHello:
      return OnHello(frame.hello(), now);
    case v1::ClientFrame::kPush:
      return OnPush(frame.push());
    case v1::ClientFrame::kPushEnd:
      return push_.OnPushEnd(frame.push_end());
    case v1::ClientFrame::kPing:
      pong_nonce_ = frame.ping().nonce();
      return;
    case v1::ClientFrame::kReceipt:
      return OnReceipt(frame.receipt());
    case v1::ClientFrame::kRangeCheck:
      return OnQuestion(frame.range_check(), &ServerRepair::OnCheck);
    case v1::ClientFrame::kRangeItems:
      return OnQuestion(frame.range_items(), &ServerRepair::OnItems);
    case v1::ClientFrame::kGoodbye:
      finished_ = true;
      return;
    default:
      // A newer peer may say more than this program knows, as long as features allow it.
      return Refuse(MakeRefused(v1::Refused::MALFORMED_FRAME, "unknown frame"));
  }
}

void ServerSession::Impl::OnHello(const v1::Hello& hello, absl::Time now) {
  if (hello.protocol_version() != kProtocolVersion) {
    return Refuse(MakeRefused(v1::Refused::PROTOCOL_VERSION,
                              absl::StrCat("this server speaks version ", kProtocolVersion)));
  }
  v1::Refused refused = MakeRefused(v1::Refused::INTERNAL, "not identified");
  absl::StatusOr<PeerIdentity> identity = host_->Identify(hello, &refused);
  if (!identity.ok()) return Refuse(std::move(refused));
  identity_ = *std::move(identity);
  if (hello.replica() != identity_.replica.bytes()) {
    return Refuse(
        MakeRefused(v1::Refused::WRONG_REPLICA, "the certificate belongs to another replica"));
  }
  const absl::StatusOr<SessionLimits> limits = Negotiate(limits_, hello.limits());
  if (!limits.ok())
    return Refuse(MakeRefused(v1::Refused::MALFORMED_FRAME, limits.status().message()));
  limits_ = *limits;
  live_ = hello.live();
  compares_ = HasFeature(hello.features(), kFingerprintsFeature);
  v1::Welcome welcome;
  absl::Status started = StartPull(hello, &welcome);
  // A hello may name points of several lost lines; each is known after its turn.
  for (int i = 0; started.ok() && pull_->lost_point().has_value() && i < kMaxLostLines; ++i) {
    started = LeaveLostLine(*pull_->lost_point(), now);
    if (started.ok()) started = StartPull(hello, &welcome);
  }
  if (absl::IsInvalidArgument(started))
    return Refuse(MakeRefused(v1::Refused::MALFORMED_FRAME, started.message()));
  if (!started.ok() || pull_->lost_point().has_value())
    return Refuse(MakeRefused(v1::Refused::INTERNAL, "store not readable"));
  push_.OnWelcome(pull_->behind());
  host_->NoteReached(pull_->reached());
  welcome.set_protocol_version(kProtocolVersion);
  welcome.set_epoch(store_->epoch().AsBytes());
  welcome.set_run(store_->run().AsBytes());
  welcome.set_server_time_ms(absl::ToUnixMillis(now));
  *welcome.mutable_limits() = ToPeerLimits(limits_);
  welcome.mutable_feeds()->Assign(identity_.feeds.begin(), identity_.feeds.end());
  welcome.mutable_grants()->Assign(identity_.grants.begin(), identity_.grants.end());
  welcome.set_user(identity_.user);
  welcome.set_receipt(identity_.receipt);
  welcome.set_revocation(identity_.revocation);
  welcome.add_features(std::string(kReceiptsFeature));
  welcome.add_features(std::string(kFingerprintsFeature));
  welcome.add_features(SchemaFeature(options_.schema_version));
  if (!options_.seal_key.empty()) welcome.add_features(SealFeature(options_.seal_key));
  // Of the partitions in which it has work; how many commits others have is not for everybody.
  for (const v1::PartitionHead& covered : identity_.covered) {
    const bool is_known =
        std::any_of(welcome.expected().begin(), welcome.expected().end(),
                    [&](const v1::Expected& e) { return e.partition() == covered.partition(); });
    if (is_known) *welcome.add_covered() = covered;
  }
  welcome_ = std::move(welcome);
}

absl::Status ServerSession::Impl::StartPull(const v1::Hello& hello, v1::Welcome* welcome) {
  welcome->Clear();
  pull_.emplace(store_, identity_.replica,
                [host = host_, replica = identity_.replica](const v1::Cursor& cursor) {
                  return host->SignCursor(replica, cursor);
                });
  return pull_->Start(hello, identity_.feeds, limits_.batch_target_bytes, welcome);
}

// The cursor is authentic, so the store once was where it points.
absl::Status ServerSession::Impl::LeaveLostLine(const v1::Cursor& point, absl::Time now) {
  ASSIGN_OR_RETURN(const Epoch epoch, Epoch::FromBytes(point.epoch()));
  ASSIGN_OR_RETURN(const Run run, Run::FromBytes(point.run()));
  RETURN_IF_ERROR(host_->BeginEpoch(epoch, run, now));
  Log(LogLevel::kWarning, "epoch_begun",
      {{"why", "the store went back without saying so"}, {"epoch", store_->epoch().ToString()}});
  return absl::OkStatus();
}

void ServerSession::Impl::OnPush(const v1::Push& push) {
  uint64_t end = 0;
  RefuseIf(push_.OnPush(push, identity_, limits_.max_inflated_bytes, &end));
  if (refused_.has_value()) return;
  const absl::Status lane = pull_->OnPushed(push.partition(), end);
  if (!lane.ok()) Refuse(MakeRefused(v1::Refused::MALFORMED_FRAME, lane.message()));
}

void ServerSession::Impl::OnReceipt(const v1::Receipt& receipt) {
  if (static_cast<size_t>(receipt.feeds_size()) > kMaxPartitionsPerSession)
    return Refuse(MakeRefused(v1::Refused::MALFORMED_FRAME, "receipt: too many feeds"));
  for (const v1::Feed& feed : receipt.feeds()) {
    if (!Scope::Parse(feed.scope()).ok())
      return Refuse(MakeRefused(v1::Refused::MALFORMED_FRAME, "receipt: not a scope"));
  }
  // Each is a durable write, and an honest device has none to give twice.
  if (receipt.number() <= identity_.receipt) return;
  if (++receipts_ > kMaxReceiptsPerSession)
    return Refuse(MakeRefused(v1::Refused::MALFORMED_FRAME, "receipt: too many"));
  identity_.receipt = receipt.number();
  if (!host_->NoteReceipt(receipt).ok())
    Refuse(MakeRefused(v1::Refused::INTERNAL, "receipt: not noted"));
}

template <typename Question>
void ServerSession::Impl::OnQuestion(const Question& question,
                                     absl::Status (ServerRepair::*take)(const Question&,
                                                                        RangeRequest)) {
  std::optional<RangeRequest> lane = pull_->ReadsOf(question.partition());
  if (!compares_ || !lane.has_value())
    return Refuse(MakeRefused(v1::Refused::MALFORMED_FRAME, "repair: not for this device"));
  // Until then what the feeds are still going to tell is no difference.
  if (!done_sent_)
    return Refuse(MakeRefused(v1::Refused::MALFORMED_FRAME, "repair: a question before Done"));
  const absl::Status taken = (repair_.*take)(question, *std::move(lane));
  if (absl::IsResourceExhausted(taken))
    return Refuse(MakeRefused(v1::Refused::BUSY, taken.message(), kRetryRepairAfter));
  if (!taken.ok()) Refuse(MakeRefused(v1::Refused::MALFORMED_FRAME, taken.message()));
}

void ServerSession::Impl::OnPushResult(const PushResult& result) {
  if (finished_ || refused_.has_value() || !pull_.has_value()) return;
  commit_stuck_since_.reset();
  std::string partition;
  RefuseIf(push_.OnResult(result, &partition));
  stats_.change_sets = push_.change_sets();
  if (refused_.has_value() || result.verdicts.empty()) return;
  for (const v1::Verdict& verdict : result.verdicts) pull_->OnVerdict(partition, verdict);
  // A hint that is left out is no loss: the verdict comes with its batch.
  if (!pull_->IsFarBehind(partition) || hints_.size() >= kMaxQueuedFrames) return;
  v1::VerdictHint hint;
  hint.set_partition(partition);
  hint.mutable_verdicts()->Assign(result.verdicts.begin(), result.verdicts.end());
  hints_.push_back(std::move(hint));
}

void ServerSession::Impl::Refuse(v1::Refused refused) {
  if (finished_ || refused_.has_value()) return;
  Log(LogLevel::kInfo, "session_refused",
      {{"reason", v1::Refused::Reason_Name(refused.reason())}, {"detail", refused.detail()}});
  refused_ = std::move(refused);
}

bool ServerSession::Impl::has_output() const {
  return refused_.has_value() || welcome_.has_value() || pong_nonce_.has_value() ||
         !hints_.empty() || repair_.has_output() || (pull_.has_value() && pull_->has_more());
}

void ServerSession::Impl::OnTick(absl::Duration now) {
  if (finished_) return;
  if (!refused_.has_value()) RefuseIf(push_.Submit());
  const auto stuck = [&](bool waits, absl::Duration patience,
                         std::optional<absl::Duration>* since) {
    if (!waits) since->reset();
    if (waits && !since->has_value()) *since = now;
    return waits && now - **since >= patience;
  };
  if (stuck(has_output(), sending_patience(), &output_stuck_since_)) {
    // It does not read: no frame, not even the refusal, would reach it.
    Refuse(MakeRefused(v1::Refused::STALLED, "the device does not read"));
    finished_ = true;
  } else if (stuck(push_.waits_for_commit(), options_.stall_timeout, &commit_stuck_since_)) {
    Refuse(MakeRefused(v1::Refused::STALLED, "the commit queue gives no result"));
  } else if (!heard_.has_value() || !push_.wants_frames()) {
    heard_ = now;  // silence counts only while somebody listens
  } else if (now - *heard_ >= options_.stall_timeout + TimeOnTheWay(kLargestFrameSent)) {
    // A device that sends nothing larger pings.
    Refuse(MakeRefused(v1::Refused::STALLED, "nothing heard from the device"));
  }
}

bool ServerSession::Impl::NextControlFrame(absl::Time now, v1::ServerFrame* frame) {
  if (welcome_.has_value()) {
    *frame->mutable_welcome() = *std::move(welcome_);
    welcome_.reset();
  } else if (std::optional<v1::Expected> expected = push_.TakeExpected()) {
    *frame->mutable_expected() = *std::move(expected);
  } else if (pong_nonce_.has_value()) {
    // Positions count from the time it tells: not beside a revocation that no welcome told of.
    if (!MaySend()) return false;
    frame->mutable_pong()->set_nonce(*pong_nonce_);
    frame->mutable_pong()->set_server_time_ms(absl::ToUnixMillis(now));
    pong_nonce_.reset();
  } else if (!hints_.empty()) {
    *frame->mutable_hint() = std::move(hints_.front());
    hints_.pop_front();
  } else {
    return false;
  }
  return true;
}

bool ServerSession::Impl::NextBatchFrame(v1::ServerFrame* frame) {
  absl::StatusOr<std::optional<v1::Batch>> batch = pull_->NextBatch();
  if (!batch.ok()) {
    Log(LogLevel::kError, "feed_not_readable",
        {{"code", absl::StatusCodeToString(batch.status().code())},
         {"reason", batch.status().message()}});
    Refuse(MakeRefused(v1::Refused::INTERNAL, "feed not readable"));
    return false;
  }
  if (!batch->has_value() || !MaySend()) return false;
  *frame->mutable_batch() = **std::move(batch);
  stats_.entries_sent = pull_->entries_sent();
  return true;
}

bool ServerSession::Impl::MaySend() {
  const std::optional<v1::Refused> gone = host_->RightsGone();
  if (gone.has_value()) Refuse(*gone);
  return !gone.has_value();
}

bool ServerSession::Impl::NextRepairFrame(v1::ServerFrame* frame) {
  if (!repair_.has_output()) return false;
  // As of the batches that went out before this frame.
  if (const auto lane = pull_->ReadsOf(repair_.partition())) repair_.set_scanned(lane->scanned);
  absl::StatusOr<std::optional<v1::ServerFrame>> answer = repair_.NextFrame();
  if (!answer.ok()) {
    Log(LogLevel::kError, "records_not_readable",
        {{"code", absl::StatusCodeToString(answer.status().code())}});
    Refuse(MakeRefused(v1::Refused::INTERNAL, "records not readable"));
    return false;
  }
  if (const auto doubted = repair_.TakeDoubted()) host_->DoubtSums(*doubted);
  if (!answer->has_value() || !MaySend()) return false;
  *frame = **std::move(answer);
  return true;
}

bool ServerSession::Impl::NextDataFrame(v1::ServerFrame* frame) {
  const bool repair_came_first = is_repairs_turn_;
  if (repair_came_first && NextRepairFrame(frame)) {
    is_repairs_turn_ = false;
    return true;
  }
  if (refused_.has_value()) return false;
  is_repairs_turn_ = NextBatchFrame(frame);
  if (is_repairs_turn_) return true;
  return !repair_came_first && !refused_.has_value() && NextRepairFrame(frame);
}

std::optional<v1::ServerFrame> ServerSession::Impl::NextFrame(absl::Time now) {
  if (finished_) return std::nullopt;
  output_stuck_since_.reset();
  v1::ServerFrame frame;
  bool due = false;
  if (!refused_.has_value() && pull_.has_value()) {
    due = NextControlFrame(now, &frame);
    // Before the next batch: where others commit all the time there always is one.
    const bool is_done = !due && !done_sent_ && push_.complete() && pull_->caught_up();
    if (!due && !is_done) due = NextDataFrame(&frame);
  }
  if (refused_.has_value()) {
    *frame.mutable_refused() = *refused_;
    finished_ = true;
    due = true;
  } else if (!due && pull_.has_value() && !done_sent_ && push_.complete() && pull_->caught_up()) {
    frame.mutable_done();
    done_sent_ = true;
    finished_ = !live_;
    due = true;
  }
  if (!due) return std::nullopt;
  stats_.frame_bytes_sent += frame.ByteSizeLong();
  return frame;
}

ServerSession::ServerSession(const AuthorityStore* store, ServerSessionHost* host,
                             const ServerSessionOptions& options)
    : impl_(std::make_unique<Impl>(store, host, options)) {}

ServerSession::~ServerSession() = default;
void ServerSession::OnFrame(const v1::ClientFrame& frame, absl::Time now) {
  impl_->OnFrame(frame, now);
}
bool ServerSession::wants_frames() const { return impl_->wants_frames(); }
void ServerSession::OnPushResult(const PushResult& result) { impl_->OnPushResult(result); }
void ServerSession::OnNewHead(absl::string_view partition) { impl_->OnNewHead(partition); }
void ServerSession::OnTick(absl::Duration now) { impl_->OnTick(now); }
void ServerSession::Refuse(v1::Refused refused) { impl_->Refuse(std::move(refused)); }
std::optional<v1::ServerFrame> ServerSession::NextFrame(absl::Time now) {
  return impl_->NextFrame(now);
}
bool ServerSession::finished() const { return impl_->finished(); }
absl::Status ServerSession::outcome() const { return impl_->outcome(); }
const ServerSessionStats& ServerSession::stats() const { return impl_->stats(); }
absl::Duration ServerSession::sending_patience() const { return impl_->sending_patience(); }

}  // namespace brigada
