#include "tests/sim/sim_server.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/check.h"
#include "replica/base/sha256.h"
#include "replica/base/status_macros.h"
#include "replica/store/kv_authority_store.h"
#include "server/directory.h"
#include "server/erasures.h"
#include "server/grant_judge.h"
#include "server/journal.h"
#include "server/open_store.h"
#include "server/turn_away.h"
#include "tests/support/lent_kv.h"

namespace brigada {
namespace {

constexpr size_t kQueueCapacity = 8;
constexpr int kPiecesAtOnce = 16;
constexpr absl::Duration kComeBackSoon = absl::Seconds(2);

const MacKey& CursorKey() {
  static const MacKey& key = *new MacKey(*MacKey::FromBytes(std::string(MacKey::kSize, 'k')));
  return key;
}

// The program fails at one record, once, for a reason that nobody has foreseen.
class FaultyKv final : public LentKv {
 public:
  // Negative: it does not. Outlives this.
  FaultyKv(std::shared_ptr<Kv> kv, int* reads_left)
      : LentKv(std::move(kv)), reads_left_(reads_left) {}
  absl::StatusOr<std::optional<std::string>> Get(Table table,
                                                 absl::string_view key) const override {
    if (table == Table::kRecords && *reads_left_ >= 0 && (*reads_left_)-- == 0)
      return absl::InternalError("a fault of the program");
    return LentKv::Get(table, key);
  }

