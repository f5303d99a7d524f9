#include "server/server.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "grpcpp/grpcpp.h"
#include "grpcpp/resource_quota.h"
#include "replica/base/log.h"
#include "replica/base/mutex.h"
#include "replica/base/status_macros.h"
#include "server/administration_service.h"
#include "server/commit_queue.h"
#include "server/enrollment_service.h"
#include "server/head_watch.h"
#include "server/listening.h"
#include "server/live_sessions.h"
#include "server/scrub_job.h"
#include "server/session_notes.h"
#include "server/sum_check.h"
#include "server/sync_service.h"
#include "server/ticker.h"
#include "server/tombstone_job.h"

namespace brigada {
namespace {

// What SQLite may have beside the memory that its queries are allowed.
constexpr size_t kSqliteReserve = size_t{64} << 20;
constexpr absl::Duration kTick = absl::Seconds(1);
constexpr int kTicksBetweenFlushes = 5;
// A start has better things to do.
constexpr absl::Duration kFirstPassAfter = absl::Hours(1);

}  // namespace

class Server::Impl {
 public:
  Impl(std::unique_ptr<Organization> organization, const ServerOptions& options, const Clock& clock,
       Random& random)
      : organization_(std::move(organization)),
        notes_(organization_->store.get()),
        tombstones_(organization_->store.get(), clock.Now() + kFirstPassAfter),
        scrubs_(organization_->store.get()),
        clock_(clock),
        executor_(options.threads),
        workers_(options.query_threads),
        upkeep_(1),
        sessions_(options.admission, &clock),
        heads_(organization_->store.get()),
        commit_queue_(organization_->store.get(), &clock, CommitQueueOptions(),
                      [this](const std::vector<std::string>& partitions) {
                        heads_.NoteTold(partitions);
                        sessions_.OnNewHeads(partitions);
                      }),
        sums_(organization_->store.get(), &workers_, &clock),
        context_(ContextOf(options, clock)),
        sync_(&context_, &sessions_),
        enrollment_(
            {organization_.get(), &sessions_, &commit_queue_, &executor_, &workers_, &clock}),
        administration_(
            {organization_.get(), &sessions_, &notes_, &executor_, &workers_, &clock, &random},
            AdministrationOptions{options.query_limits, BackupDirectory(options, *organization_)}),
        ticker_(kTick, [this] { Tick(); }) {}

  ~Impl() { Shutdown(absl::Seconds(10)); }

  absl::Status Listen(const ServerOptions& options) {
    LimitSqliteMemory(options.query_limits.memory_bytes *
                          static_cast<size_t>(std::max(options.query_threads, 1)) +
                      kSqliteReserve);
    grpc::ServerBuilder builder;
    builder.RegisterService(&sync_);
    builder.RegisterService(&enrollment_);
    builder.RegisterService(&administration_);
    ASSIGN_OR_RETURN(
        Listening listening,
        brigada::Listen(builder, options.listen, TlsOf(*organization_), options.reflection));
    port_ = listening.port;
    const MutexLock lock(&server_mu_);
    server_ = std::move(listening.server);
    return absl::OkStatus();
  }

  void Shutdown(absl::Duration patience) {
    std::call_once(shutdown_, [&] { DoShutdown(patience); });
  }

  int port() const { return port_; }
  Organization& organization() { return *organization_; }

 private:
  SessionContext ContextOf(const ServerOptions& options, const Clock& clock) {
    SessionContext context;
    context.store = organization_->store.get();
    context.cursor_key = &organization_->cursor_key;
    context.seal_key = &organization_->seal_key;
    context.session_options.seal_key = organization_->seal_key.public_key();
    context.commit_queue = &commit_queue_;
    context.notes = &notes_;
    context.executor = &executor_;
    context.clock = &clock;
    context.session_options.stall_timeout = options.stall_timeout;
    context.max_session_age = options.max_session_age;
    context.on_new_epoch = [this](const SessionRunner* except) {
      sessions_.OnNewEpoch(except);
      return organization_->journal->NoteStart(*organization_->store);
    };
    context.on_doubted_sums = [this](const std::string& partition) { sums_.Ask(partition); };
    return context;
  }
  static std::string BackupDirectory(const ServerOptions& options,
                                     const Organization& organization) {
    return options.backup_directory.empty() ? absl::StrCat(organization.directory, "/backups")
                                            : options.backup_directory;
  }

