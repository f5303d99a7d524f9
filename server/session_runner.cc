#include "server/session_runner.h"

#include <algorithm>
#include <utility>

#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/signing_key.h"
#include "replica/sync/cursor_check.h"
#include "server/directory.h"
#include "server/roles.h"

namespace brigada {
namespace {

constexpr size_t kMaxSoftwareBytes = 120;

}  // namespace

// Answers the session's questions from the directory, the keys and the commit queue.
class SessionRunner::Host final : public ServerSessionHost {
 public:
  Host(SessionRunner* runner, const ReplicaId& certificate_replica)
      : runner_(runner), certificate_replica_(certificate_replica) {}

  absl::StatusOr<PeerIdentity> Identify(const v1::Hello& hello, v1::Refused* refused) override {
    const AuthorityStore& store = *runner_->context_->organization->store;
    const absl::Time now = runner_->context_->clock->Now();
    const auto refuse = [&](v1::Refused::Reason reason, absl::string_view detail) {
      refused->set_reason(reason);
      refused->set_detail(std::string(detail));
      return absl::PermissionDeniedError(detail);
    };
    if (certificate_replica_.is_zero()) {
      return refuse(v1::Refused::UNKNOWN_DEVICE, "no client certificate: enrol this device first");
    }
    if (hello.replica() != certificate_replica_.bytes()) {
      return refuse(v1::Refused::WRONG_REPLICA, "the certificate belongs to another replica");
    }
    ASSIGN_OR_RETURN(const std::optional<v1::DeviceRecord> device,
                     FindDevice(store, certificate_replica_));
    if (!device.has_value())
      return refuse(v1::Refused::UNKNOWN_DEVICE, "this device is not enrolled here");
    if (device->revoked_ms() != 0)
      return refuse(v1::Refused::REVOKED, "an administrator revoked this device");
    if (absl::ToUnixMillis(now) >= device->lease_until_ms()) {
      return refuse(v1::Refused::LEASE_EXPIRED, "the lease of this device has expired: renew it");
    }
    ASSIGN_OR_RETURN(const std::vector<v1::GrantRecord> grants, GrantsOf(store, device->user()));
    PeerIdentity identity;
    identity.replica = certificate_replica_;
    identity.user = device->user();
    identity.feeds = FeedsOf(grants, now);
    for (const v1::GrantRecord& grant : grants) {
      if (InForce(grant, now)) identity.grants.push_back(InfoOf(grant));
    }
    user_ = device->user();
    public_key_ = device->public_key();
    device_time_ms_ = hello.device_time_ms();
    software_ = hello.software().substr(0, kMaxSoftwareBytes);
    judged_until_ = JudgedUntil(*device, grants, now);
    identified_ = true;
    return identity;
  }

  absl::Status VerifySignature(const ReplicaId& /*replica*/, absl::string_view chain,
                               absl::string_view signature) override {
    return SigningKey::VerifySignature(public_key_, chain, signature);
  }

  absl::Status SubmitPush(PushRequest* push) override {
    return runner_->context_->commit_queue->Submit(
        push, [runner = runner_->shared_from_this()](const PushResult& result) {
          runner->strand_->Post([runner, result] {
            if (runner->sink_ == nullptr) return;
            runner->session_->OnPushResult(result, runner->context_->clock->Now());
            runner->Pump();
          });
        });
  }

  std::string SignCursor(const ReplicaId& replica, const v1::Cursor& cursor) override {
    const std::string covered = CursorMacInput(replica, cursor);
    return ComputeMac(runner_->context_->organization->cursor_key, {"cursor", covered});
  }

  bool identified() const { return identified_; }
  const ReplicaId& replica() const { return certificate_replica_; }
  const std::string& user() const { return user_; }
  // When the answer to who this is and what it may do has to be given again.
  absl::Time judged_until() const { return judged_until_; }
  int64_t device_time_ms() const { return device_time_ms_; }
  const std::string& software() const { return software_; }

 private:
  static v1::GrantInfo InfoOf(const v1::GrantRecord& grant) {
    v1::GrantInfo info;
    info.set_id(grant.id());
    info.set_role(grant.role());
    *info.mutable_scopes() = grant.scopes();
    info.set_from_ms(grant.from_ms());
    info.set_until_ms(grant.until_ms());
    return info;
  }

