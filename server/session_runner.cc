#include "server/session_runner.h"

#include <algorithm>
#include <utility>

#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/signing_key.h"
#include "replica/sync/cursor_check.h"
#include "server/backups.h"
#include "server/directory.h"
#include "server/roles.h"
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

// Answers the session's questions from the directory, the keys and the commit queue.
class SessionRunner::Host final : public ServerSessionHost {
 public:
  Host(SessionRunner* runner, const ReplicaId& certificate_replica)
      : runner_(runner), certificate_replica_(certificate_replica) {}

  absl::StatusOr<PeerIdentity> Identify(const v1::Hello& hello, v1::Refused* refused) override {
    const AuthorityStore& store = *runner_->context_->store;
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
    runner_->NoteFeeds(identity.feeds);
    identity.receipt = device->receipt();
    for (const v1::GrantRecord& grant : grants) {
      if (InForce(grant, now)) identity.grants.push_back(InfoOf(grant));
    }
    ASSIGN_OR_RETURN(identity.covered, CoveredByBackups(store, now));
    user_ = device->user();
    public_key_ = device->public_key();
    device_time_ms_ = hello.device_time_ms();
    software_ = SoftwareName(hello.software());
    grants_digest_ = DigestOf(grants);
    judged_until_ = JudgedUntil(*device, grants, now);
    identified_ = true;
    return identity;
  }

  absl::Status VerifySignature(const ReplicaId& /*replica*/, absl::string_view chain,
                               absl::string_view signature) override {
    return SigningKey::VerifySignature(public_key_, chain, signature);
  }

  void DoubtSums(const std::string& partition) override {
    if (runner_->context_->on_doubted_sums) runner_->context_->on_doubted_sums(partition);
  }
  absl::Status SubmitPush(PushRequest* push) override {
    absl::Status status = runner_->context_->commit_queue->Submit(
        push, [runner = runner_->shared_from_this()](const PushResult& result) {
          runner->strand_->Post([runner, result] { runner->OnPushResult(result); });
        });
    is_turned_away_ = absl::IsResourceExhausted(status);
    if (status.ok()) ++in_flight_;
    return status;
  }
  void OnPushResult() { --in_flight_; }
  // Something that was pushed has no result yet.
  bool waits_for_commit() const { return in_flight_ > 0 || is_turned_away_; }

  std::optional<v1::Refused> RightsGone() override {
    const AuthorityStore& store = *runner_->context_->store;
    const absl::Time now = runner_->context_->clock->Now();
    const auto grants = GrantsOf(store, user_);
    const auto device = FindDevice(store, certificate_replica_);
    const bool holds = now < judged_until_ && grants.ok() && DigestOf(*grants) == grants_digest_ &&
                       device.ok() && device->has_value() && (*device)->revoked_ms() == 0;
    if (holds) return std::nullopt;
    return RightsEnded(certificate_replica_);
  }

  absl::Status NoteReceipt(const v1::Receipt& receipt) override {
    const int64_t now_ms = absl::ToUnixMillis(runner_->context_->clock->Now());
    return EditDevice(*runner_->context_->store, certificate_replica_,
                      [&](v1::DeviceRecord& device) {
                        if (receipt.number() <= device.receipt()) return;
                        device.set_receipt(receipt.number());
                        device.clear_purged_scopes();
                        for (const v1::Feed& feed : receipt.feeds())
                          device.add_purged_scopes(feed.scope());
                        device.set_purged_ms(now_ms);
                      });
  }

  void NoteReached(const std::vector<v1::PartitionHead>& reached) override { reached_ = reached; }

  absl::Status BeginEpoch(const Epoch& lost_epoch, const Run& lost_run, absl::Time now) override {
    RETURN_IF_ERROR(runner_->context_->store->BeginEpoch(lost_epoch, lost_run, now));
    if (!runner_->context_->on_new_epoch) return absl::OkStatus();
    return runner_->context_->on_new_epoch(runner_);
  }

  std::string SignCursor(const ReplicaId& replica, const v1::Cursor& cursor) override {
    const std::string covered = CursorMacInput(replica, cursor);
    return ComputeMac(*runner_->context_->cursor_key, {"cursor", covered});
  }

  bool identified() const { return identified_; }
  const std::vector<v1::PartitionHead>& reached() const { return reached_; }
  const ReplicaId& replica() const { return certificate_replica_; }
  const std::string& user() const { return user_; }
  // When the answer to who this is and what it may do has to be given again.
  absl::Time judged_until() const { return judged_until_; }
  int64_t device_time_ms() const { return device_time_ms_; }
  const std::string& software() const { return software_; }

 private:
  static std::string DigestOf(const std::vector<v1::GrantRecord>& grants) {
    std::string digest;
    for (const v1::GrantRecord& grant : grants) digest += grant.SerializeAsString() + ";";
    return digest;
  }

  static v1::GrantInfo InfoOf(const v1::GrantRecord& grant) {
    v1::GrantInfo info;
    info.set_id(grant.id());
    info.set_role(grant.role());
    *info.mutable_scopes() = grant.scopes();
    info.set_from_ms(grant.from_ms());
    info.set_until_ms(grant.until_ms());
    const absl::StatusOr<Role> role = ParseRole(grant.role());
    if (!role.ok()) return info;
    info.set_writes_any_type(MayWrite(*role, nullptr));
    for (const RecordType* type : Registry::BuiltIn().types()) {
      if (!info.writes_any_type() && MayWrite(*role, type))
        info.add_writable_types(type->type_id());
    }
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

  int in_flight_ = 0;
  bool is_turned_away_ = false;
  std::vector<v1::PartitionHead> reached_;
  std::string user_;
  absl::Time judged_until_ = absl::InfiniteFuture();
  std::string public_key_;
  std::string grants_digest_;
  std::string software_;
  int64_t device_time_ms_ = 0;
  bool identified_ = false;
};

SessionRunner::SessionRunner(SessionContext* context, FrameSink* sink,
                             const ReplicaId& certificate_replica)
    : context_(context),
      replica_(certificate_replica),
      ends_at_(context->clock->Monotonic() + AgeOf(certificate_replica, context->max_session_age)),
      strand_(std::make_shared<Strand>(context->executor)),
      sink_(sink),
      host_(std::make_unique<Host>(this, certificate_replica)),
      session_(
          std::make_unique<ServerSession>(context->store, host_.get(), context->session_options)) {}

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
  host_->OnPushResult();
  if (sink_ == nullptr) return;
  if (!result.status.ok() && !context_->store->Health().ok()) {
    session_->Refuse(StoreStopped(replica_));
  } else if (absl::IsResourceExhausted(result.status)) {
    session_->Refuse(DiskIsFull(replica_));
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
