#include "tests/sim/sim_server.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "replica/base/check.h"
#include "replica/base/sha256.h"
#include "replica/base/status_macros.h"
#include "replica/store/kv_authority_store.h"
#include "replica/sync/cursor_check.h"
#include "server/backups.h"
#include "server/directory.h"
#include "server/erasures.h"
#include "server/grant_judge.h"
#include "server/journal.h"
#include "server/roles.h"
#include "server/turn_away.h"

namespace brigada {
namespace {

constexpr size_t kQueueCapacity = 8;
constexpr absl::Duration kComeBackSoon = absl::Seconds(2);

}  // namespace

std::string SimSignature(const ReplicaId& replica, absl::string_view chain) {
  const Sha256Digest digest = Sha256Parts({"device key", replica.bytes(), chain});
  return std::string(AsView(digest).substr(0, 16));
}

SimServer::SimServer(const Registry* registry, std::unique_ptr<SimDisk> disk,
                     const int64_t* true_us, uint64_t seed)
    : registry_(registry), disk_(std::move(disk)), clock_(true_us), random_(seed) {}

SimServer::~SimServer() { Stop(); }

void SimServer::Stop() {
  for (const auto& weak : streams_)
    if (const auto stream = weak.lock()) stream->Close();
  streams_.clear();
  queue_.clear();
  store_.reset();
  kv_ = nullptr;
}

absl::Status SimServer::NoteDirectory(absl::Span<const DirectoryWrite> writes, uint64_t number) {
  for (const DirectoryWrite& write : writes) {
    v1::JournalRecord& record = journal_.emplace_back();
    record.set_kind(static_cast<uint32_t>(write.kind));
    record.set_key(write.key);
    record.set_deleted(!write.value.has_value());
    record.set_value(write.value.value_or(""));
    record.set_number(number);
  }
  return absl::OkStatus();
}

void SimServer::NoteStart() {
  v1::JournalRecord& record = journal_.emplace_back();
  *record.mutable_epoch() = store_->CurrentEpoch();
  record.set_run(store_->run().AsBytes());
  on_run_();
}

absl::Status SimServer::OpenStore(bool restored) {
  Stop();
  ASSIGN_OR_RETURN(std::unique_ptr<Kv> kv, disk_->Open());
  kv_ = kv.get();
  AuthorityStoreOptions options;
  options.registry = registry_;
  options.random = &random_;
  options.now = clock_.Now();
  options.restored = restored;
  options.expected_run = LastRun(journal_);
  options.expected_directory_writes = LastDirectoryWrite(journal_);
  options.foreign_epochs = EpochsOf(journal_);
  options.on_directory_write = [this](absl::Span<const DirectoryWrite> writes, uint64_t number) {
    return NoteDirectory(writes, number);
  };
  ASSIGN_OR_RETURN(store_, OpenAuthorityStore(std::move(kv), options));
  const std::string epoch = store_->CurrentEpoch().epoch();
  for (const v1::EpochRecord& noted : options.foreign_epochs) {
    if (noted.epoch() != epoch) continue;
    ASSIGN_OR_RETURN(const auto missing, NotNoted(journal_, *store_));
    return NoteDirectory(missing, LastDirectoryWrite(journal_));
  }
  // A copy: it is read while it grows.
  return ReplayDirectory(std::vector<v1::JournalRecord>(journal_), *store_);
}

absl::Status SimServer::Start() {
  RETURN_IF_ERROR(OpenStore(/*restored=*/false));
  NoteStart();
  return ResumeErasures(*store_, clock_.Now());
}

void SimServer::PutBack(std::unique_ptr<SimDisk> disk, bool announced) {
  Stop();
  disk_ = std::move(disk);
  if (!announced) return;
  CHECK(OpenStore(/*restored=*/true).ok());
  NoteStart();
  Stop();
}

std::shared_ptr<SimServer::Stream> SimServer::Accept(const ReplicaId& certificate,
                                                     size_t batch_target_bytes) {
  OnReplicaChanged(certificate);
  auto stream = std::make_shared<Stream>(this, certificate, batch_target_bytes);
  std::erase_if(streams_, [](const auto& weak) { return weak.expired(); });
  streams_.push_back(stream);
  return stream;
}

absl::Status SimServer::RunCommits(size_t limit) {
  if (queue_.empty()) return absl::OkStatus();
  std::vector<PushRequest> pushes;
  std::vector<std::weak_ptr<Stream>> from;
  for (; !queue_.empty() && pushes.size() < limit; queue_.pop_front()) {
    pushes.push_back(std::move(queue_.front().push));
    from.push_back(queue_.front().stream);
  }
  const absl::Time now = clock_.Now();
  absl::StatusOr<std::vector<PushResult>> results =
      [&]() -> absl::StatusOr<std::vector<PushResult>> {
    GrantJudge judge({}, now);
    // Nothing damages an entry here; only a store without power cannot be read.
    if (!judge.Load(pushes, *store_).empty()) return absl::UnavailableError("grants unreadable");
    return store_->CommitPushes(pushes, judge, now);
  }();
  for (size_t i = 0; i < pushes.size(); ++i) {
    PushResult failed;
    failed.status = results.status();
    const PushResult& result = results.ok() ? (*results)[i] : failed;
    for (const v1::Verdict& verdict : result.verdicts)
      on_verdict_(pushes[i].replica, pushes[i].partition, verdict);
    const auto stream = from[i].lock();
    if (stream != nullptr && stream->server_ != nullptr) stream->session_->OnPushResult(result);
  }
  if (!results.ok()) return results.status();
  std::vector<std::string> partitions;
  partitions.reserve(pushes.size());
  for (const PushRequest& push : pushes) partitions.push_back(push.partition);
  for (const PushResult& result : *results)
    partitions.insert(partitions.end(), result.also_changed.begin(), result.also_changed.end());
  OnNewHeads(partitions);
  return absl::OkStatus();
}

void SimServer::OnNewHeads(const std::vector<std::string>& partitions) {
  for (const auto& weak : streams_) {
    const auto stream = weak.lock();
    if (stream == nullptr || stream->server_ == nullptr) continue;
    for (const std::string& partition : partitions) stream->session_->OnNewHead(partition);
  }
}

void SimServer::Tick() {
  const absl::Time now = clock_.Now();
  for (const auto& weak : streams_) {
    const auto stream = weak.lock();
    if (stream == nullptr || stream->server_ == nullptr) continue;
    if (now >= stream->judged_until_) stream->session_->Refuse(RightsEnded(stream->certificate_));
    stream->session_->OnTick(clock_.Monotonic());
  }
}

void SimServer::OnUserChanged(absl::string_view user) {
  for (const auto& weak : streams_) {
    const auto stream = weak.lock();
    if (stream != nullptr && stream->server_ != nullptr && stream->user_ == user)
      stream->session_->Refuse(RightsChanged(kComeBackSoon));
  }
}

void SimServer::OnReplicaChanged(const ReplicaId& replica) {
  for (const auto& weak : streams_) {
    const auto stream = weak.lock();
    if (stream != nullptr && stream->server_ != nullptr && stream->certificate_ == replica)
      stream->session_->Refuse(RightsChanged(kComeBackSoon));
  }
}

SimServer::Stream::Stream(SimServer* server, const ReplicaId& certificate,
                          size_t batch_target_bytes)
    : server_(server), certificate_(certificate) {
  ServerSessionOptions options;
  options.batch_target_bytes = batch_target_bytes;
  session_ = std::make_unique<ServerSession>(server->store_.get(), this, options);
}

void SimServer::Stream::OnFrame(const v1::ClientFrame& frame) {
  if (server_ != nullptr) session_->OnFrame(frame, server_->clock_.Now());
}

std::optional<v1::ServerFrame> SimServer::Stream::NextFrame() {
  if (server_ == nullptr) return std::nullopt;
  return session_->NextFrame(server_->clock_.Now());
}

absl::StatusOr<PeerIdentity> SimServer::Stream::Identify(const v1::Hello& hello,
                                                         v1::Refused* refused) {
  const absl::Time now = server_->clock_.Now();
  const auto refuse = [&](v1::Refused::Reason reason) {
    refused->set_reason(reason);
    return absl::PermissionDeniedError(v1::Refused::Reason_Name(reason));
  };
  if (hello.replica() != certificate_.bytes()) return refuse(v1::Refused::WRONG_REPLICA);
  ASSIGN_OR_RETURN(const auto device, FindDevice(*server_->store_, certificate_));
  if (!device.has_value()) return refuse(v1::Refused::UNKNOWN_DEVICE);
  if (device->revoked_ms() != 0) return refuse(v1::Refused::REVOKED);
  ASSIGN_OR_RETURN(const std::vector<v1::GrantRecord> grants,
                   GrantsOf(*server_->store_, device->user()));
  PeerIdentity identity{
      .replica = certificate_, .user = device->user(), .feeds = FeedsOf(grants, now), .grants = {}};
  ASSIGN_OR_RETURN(identity.covered, CoveredByBackups(*server_->store_, now));
  user_ = device->user();
  judged_until_ = absl::InfiniteFuture();
  for (const v1::GrantRecord& grant : grants) {
    for (const int64_t ms : {grant.from_ms(), grant.until_ms()}) {
      const absl::Time boundary = absl::FromUnixMillis(ms);
      if (ms != 0 && boundary > now) judged_until_ = std::min(judged_until_, boundary);
    }
  }
  return identity;
}

absl::Status SimServer::Stream::VerifySignature(const ReplicaId& replica, absl::string_view chain,
                                                absl::string_view signature) {
  if (signature == SimSignature(replica, chain)) return absl::OkStatus();
  return absl::UnauthenticatedError("the signature does not match");
}

absl::Status SimServer::Stream::SubmitPush(PushRequest* push) {
  if (server_->queue_.size() >= kQueueCapacity) return absl::ResourceExhaustedError("queue full");
  server_->queue_.push_back({weak_from_this(), std::move(*push)});
  return absl::OkStatus();
}

absl::Status SimServer::Stream::BeginEpoch(const Epoch& lost_epoch, const Run& lost_run,
                                           absl::Time now) {
  const Run before = server_->store_->run();
  RETURN_IF_ERROR(server_->store_->BeginEpoch(lost_epoch, lost_run, now));
  if (server_->store_->run() != before) server_->NoteStart();
  for (const std::weak_ptr<Stream>& weak : server_->streams_) {
    const std::shared_ptr<Stream> other = weak.lock();
    if (other != nullptr && other.get() != this && !other->is_over())
      other->session_->Refuse(ServerWentBack(kComeBackSoon));
  }
  return absl::OkStatus();
}

std::string SimServer::Stream::SignCursor(const ReplicaId& replica, const v1::Cursor& cursor) {
  const Sha256Digest digest = Sha256Parts({"cursor key", CursorMacInput(replica, cursor)});
  return std::string(AsView(digest).substr(0, 16));
}

}  // namespace brigada
