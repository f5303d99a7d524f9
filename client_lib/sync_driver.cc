#include "client_lib/sync_driver.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/limits.h"
#include "replica/base/status_macros.h"

namespace brigada {
namespace {

constexpr absl::Duration kTick = absl::Seconds(1);
constexpr absl::Duration kReportEvery = absl::Milliseconds(100);
// For the goodbye of a session that is done.
constexpr absl::Duration kFarewell = absl::Seconds(2);

SyncPhase PhaseOf(const SyncProgress& progress) {
  switch (progress.phase) {
    case SyncProgress::Phase::kConnecting:
      return SyncPhase::kConnecting;
    case SyncProgress::Phase::kPushing:
      return SyncPhase::kPushing;
    case SyncProgress::Phase::kPulling:
      return SyncPhase::kPulling;
    case SyncProgress::Phase::kLive:
      return SyncPhase::kLive;
    case SyncProgress::Phase::kDone:
    case SyncProgress::Phase::kFailed:
      return SyncPhase::kIdle;
  }
  return SyncPhase::kIdle;
}

SyncState StateOf(const SyncProgress& progress, const FrameStream& stream) {
  SyncState state;
  state.phase = PhaseOf(progress);
  state.change_sets_sent = progress.change_sets_sent;
  state.change_sets_confirmed = progress.change_sets_confirmed;
  state.change_sets_refused = progress.change_sets_refused;
  state.records_received = progress.records_received;
  state.bytes_sent = stream.bytes_sent();
  state.bytes_received = stream.bytes_received();
  state.pulled = progress.scanned;
  state.pull_total = progress.head;
  return state;
}

// Why a session ended that was not done. A link that broke and none at all look alike in `end`.
absl::Status EndOfLink(const absl::Status& end, const FrameStream& stream) {
  if (absl::IsOutOfRange(end))
    return absl::UnavailableError("the server closed the session before it was done");
  if (!absl::IsUnavailable(end) || stream.bytes_sent() == 0) return end;
  return absl::UnavailableError(absl::StrCat(
      "the link broke; what arrived stays, the next try goes on there (", end.message(), ")"));
}

}  // namespace

SyncDriver::SyncDriver(DeviceStore* store, const Clock* clock, std::unique_ptr<FrameStream> stream,
                       DriverOptions options)
    : store_(store),
      clock_(clock),
      stream_(std::move(stream)),
      options_(std::move(options)),
      session_(store_, options_.session, clock_->Now(), clock_->Monotonic()),
      outbox_watch_(options_.outbox_patience) {}

SyncDriver::~SyncDriver() = default;

absl::Status SyncDriver::Run() {
  started_ = clock_->Monotonic();
  next_tick_ = started_ + kTick;
  next_report_ = started_;
  std::thread receiver([this] { Receive(); });
  sender_ = std::make_unique<FrameSender>(stream_.get(), [this] {
    const MutexLock lock(&mu_);
    events_.sent = true;
    changed_.SignalAll();
  });
  absl::Status status = SendNext();
  while (status.ok() && !session_.finished()) {
    status = Step(Take());
    Report(/*last=*/false);
  }
  if (status.ok()) FinishSending();
  Cancel();
  sender_ = nullptr;
  receiver.join();
  Report(/*last=*/true);
  return status;
}

void SyncDriver::FinishSending() {
  if (sender_->WaitUntilSent(kFarewell)) stream_->CloseSending();
}

void SyncDriver::Receive() {
  while (true) {
    v1::ServerFrame frame;
    absl::Status status = stream_->Receive(&frame);
    const MutexLock lock(&mu_);
    if (!status.ok()) {
      events_.end = std::move(status);
      events_.receiving_ended = true;
      changed_.SignalAll();
      return;
    }
    is_connected_ = true;
    // The bound is the backpressure: HTTP/2 flow control stops the server when nobody reads.
    while (events_.frames.size() >= kMaxQueuedFrames && !events_.cancelled) changed_.Wait(&mu_);
    events_.frames.push_back(std::move(frame));
    changed_.SignalAll();
  }
}

SyncDriver::Events SyncDriver::Take() {
  const MutexLock lock(&mu_);
  const auto idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return events_.frames.empty() && !events_.receiving_ended && !events_.woken && !events_.sent &&
           !events_.stop && !events_.cancelled;
  };
  const absl::Duration wait = next_tick_ - clock_->Monotonic();
  if (idle() && wait > absl::ZeroDuration()) changed_.WaitFor(&mu_, wait);
  Events taken = std::move(events_);
  events_ = Events();
  // What stays true stays set.
  events_.receiving_ended = taken.receiving_ended;
  events_.end = taken.end;
  events_.cancelled = taken.cancelled;
  changed_.SignalAll();
  return taken;
}

