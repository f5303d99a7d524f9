#include "replica/sync/device_session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/sync/codec.h"
#include "replica/sync/device_pull.h"
#include "replica/sync/device_push.h"
#include "replica/sync/device_repair.h"
#include "replica/sync/refusal.h"
#include "replica/sync/session_limits.h"

namespace brigada {

namespace {

bool TakesReceipts(const v1::Welcome& welcome) {
  return HasFeature(welcome.features(), kReceiptsFeature);
}

}  // namespace

class DeviceSession::Impl {
 public:
  Impl(DeviceStore* store, DeviceSessionOptions options, absl::Time device_time,
       absl::Duration monotonic)
      : store_(store),
        options_(std::move(options)),
        device_time_(device_time),
        limits_(OwnLimits(options_.batch_target_bytes)),
        push_(store, options_.sign, limits_.batch_target_bytes),
        pull_(store),
        repair_(store),
        is_live_(!options_.settles && (options_.live || store->Repairs().due_size() > 0)),
        takes_receipts_(TakesReceipts(store->LastWelcome())),
        progressed_at_(monotonic),
        heard_at_(monotonic),
        spoke_at_(monotonic),
        answered_at_(monotonic) {}

  absl::StatusOr<std::optional<v1::ClientFrame>> NextFrame();
  absl::Status OnFrame(const v1::ServerFrame& frame, absl::Duration monotonic);
  void OnCommit() {
    if (options_.live) push_.OnCommit();
  }
  absl::Status OnTick(absl::Duration monotonic);
  void Stop() { is_stopping_ = true; }
  bool finished() const { return is_finished_; }
  const SyncProgress& progress() const { return progress_; }
  std::optional<absl::Duration> retry_after() const { return retry_after_; }

 private:
  v1::Hello MakeHello() const;
  absl::StatusOr<std::optional<v1::ClientFrame>> ChooseFrame();
  absl::StatusOr<std::optional<v1::ClientFrame>> ChooseWorkOfCopy();
  absl::Status Dispatch(const v1::ServerFrame& frame);
  absl::Status OnWelcome(const v1::Welcome& welcome);
  absl::Status OnBatch(const v1::Batch& batch);
  absl::Status OnBatchOfCopy(const v1::Batch& batch);
  void OnHint(const v1::VerdictHint& hint);
  absl::Status OnRefused(const v1::Refused& refused);
  void UpdateProgress();
  // Nothing moves any more, and not because the link is slow.
  bool HasStalled(absl::Duration monotonic) const;
  std::string StallCause() const;
  // Remembers that the session failed and passes `status` on.
  absl::Status Fail(absl::Status status);

  DeviceStore* const store_;
  const DeviceSessionOptions options_;
  const absl::Time device_time_;
  SessionLimits limits_;
  DevicePush push_;
  DevicePull pull_;
  DeviceRepair repair_;
  // Also to repair: the stream has to outlast Done.
  const bool is_live_;
  bool compares_ = false;  // the server named the feature

  bool is_hello_sent_ = false;
  bool is_welcome_ = false;
  bool is_done_ = false;  // the server said so
  bool is_ping_due_ = false;
  // As the last welcome says: then a receipt goes out with the hello.
  bool takes_receipts_;
  uint64_t receipt_sent_ = 0;
  bool is_stopping_ = false;
  bool is_finished_ = false;
  absl::Status failure_;
  uint64_t next_nonce_ = 1;

