#include "server/session_runner.h"

#include <algorithm>
#include <utility>

#include "replica/base/log.h"
#include "replica/crypto/signing_key.h"
#include "server/turn_away.h"

namespace brigada {
namespace {

// Between nine and eleven tenths of `age`, another one for each replica: sessions that began
// together do not end together. A replica's id is random.
absl::Duration AgeOf(const ReplicaId& replica, absl::Duration age) {
  const auto draw = static_cast<uint8_t>(replica.bytes().front());
  return age * (0.9 + 0.2 * draw / 255);
}

}  // namespace

SessionRunner::SessionRunner(SessionContext* context, FrameSink* sink,
                             const ReplicaId& certificate_replica)
    : context_(context),
      replica_(certificate_replica),
      ends_at_(context->clock->Monotonic() + AgeOf(certificate_replica, context->max_session_age)),
      strand_(std::make_shared<Strand>(context->executor)),
      sink_(sink),
      host_(std::make_unique<SessionHost>(Surroundings(), certificate_replica)),
      session_(
          std::make_unique<ServerSession>(context->store, host_.get(), context->session_options)) {}

SessionRunner::~SessionRunner() = default;

SessionSurroundings SessionRunner::Surroundings() {
  SessionSurroundings around;
  around.store = context_->store;
  around.cursor_key = context_->cursor_key;
  around.seal_key = context_->seal_key;
  around.clock = context_->clock;
  around.verify = SigningKey::VerifySignature;
  around.submit = [this](PushRequest* push) {
    return context_->commit_queue->Submit(
        push, [runner = shared_from_this()](const PushResult& result) {
          runner->strand_->Post([runner, result] { runner->OnPushResult(result); });
        });
  };
  around.on_new_epoch = [this] {
    return context_->on_new_epoch ? context_->on_new_epoch(this) : absl::OkStatus();
  };
  around.on_doubted_sums = context_->on_doubted_sums;
  around.on_feeds = [this](const std::vector<v1::Feed>& feeds) { NoteFeeds(feeds); };
  return around;
}

void SessionRunner::Start() {
  strand_->Post([self = shared_from_this()] { self->Read(); });
}

void SessionRunner::OnFrame(v1::ClientFrame frame) {
  strand_->Post([self = shared_from_this(), frame = std::move(frame)] {
    self->reading_ = false;
    if (self->sink_ == nullptr) return;
    self->session_->OnFrame(frame, self->context_->clock->Now());
    self->Pump();
  });
}

void SessionRunner::OnReadEnd() {
  strand_->Post([self = shared_from_this()] {
    self->reading_ = false;
    self->read_ended_ = true;
    // A first frame that could not be read ends the reading too: nothing else will ever come.
    if (!self->host_->identified() && !self->session_->finished())
      self->session_->Refuse(NoHello());
    self->Pump();
  });
}

void SessionRunner::OnWritten(bool ok) {
  strand_->Post([self = shared_from_this(), ok] {
    self->writing_ = false;
    if (ok) {
      self->Pump();
    } else {
      self->End(absl::UnavailableError("the link is gone"));
    }
  });
}

void SessionRunner::OnCancelled() {
  strand_->Post(
      [self = shared_from_this()] { self->End(absl::CancelledError("the device hung up")); });
}

void SessionRunner::NoteFeeds(const std::vector<v1::Feed>& feeds) {
  const MutexLock lock(&wake_mu_);
  for (const v1::Feed& feed : feeds) {
    const absl::StatusOr<Scope> scope = Scope::Parse(feed.scope());
    if (scope.ok()) reads_.insert(std::string(scope->partition()));
  }
}

void SessionRunner::OnNewHeads(const std::vector<std::string>& partitions) {
  const MutexLock lock(&wake_mu_);
  bool any = false;
  for (const std::string& partition : partitions) {
    if (!reads_.contains(partition)) continue;
    wake_.heads.insert(partition);
    any = true;
  }
  if (any) PostWake();
}

void SessionRunner::OnTick() {
  const MutexLock lock(&wake_mu_);
  wake_.tick = true;
  PostWake();
}

void SessionRunner::PostWake() {
  if (is_wake_posted_) return;
  is_wake_posted_ = true;
  strand_->Post([self = shared_from_this()] { self->TakeWake(); });
}

void SessionRunner::TakeWake() {
  Wake wake;
  {
    const MutexLock lock(&wake_mu_);
    wake = std::exchange(wake_, Wake());
    is_wake_posted_ = false;
  }
  if (sink_ == nullptr) return;
  for (const std::string& partition : wake.heads) session_->OnNewHead(partition);
  if (wake.tick) {
    Tick();
  } else {
    Pump();
  }
}

void SessionRunner::OnEnd(v1::Refused refused, std::function<void()> then) {
  strand_->Post([self = shared_from_this(), refused = std::move(refused), then = std::move(then)] {
    if (self->sink_ != nullptr) {
      self->session_->Refuse(refused);
      self->Pump();
    }
    if (then) then();
  });
}

void SessionRunner::EndIfOf(std::string user, v1::Refused refused) {
  strand_->Post([self = shared_from_this(), user = std::move(user), refused = std::move(refused)] {
    if (self->sink_ == nullptr || self->host_->user() != user) return;
    self->session_->Refuse(refused);
    self->Pump();
  });
}

void SessionRunner::OnPushResult(const PushResult& result) {
  const std::optional<v1::Refused> refused = host_->AfterPush(result);
  if (sink_ == nullptr) return;
  if (refused.has_value()) {
    session_->Refuse(*refused);
  } else {
    session_->OnPushResult(result);
  }
  Pump();
}

void SessionRunner::Tick() {
  const absl::Duration monotonic = context_->clock->Monotonic();
  if (writing_ && monotonic - write_started_ >= session_->sending_patience()) {
    // The device reads no more; only a cancelled call gets past the frame that is stuck.
    sink_->Cancel();
    End(absl::UnavailableError("STALLED: the device stopped reading"));
    return;
  }
  const absl::Time now = context_->clock->Now();
  if (now >= host_->judged_until()) session_->Refuse(RightsEnded(replica()));
  if (monotonic >= ends_at_) session_->Refuse(SessionIsOld());
  session_->OnTick(monotonic);
  Pump();
  // It has everything that can be read; what it pushed has to wait elsewhere.
  if (sink_ == nullptr || writing_ || !host_->waits_for_commit() ||
      !context_->commit_queue->waits_for_room()) {
    return;
  }
  session_->Refuse(DiskIsFull(replica_));
  Pump();
}

void SessionRunner::Read() {
  if (sink_ == nullptr || reading_ || read_ended_ || !session_->wants_frames()) return;
  reading_ = true;
  sink_->StartReading();
}

void SessionRunner::Pump() {
  if (sink_ == nullptr || writing_) {
    Read();
    return;
  }
  std::optional<v1::ServerFrame> frame = session_->NextFrame(context_->clock->Now());
  if (frame.has_value()) {
    writing_ = true;
    write_started_ = context_->clock->Monotonic();
    sink_->StartWriting(std::move(*frame));
  } else if (session_->finished()) {
    End(absl::OkStatus());
    return;
  }
  Read();
}

void SessionRunner::End(const absl::Status& status) {
  if (sink_ == nullptr) return;
  FrameSink* const sink = std::exchange(sink_, nullptr);
  NoteSession();
  sink->Finish(status);
}

void SessionRunner::NoteSession() {
  if (!host_->identified()) return;
  const ServerSessionStats& stats = session_->stats();
  context_->notes->Add(host_->replica(), {.ended_ms = absl::ToUnixMillis(context_->clock->Now()),
                                          .bytes_received = stats.frame_bytes_received,
                                          .bytes_sent = stats.frame_bytes_sent,
                                          .device_time_ms = host_->device_time_ms(),
                                          .software = host_->software(),
                                          .acknowledged = host_->reached()});
  Log(LogLevel::kInfo, "session ended",
      {{"replica", host_->replica().ToString()},
       {"change_sets", stats.change_sets},
       {"entries", stats.entries_sent},
       {"bytes_in", stats.frame_bytes_received},
       {"bytes_out", stats.frame_bytes_sent},
       {"outcome", absl::StatusCodeToString(session_->outcome().code())}});
}

}  // namespace brigada