  SessionRunner* const runner_;
  const ReplicaId certificate_replica_;
  // The next moment at which the lease or a grant ends, or a grant begins.
  static absl::Time JudgedUntil(const v1::DeviceRecord& device,
                                const std::vector<v1::GrantRecord>& grants, absl::Time now) {
    absl::Time until = absl::FromUnixMillis(device.lease_until_ms());
    for (const v1::GrantRecord& grant : grants) {
      for (const int64_t ms : {grant.from_ms(), grant.until_ms()}) {
        if (ms != 0 && absl::FromUnixMillis(ms) > now)
          until = std::min(until, absl::FromUnixMillis(ms));
      }
    }
    return until;
  }

  std::string user_;
  absl::Time judged_until_ = absl::InfiniteFuture();
  std::string public_key_;
  std::string software_;
  int64_t device_time_ms_ = 0;
  bool identified_ = false;
};

SessionRunner::SessionRunner(SessionContext* context, FrameSink* sink,
                             const ReplicaId& certificate_replica)
    : context_(context),
      replica_(certificate_replica),
      strand_(std::make_shared<Strand>(context->executor)),
      sink_(sink),
      host_(std::make_unique<Host>(this, certificate_replica)),
      session_(std::make_unique<ServerSession>(context->organization->store.get(), host_.get(),
                                               context->session_options)) {}

SessionRunner::~SessionRunner() = default;

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

void SessionRunner::OnNewHeads(const std::vector<std::string>& partitions) {
  strand_->Post([self = shared_from_this(), partitions] {
    if (self->sink_ == nullptr) return;
    for (const std::string& partition : partitions) self->session_->OnNewHead(partition);
    self->Pump();
  });
}

void SessionRunner::OnTick() {
  strand_->Post([self = shared_from_this()] {
    if (self->sink_ == nullptr) return;
    self->Tick();
  });
}

void SessionRunner::OnShutdown() {
  strand_->Post([self = shared_from_this()] {
    if (self->sink_ == nullptr) return;
    self->session_->Shutdown();
    self->Pump();
  });
}

void SessionRunner::EndIfOf(std::string user) {
  strand_->Post([self = shared_from_this(), user = std::move(user)] {
    if (self->sink_ == nullptr || self->host_->user() != user) return;
    self->session_->Shutdown();
    self->Pump();
  });
}

void SessionRunner::Tick() {
  const absl::Duration write_time = context_->clock->Monotonic() - write_started_;
  if (writing_ && write_time >= context_->session_options.stall_timeout) {
    // The device reads no more; only a cancelled call gets past the frame that is stuck.
    sink_->Cancel();
    End(absl::UnavailableError("STALLED: the device stopped reading"));
    return;
  }
  const absl::Time now = context_->clock->Now();
  if (now >= host_->judged_until()) session_->Shutdown();
  session_->OnTick(now);
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
  NoteSessionInDirectory();
  sink->Finish(status);
}

void SessionRunner::NoteSessionInDirectory() {
  if (!host_->identified()) return;
  const ServerSessionStats& stats = session_->stats();
  const int64_t now_ms = absl::ToUnixMillis(context_->clock->Now());
  const absl::Status status =
      EditDevice(*context_->organization->store, host_->replica(), [&](v1::DeviceRecord& device) {
        device.set_last_sync_ms(now_ms);
        device.set_bytes_received(stats.frame_bytes_received);
        device.set_bytes_sent(stats.frame_bytes_sent);
        device.set_device_time_ms(host_->device_time_ms());
        device.set_software(host_->software());
      });
  Log(LogLevel::kInfo, "session ended",
      {{"replica", host_->replica().ToString()},
       {"change_sets", stats.change_sets},
       {"entries", stats.entries_sent},
       {"bytes_in", stats.frame_bytes_received},
       {"bytes_out", stats.frame_bytes_sent},
       {"outcome", absl::StatusCodeToString(session_->outcome().code())},
       {"noted", absl::StatusCodeToString(status.code())}});
}

}  // namespace brigada