  // For the watchdog. NextFrame has no clock: what it did counts from the next tick.
  absl::Duration progressed_at_;
  absl::Duration heard_at_;  // of the server, pongs too
  // Of frames but pings, in bytes: handed to the link; of those, what was there before the last
  // ping; what a pong has shown to be at the server.
  uint64_t sent_ = 0;
  uint64_t sent_before_ping_ = 0;
  uint64_t arrived_ = 0;
  absl::Duration spoke_at_;
  // A question of a repair was answered, or there was none. Neither pongs nor others' work tell.
  absl::Duration answered_at_;
  bool has_sent_ = false;
  std::optional<absl::Duration> retry_after_;
  SyncProgress progress_;
};

v1::Hello DeviceSession::Impl::MakeHello() const {
  v1::Hello hello;
  hello.set_protocol_version(kProtocolVersion);
  hello.set_replica(store_->replica().AsBytes());
  hello.add_features(std::string(kFingerprintsFeature));
  *hello.mutable_limits() = ToPeerLimits(limits_);
  hello.set_live(is_live_);
  hello.set_software(options_.software);
  hello.set_device_time_ms(absl::ToUnixMillis(device_time_));
  for (v1::Cursor& cursor : store_->Cursors()) *hello.add_cursors() = std::move(cursor);
  for (v1::Cursor& cursor : store_->LeftCursors()) *hello.add_left() = std::move(cursor);
  for (const std::string& partition : store_->Partitions()) {
    const v1::OutboxHead own = store_->Head(partition);
    if (own.sequence() == 0) continue;
    v1::PartitionHead* const head = hello.add_heads();
    head->set_partition(partition);
    head->set_sequence(own.sequence());
    head->set_confirmed(own.confirmed());
    head->set_redelivered(own.redelivered());
  }
  return hello;
}

absl::StatusOr<std::optional<v1::ClientFrame>> DeviceSession::Impl::NextFrame() {
  if (is_finished_) return std::nullopt;
  if (!failure_.ok()) return failure_;
  absl::StatusOr<std::optional<v1::ClientFrame>> frame = ChooseFrame();
  if (!frame.ok()) return Fail(frame.status());
  UpdateProgress();
  if (!frame->has_value()) return frame;
  // A ping is no progress, or a dead link would look alive.
  has_sent_ = has_sent_ || !(*frame)->has_ping();
  const uint64_t bytes = (*frame)->ByteSizeLong();
  progress_.frame_bytes_sent += bytes;
  if (!(*frame)->has_ping()) sent_ += bytes;
  return frame;
}

absl::StatusOr<std::optional<v1::ClientFrame>> DeviceSession::Impl::ChooseFrame() {
  v1::ClientFrame frame;
  if (!is_hello_sent_) {
    *frame.mutable_hello() = MakeHello();
    is_hello_sent_ = true;
    return frame;
  }
  if (is_stopping_) {
    frame.mutable_goodbye();
    is_finished_ = true;
    return frame;
  }
  if (is_ping_due_) {
    is_ping_due_ = false;
    frame.mutable_ping()->set_nonce(next_nonce_++);
    sent_before_ping_ = sent_;
    return frame;
  }
  if (options_.settles) return ChooseWorkOfCopy();
  if (takes_receipts_) {
    v1::Receipt receipt = store_->PendingReceipt();
    if (receipt.feeds_size() > 0 && receipt.number() > receipt_sent_) {
      receipt_sent_ = receipt.number();
      *frame.mutable_receipt() = std::move(receipt);
      return frame;
    }
  }
  ASSIGN_OR_RETURN(std::optional<v1::ClientFrame> pushed, push_.NextFrame());
  if (pushed.has_value() || !is_done_ || !is_live_) return pushed;
  if (compares_) {
    ASSIGN_OR_RETURN(std::optional<v1::ClientFrame> asked, repair_.NextFrame());
    if (asked.has_value() || repair_.waits_for_answer()) return asked;
  }
  if (options_.live) return std::nullopt;
  // It was for the repair alone.
  frame.mutable_goodbye();
  is_finished_ = true;
  return frame;
}

// Until the welcome nobody knows what the server can take.
absl::StatusOr<std::optional<v1::ClientFrame>> DeviceSession::Impl::ChooseWorkOfCopy() {
  if (!is_welcome_) return std::nullopt;
  ASSIGN_OR_RETURN(std::optional<v1::ClientFrame> pushed, push_.NextFrame());
  if (pushed.has_value() || !push_.is_settled()) return pushed;
  v1::ClientFrame frame;
  frame.mutable_goodbye();
  is_finished_ = true;
  return frame;
}

absl::Status DeviceSession::Impl::OnFrame(const v1::ServerFrame& frame, absl::Duration monotonic) {
  if (is_finished_) return absl::OkStatus();
  RETURN_IF_ERROR(failure_);
  heard_at_ = monotonic;
  const bool shows_arrival =
      frame.has_pong() && frame.pong().nonce() + 1 == next_nonce_ && sent_before_ping_ > arrived_;
  if (shows_arrival) arrived_ = sent_before_ping_;
  if (!frame.has_pong() || is_done_ || shows_arrival) progressed_at_ = monotonic;
  if (frame.has_range_answer() || frame.has_range_repair()) answered_at_ = monotonic;
  const size_t bytes = frame.ByteSizeLong();
  progress_.frame_bytes_received += bytes;
  if (bytes > limits_.max_frame_bytes)
    return Fail(absl::InvalidArgumentError(absl::StrCat("frame of ", bytes, " bytes: too large")));
  if (!frame.has_refused() && frame.has_welcome() == is_welcome_)
    return Fail(absl::InvalidArgumentError("a session has one welcome, first"));
  const absl::Status status = Dispatch(frame);
  UpdateProgress();
  return status.ok() ? status : Fail(status);
}

absl::Status DeviceSession::Impl::Dispatch(const v1::ServerFrame& frame) {
  switch (frame.frame_case()) {
    case v1::ServerFrame::kWelcome:
      return OnWelcome(frame.welcome());
    case v1::ServerFrame::kBatch:
      return OnBatch(frame.batch());
    case v1::ServerFrame::kHint:
      OnHint(frame.hint());
      return absl::OkStatus();
    case v1::ServerFrame::kExpected:
      return push_.OnExpected(frame.expected());
    case v1::ServerFrame::kDone:
      is_done_ = true;
      progress_.is_caught_up = !options_.settles;
      is_finished_ = !is_live_;
      return absl::OkStatus();
    case v1::ServerFrame::kRangeAnswer:
      return repair_.OnAnswer(frame.range_answer());
    case v1::ServerFrame::kRangeRepair:
      return repair_.OnRepair(frame.range_repair(), limits_.max_inflated_bytes);
    case v1::ServerFrame::kPong:
      return store_->NoteServerTime(absl::FromUnixMillis(frame.pong().server_time_ms()));
    case v1::ServerFrame::kRefused:
      return OnRefused(frame.refused());
    default:
      return absl::InvalidArgumentError("unknown frame");
  }
}

absl::Status DeviceSession::Impl::OnWelcome(const v1::Welcome& welcome) {
  if (welcome.protocol_version() != kProtocolVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("the server speaks protocol version ", welcome.protocol_version(),
                     ", this program version ", kProtocolVersion, ": update the older one"));
  }
  is_welcome_ = true;
  takes_receipts_ = TakesReceipts(welcome);
  compares_ = HasFeature(welcome.features(), kFingerprintsFeature);
  ASSIGN_OR_RETURN(limits_, Negotiate(limits_, welcome.limits()));
  if (options_.settles) return push_.OnWelcomeOfCopy(welcome);
  RETURN_IF_ERROR(push_.OnWelcome(welcome));
  RETURN_IF_ERROR(pull_.OnWelcome(welcome));
  ASSIGN_OR_RETURN(const uint64_t resubmitted, store_->ResubmitCovered());
  if (resubmitted > 0) push_.OnCommit();
  return absl::OkStatus();
}