  void DoShutdown(absl::Duration patience) {
    ticker_.Stop();
    stopping_ = true;
    SetServing(false);
    administration_.EndBackups();
    sessions_.Shutdown(patience / 2);
    if (server_ != nullptr) {
      server_->Shutdown(std::chrono::system_clock::now() +
                        absl::ToChronoMilliseconds(patience / 2));
      server_->Wait();
    }
    commit_queue_.Stop();
    workers_.Stop();
    upkeep_.Stop();
    executor_.Stop();
    FlushNotes();
  }

  void SetServing(bool serving) {
    const MutexLock lock(&server_mu_);
    if (server_ != nullptr) brigada::SetServing(*server_, serving);
  }

  // The ticker's thread.
  void Tick() {
    CheckStore();
    // Commits of another server on the same store.
    if (const std::vector<std::string> moved = heads_.Moved(); !moved.empty())
      sessions_.OnNewHeads(moved);
    sessions_.OnTick();
    if (!store_failed_ && !collecting_.exchange(true)) {
      executor_.Post([this] {
        if (const absl::Status status = tombstones_.RunSome(clock_.Now()); !status.ok()) {
          Log(LogLevel::kWarning, "tombstones not forgotten",
              {{"code", absl::StatusCodeToString(status.code())}});
        }
        collecting_ = false;
      });
    }
    if (!store_failed_ && !scrubbing_.exchange(true)) {
      upkeep_.Post([this] {
        scrubs_.RunWhenDue(clock_.Monotonic(), &stopping_);
        scrubbing_ = false;
      });
    }
    if (++ticks_ % kTicksBetweenFlushes == 0 && !store_failed_ && !flushing_.exchange(true)) {
      executor_.Post([this] {
        FlushNotes();
        flushing_ = false;
      });
    }
  }

  void CheckStore() {
    if (store_failed_) return;
    const absl::Status health = organization_->store->Health();
    if (health.ok()) return;
    store_failed_ = true;
    // What it says may name files.
    Log(LogLevel::kError, "store failed: no sessions until it is opened again",
        {{"code", absl::StatusCodeToString(health.code())}});
    SetServing(false);
    sessions_.Suspend();
  }

  void FlushNotes() {
    const absl::Status status = notes_.Flush();
    if (!status.ok()) {
      Log(LogLevel::kWarning, "last syncs not noted",
          {{"devices", notes_.size()}, {"code", absl::StatusCodeToString(status.code())}});
    }
  }

  const std::unique_ptr<Organization> organization_;
  SessionNotes notes_;
  TombstoneJob tombstones_;  // one piece at a time: collecting_
  ScrubJob scrubs_;          // one at a time: scrubbing_
  const Clock& clock_;
  Executor executor_;
  Executor workers_;
  Executor upkeep_;  // what takes long and nobody waits for
  LiveSessions sessions_;
  HeadWatch heads_;
  CommitQueue commit_queue_;
  SumCheck sums_;
  SessionContext context_;
  SyncService sync_;
  EnrollmentService enrollment_;
  AdministrationService administration_;
  // Set once; gRPC's own object is thread safe.
  Mutex server_mu_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  std::once_flag shutdown_;
  std::atomic<bool> flushing_{false};
  std::atomic<bool> collecting_{false};
  std::atomic<bool> scrubbing_{false};
  std::atomic<bool> stopping_{false};
  // The ticker's thread only.
  int ticks_ = 0;
  bool store_failed_ = false;
  // Last: its thread uses all of the above.
  Ticker ticker_;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

absl::StatusOr<std::unique_ptr<Server>> Server::Start(std::unique_ptr<Organization> organization,
                                                      const ServerOptions& options,
                                                      const Clock& clock, Random& random) {
  auto impl = std::make_unique<Impl>(std::move(organization), options, clock, random);
  const absl::Status listening = impl->Listen(options);
  if (!listening.ok()) return listening;
  Log(LogLevel::kInfo, "serving", {{"port", impl->port()}});
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

int Server::port() const { return impl_->port(); }
Organization& Server::organization() { return impl_->organization(); }
void Server::Shutdown(absl::Duration patience) { impl_->Shutdown(patience); }

}  // namespace brigada