absl::Status SyncDriver::Step(const Events& events) {
  if (events.cancelled) return absl::CancelledError("the session was cancelled");
  for (const v1::ServerFrame& frame : events.frames) {
    RETURN_IF_ERROR(session_.OnFrame(frame, clock_->Monotonic()));
  }
  if (!events.frames.empty() && session_.progress().is_caught_up) {
    const MutexLock lock(&mu_);
    up_to_date_at_ = clock_->Now();
  }
  if (events.woken) session_.OnCommit();
  if (events.stop) session_.Stop();
  if (clock_->Monotonic() >= next_tick_) {
    next_tick_ = clock_->Monotonic() + kTick;
    if (options_.store_health) RETURN_IF_ERROR(options_.store_health());
    RETURN_IF_ERROR(session_.OnTick(clock_->Monotonic()));
    RETURN_IF_ERROR(LookAtOutbox());
  }
  RETURN_IF_ERROR(SendNext());
  if (session_.finished()) return absl::OkStatus();
  if (events.receiving_ended && events.frames.empty()) {
    return EndOfLink(events.end, *stream_);
  }
  return CheckLimits();
}

absl::Status SyncDriver::SendNext() {
  // One that failed is no end: the server may have said why before it hung up, and receiving ends
  // too.
  if (!sender_->can_send()) return absl::OkStatus();
  ASSIGN_OR_RETURN(std::optional<v1::ClientFrame> frame, session_.NextFrame());
  if (!frame.has_value()) return absl::OkStatus();
  RETURN_IF_ERROR(CheckBudget(frame->ByteSizeLong()));
  sender_->Send(*std::move(frame));
  return absl::OkStatus();
}

absl::Status SyncDriver::CheckLimits() const {
  if (clock_->Monotonic() - started_ >= options_.deadline) {
    return absl::DeadlineExceededError(
        "the round took longer than its deadline; what arrived stays, the next one goes on there");
  }
  return CheckBudget(/*next_frame_bytes=*/1);
}

absl::Status SyncDriver::CheckBudget(uint64_t next_frame_bytes) const {
  if (options_.byte_budget == 0 ||
      stream_->bytes_sent() + stream_->bytes_received() + next_frame_bytes <=
          options_.byte_budget) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(
      "the round used up its byte budget; the next one goes on there");
}

absl::Status SyncDriver::LookAtOutbox() {
  const SyncProgress& progress = session_.progress();
  // Before that, the session's own watchdog sees to it: a long pull has the verdicts at its end.
  if (!progress.is_caught_up) return absl::OkStatus();
  ASSIGN_OR_RETURN(const StoreCounts counts, store_->Counts());
  const uint64_t moved =
      progress.change_sets_sent + progress.change_sets_confirmed + progress.change_sets_refused;
  return outbox_watch_.Look(counts.pending, moved, clock_->Monotonic());
}

void SyncDriver::Report(bool last) {
  const absl::Duration now = clock_->Monotonic();
  SyncState state = StateOf(session_.progress(), *stream_);
  {
    const MutexLock lock(&mu_);
    state_ = state;
  }
  if (!options_.on_progress || (!last && now < next_report_)) return;
  next_report_ = now + kReportEvery;
  options_.on_progress(state);
}

void SyncDriver::Wake() {
  const MutexLock lock(&mu_);
  events_.woken = true;
  changed_.SignalAll();
}

void SyncDriver::Stop() {
  bool is_connected = false;
  {
    const MutexLock lock(&mu_);
    events_.stop = true;
    is_connected = is_connected_;
    changed_.SignalAll();
  }
  // The driving thread may hang in its first frame until a connection is made or given up.
  if (!is_connected) Cancel();
}

void SyncDriver::Cancel() {
  {
    const MutexLock lock(&mu_);
    events_.cancelled = true;
    changed_.SignalAll();
  }
  stream_->Close();
}

absl::Time SyncDriver::up_to_date_at() const {
  const MutexLock lock(&mu_);
  return up_to_date_at_;
}

SyncState SyncDriver::state() const {
  const MutexLock lock(&mu_);
  return state_;
}

absl::optional<absl::Duration> SyncDriver::retry_after() const {
  const std::optional<absl::Duration> asked = session_.retry_after();
  return asked.has_value() ? absl::optional<absl::Duration>(*asked) : absl::nullopt;
}

}  // namespace brigada