absl::Status DeviceSession::Impl::OnBatch(const v1::Batch& batch) {
  if (push_.has_parted(batch.partition())) return absl::OkStatus();
  // What a copy of this store pushed may be judged after the welcome was given.
  if (!batch.chain().empty()) {
    RETURN_IF_ERROR(push_.CheckChain(batch.partition(), batch.cursor().judged(), batch.chain()));
  }
  if (options_.settles) return OnBatchOfCopy(batch);
  ASSIGN_OR_RETURN(const BatchOutcome outcome, pull_.OnBatch(batch, limits_.max_inflated_bytes));
  if (outcome.judged != 0) push_.OnJudged(batch.partition(), outcome.judged);
  if (outcome.resubmitted > 0) push_.OnCommit();
  progress_.records_received += outcome.effect.records;
  progress_.change_sets_confirmed += outcome.effect.applied + outcome.effect.merged;
  progress_.change_sets_refused += outcome.effect.refused + outcome.effect.quarantined;
  progress_.mismatches += outcome.effect.mismatches.size();
  progress_.checkpoints += batch.checkpoint() ? 1 : 0;
  PartitionProgress& partition = progress_.partitions[batch.partition()];
  partition.scanned = batch.to();
  partition.head = batch.head();
  partition.at_checkpoint = batch.checkpoint();
  return absl::OkStatus();
}

// Who divides reads everything again under its new id.
absl::Status DeviceSession::Impl::OnBatchOfCopy(const v1::Batch& batch) {
  v1::BatchBody body;
  RETURN_IF_ERROR(
      UnpackBody(batch.body(), batch.inflated_bytes(), limits_.max_inflated_bytes, &body));
  for (const v1::Verdict& verdict : body.verdicts())
    push_.OnJudged(batch.partition(), verdict.sequence());
  return absl::OkStatus();
}