 private:
  int* const reads_left_;
};

}  // namespace

std::string SimSignature(const ReplicaId& replica, absl::string_view chain) {
  const Sha256Digest digest = Sha256Parts({"device key", replica.bytes(), chain});
  return std::string(AsView(digest).substr(0, 16));
}

v1::DeviceRecord SimDeviceRecord(const ReplicaId& replica, const std::string& user,
                                 absl::Time lease_until) {
  v1::DeviceRecord record;
  record.set_replica(replica.AsBytes());
  record.set_user(user);
  record.set_public_key(replica.AsBytes());
  record.set_lease_until_ms(absl::ToUnixMillis(lease_until));
  return record;
}

SimServer::SimServer(const Registry* registry, std::unique_ptr<SimDisk> disk,
                     const int64_t* true_us, uint64_t seed)
    : registry_(registry), disk_(std::move(disk)), clock_(true_us, /*machine=*/-1), random_(seed) {}

SimServer::~SimServer() { Stop(); }

void SimServer::Stop() {
  for (const auto& weak : streams_)
    if (const auto stream = weak.lock()) stream->Close();
  streams_.clear();
  queue_.clear();
  notes_.reset();
  tombstones_.reset();
  store_.reset();
  kv_ = nullptr;
}

void SimServer::NoteStart() {
  const std::string run = store_->run().AsBytes();
  if (std::exchange(noted_run_, run) == run) return;
  journal_.push_back(StartRecord(*store_));
  on_run_();
}

absl::Status SimServer::Open(bool restored) {
  Stop();
  AuthorityStoreOptions options;
  options.registry = registry_;
  options.random = &random_;
  options.now = clock_.Now();
  options.restored = restored;
  const auto open =
      [&](const AuthorityStoreOptions& all) -> absl::StatusOr<std::unique_ptr<AuthorityStore>> {
    ASSIGN_OR_RETURN(std::unique_ptr<Kv> kv, disk_->Open());
    kv_ = kv.get();
    return OpenAuthorityStore(std::make_unique<FaultyKv>(std::move(kv), &reads_until_fault_), all);
  };
  // It is read while it grows.
  const std::vector<v1::JournalRecord> noted = journal_;
  const auto note = [this](absl::Span<const DirectoryWrite> writes, uint64_t number) {
    for (v1::JournalRecord& record : RecordsOf(writes, number))
      journal_.push_back(std::move(record));
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(store_, OpenBesideJournal(noted, note, options, open));
  notes_ = std::make_unique<SessionNotes>(store_.get());
  tombstones_ = std::make_unique<TombstoneJob>(store_.get(), clock_.Now());
  return absl::OkStatus();
}

absl::Status SimServer::Start() {
  RETURN_IF_ERROR(Open(/*restored=*/false));
  NoteStart();
  return ResumeErasures(*store_, clock_.Now());
}

void SimServer::PutBack(std::unique_ptr<SimDisk> disk, bool announced) {
  Stop();
  disk_ = std::move(disk);
  if (!announced) return;
  CHECK(Open(/*restored=*/true).ok());
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

absl::Status SimServer::RunCommits(size_t limit, int reads_until_fault) {
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
    reads_until_fault_ = reads_until_fault;
    auto committed = store_->CommitPushes(pushes, judge, now);
    reads_until_fault_ = -1;
    return committed;
  }();
  for (size_t i = 0; i < pushes.size(); ++i) {
    PushResult failed;
    failed.status = results.status();
    const PushResult& result = results.ok() ? (*results)[i] : failed;
    for (const v1::Verdict& verdict : result.verdicts)
      on_verdict_(pushes[i].replica, pushes[i].partition, verdict);
    const auto stream = from[i].lock();
    if (stream != nullptr && stream->server_ != nullptr) stream->OnPushResult(result);
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
    for (const std::string& partition : partitions) stream->session_.OnNewHead(partition);
  }
}

absl::Status SimServer::Tend() {
  RETURN_IF_ERROR(notes_->Flush());
  for (int piece = 0; piece < kPiecesAtOnce; ++piece)
    RETURN_IF_ERROR(tombstones_->RunSome(clock_.Now()));
  return absl::OkStatus();
}

void SimServer::Tick() {
  for (const auto& weak : streams_) {
    const auto stream = weak.lock();
    if (stream != nullptr && stream->server_ != nullptr) stream->Tick();
  }
}

void SimServer::OnUserChanged(absl::string_view user) {
  for (const auto& weak : streams_) {
    const auto stream = weak.lock();
    if (stream != nullptr && stream->server_ != nullptr && stream->user() == user)
      stream->Refuse(RightsChanged(kComeBackSoon));
  }
}

void SimServer::OnReplicaChanged(const ReplicaId& replica) {
  for (const auto& weak : streams_) {
    const auto stream = weak.lock();
    if (stream != nullptr && stream->server_ != nullptr && stream->replica() == replica)
      stream->Refuse(RightsChanged(kComeBackSoon));
  }
}

SimServer::Stream::Stream(SimServer* server, const ReplicaId& certificate,
                          size_t batch_target_bytes)
    : server_(server),
      host_(Surroundings(), certificate),
      session_(
          server->store_.get(), &host_,
          {.batch_target_bytes = batch_target_bytes, .seal_key = server->seal_key_.public_key()}) {}

SessionSurroundings SimServer::Stream::Surroundings() {
  SessionSurroundings around;
  around.store = server_->store_.get();
  around.cursor_key = &CursorKey();
  around.seal_key = &server_->seal_key_;
  around.clock = &server_->clock_;
  around.verify = [](absl::string_view public_key, absl::string_view chain,
                     absl::string_view signature) {
    const absl::StatusOr<ReplicaId> holder = ReplicaId::FromBytes(public_key);
    const bool is_good = holder.ok() && signature == SimSignature(*holder, chain);
    return is_good ? absl::OkStatus() : absl::UnauthenticatedError("the signature does not match");
  };
  around.submit = [this](PushRequest* push) {
    if (server_->queue_.size() >= kQueueCapacity) return absl::ResourceExhaustedError("queue full");
    server_->queue_.push_back({weak_from_this(), std::move(*push)});
    return absl::OkStatus();
  };
  around.on_new_epoch = [this] {
    server_->NoteStart();
    for (const std::weak_ptr<Stream>& weak : server_->streams_) {
      const std::shared_ptr<Stream> other = weak.lock();
      if (other != nullptr && other.get() != this && !other->is_over())
        other->Refuse(ServerWentBack(kComeBackSoon));
    }
    return absl::OkStatus();
  };
  return around;
}

void SimServer::Stream::Close() {
  SimServer* const server = std::exchange(server_, nullptr);
  if (server == nullptr || server->notes_ == nullptr || !host_.identified()) return;
  SessionNote note;
  note.ended_ms = absl::ToUnixMillis(server->clock_.Now());
  note.acknowledged = host_.reached();
  server->notes_->Add(host_.replica(), std::move(note));
}

void SimServer::Stream::OnFrame(const v1::ClientFrame& frame) {
  if (server_ != nullptr) session_.OnFrame(frame, server_->clock_.Now());
}

std::optional<v1::ServerFrame> SimServer::Stream::NextFrame() {
  if (server_ == nullptr) return std::nullopt;
  return session_.NextFrame(server_->clock_.Now());
}

void SimServer::Stream::OnPushResult(const PushResult& result) {
  const std::optional<v1::Refused> refused = host_.AfterPush(result);
  if (refused.has_value()) {
    Refuse(*refused);
  } else {
    session_.OnPushResult(result);
  }
}

void SimServer::Stream::Tick() {
  if (server_->clock_.Now() >= host_.judged_until()) Refuse(RightsEnded(replica()));
  session_.OnTick(server_->clock_.Monotonic());
}

}  // namespace brigada