void DeviceSession::Impl::OnHint(const v1::VerdictHint& hint) {
  uint64_t judged = 0;
  for (const v1::Verdict& verdict : hint.verdicts()) judged = std::max(judged, verdict.sequence());
  push_.OnJudged(hint.partition(), judged);
}

absl::Status DeviceSession::Impl::OnRefused(const v1::Refused& refused) {
  if (refused.retry_after_ms() != 0) retry_after_ = absl::Milliseconds(refused.retry_after_ms());
  return RefusalStatus(refused);
}

absl::Status DeviceSession::Impl::OnTick(absl::Duration monotonic) {
  if (is_finished_) return absl::OkStatus();
  RETURN_IF_ERROR(failure_);
  if (has_sent_) progressed_at_ = spoke_at_ = monotonic;
  has_sent_ = false;
  if (HasStalled(monotonic))
    return Fail(absl::UnavailableError(absl::StrCat("STALLED: ", StallCause())));
  if (!repair_.waits_for_answer()) answered_at_ = monotonic;
  if (monotonic - answered_at_ >= options_.stall_timeout + TimeOnTheWay(kLargestFrameSent))
    return Fail(absl::UnavailableError("STALLED: no answer to a repair"));
  if (is_hello_sent_ && monotonic - spoke_at_ >= options_.ping_interval) {
    spoke_at_ = monotonic;
    is_ping_due_ = true;
  }
  return absl::OkStatus();
}

// A server that answers pings between two frames has no frame on its way for long, so pongs without
// progress are a stall; silence may be one large frame.
bool DeviceSession::Impl::HasStalled(absl::Duration monotonic) const {
  const absl::Duration patience = options_.stall_timeout + TimeOnTheWay(sent_ - arrived_);
  if (monotonic - progressed_at_ < patience) return false;
  if (!is_welcome_ || heard_at_ - progressed_at_ >= options_.stall_timeout) return true;
  return monotonic - heard_at_ >= patience + TimeOnTheWay(kLargestFrameSent);
}

std::string DeviceSession::Impl::StallCause() const {
  if (!is_hello_sent_) return "the connection takes no frame";
  if (!is_welcome_) return "no welcome from the server";
  if (is_done_) return "no answer to pings";
  if (push_.change_sets_judged() < push_.change_sets_sent()) return "no verdicts from the server";
  return "no batches from the server";
}

void DeviceSession::Impl::UpdateProgress() {
  using Phase = SyncProgress::Phase;
  progress_.change_sets_sent = push_.change_sets_sent();
  progress_.change_sets_judged = push_.change_sets_judged();
  progress_.partitions_repaired = repair_.partitions_repaired();
  progress_.records_repaired = repair_.records_repaired();
  progress_.scanned = progress_.head = 0;
  for (const auto& [name, partition] : progress_.partitions) {
    progress_.scanned += partition.scanned;
    progress_.head += partition.head;
  }
  if (is_finished_) {
    progress_.phase = Phase::kDone;
  } else if (is_done_) {
    progress_.phase = Phase::kLive;
  } else if (!is_welcome_) {
    progress_.phase = Phase::kConnecting;
  } else {
    progress_.phase = push_.is_idle() ? Phase::kPulling : Phase::kPushing;
  }
}

absl::Status DeviceSession::Impl::Fail(absl::Status status) {
  failure_ = std::move(status);
  progress_.phase = SyncProgress::Phase::kFailed;
  return failure_;
}

DeviceSession::DeviceSession(DeviceStore* store, DeviceSessionOptions options,
                             absl::Time device_time, absl::Duration monotonic)
    : impl_(std::make_unique<Impl>(store, std::move(options), device_time, monotonic)) {}
DeviceSession::~DeviceSession() = default;
absl::StatusOr<std::optional<v1::ClientFrame>> DeviceSession::NextFrame() {
  return impl_->NextFrame();
}
absl::Status DeviceSession::OnFrame(const v1::ServerFrame& frame, absl::Duration monotonic) {
  return impl_->OnFrame(frame, monotonic);
}
void DeviceSession::OnCommit() { impl_->OnCommit(); }
absl::Status DeviceSession::OnTick(absl::Duration monotonic) { return impl_->OnTick(monotonic); }
void DeviceSession::Stop() { impl_->Stop(); }
bool DeviceSession::finished() const { return impl_->finished(); }
const SyncProgress& DeviceSession::progress() const { return impl_->progress(); }
std::optional<absl::Duration> DeviceSession::retry_after() const { return impl_->retry_after(); }

}  // namespace brigada
