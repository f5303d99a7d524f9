#include "server/server.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "replica/base/limits.h"
#include "replica/base/log.h"
#include "replica/base/mutex.h"
#include "replica/base/status_macros.h"
#include "server/address.h"
#include "server/administration_service.h"
#include "server/commit_queue.h"
#include "server/enrollment_service.h"
#include "server/head_watch.h"
#include "server/live_sessions.h"
#include "server/session_notes.h"
#include "server/sum_check.h"
#include "server/sync_service.h"
#include "server/ticker.h"
#include "server/tombstone_job.h"

namespace brigada {
namespace {

std::shared_ptr<grpc::ServerCredentials> CredentialsOf(const Organization& organization) {
  // Requested and verified, not required: without a certificate only enrolment, renewal and health
  // answer.
  grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = organization.authority.certificate_pem();
  options.pem_key_cert_pairs.push_back(
      {organization.server_key_pem, organization.server_certificate_pem});
  return grpc::SslServerCredentials(options);
}

// The user's name is in the client certificate, which TLS 1.2 sends in clear. This gRPC has no
// setting for the lowest version, but with an RSA suite alone a server whose key is on P-256 can
// agree on nothing below TLS 1.3. Read once, at gRPC's first use.
void RefuseOldTls() {
  setenv("GRPC_SSL_CIPHER_SUITES", "ECDHE-RSA-AES256-GCM-SHA384", /*overwrite=*/0);
}

constexpr absl::Duration kMaxConnectionAge = absl::Minutes(40);
// What SQLite may have beside the memory that its queries are allowed.
constexpr size_t kSqliteReserve = size_t{64} << 20;
constexpr absl::Duration kTick = absl::Seconds(1);
constexpr int kTicksBetweenFlushes = 5;
// A start has better things to do.
constexpr absl::Duration kFirstPassAfter = absl::Hours(1);

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

// Linking gRPC's list of services publishes it on every server of the process; this one keeps it
// back.
class WithoutReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments* /*arguments*/) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    std::erase_if(*plugins, [](const std::unique_ptr<grpc::ServerBuilderPlugin>& plugin) {
      return plugin->name() == "proto_server_reflection";
    });
  }
};

// docs/operations.md says why each is what it is.
void Harden(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(kMaxFrameBytes));
  builder.SetMaxSendMessageSize(static_cast<int>(kMaxFrameBytes));
  // gRPC inflates before it checks sizes: bodies are compressed by the protocol itself, within
  // bounds.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 8);
  builder.AddChannelArgument("grpc.server_handshake_timeout_ms", 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 8 << 10);
  // Later than any session's end: only what does not end by itself is cut.
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, Milliseconds(kMaxConnectionAge));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, Milliseconds(absl::Minutes(10)));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, Milliseconds(absl::Minutes(5)));
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace

class Server::Impl {
 public:
  Impl(std::unique_ptr<Organization> organization, const ServerOptions& options, const Clock& clock,
       Random& random)
      : organization_(std::move(organization)),
        notes_(organization_->store.get()),
        tombstones_(organization_->store.get(), clock.Now() + kFirstPassAfter),
        clock_(clock),
        executor_(options.threads),
        workers_(options.query_threads),
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
    RETURN_IF_ERROR(ParseAddress(options.listen).status());
    RefuseOldTls();
    LimitSqliteMemory(options.query_limits.memory_bytes *
                          static_cast<size_t>(std::max(options.query_threads, 1)) +
                      kSqliteReserve);
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    if (!options.reflection) builder.SetOption(std::make_unique<WithoutReflection>());
    Harden(builder);
    builder.AddListeningPort(options.listen, CredentialsOf(*organization_), &port_);
    builder.RegisterService(&sync_);
    builder.RegisterService(&enrollment_);
    builder.RegisterService(&administration_);
    std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    if (server == nullptr || port_ == 0) {
      return absl::UnavailableError(
          absl::StrCat("cannot listen on ", options.listen,
                       ": its host is no address of this machine, or another program has the "
                       "port; choose another --listen"));
    }
    const MutexLock lock(&server_mu_);
    server_ = std::move(server);
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
    executor_.Stop();
    FlushNotes();
  }

  void SetServing(bool serving) {
    const MutexLock lock(&server_mu_);
    if (server_ != nullptr && server_->GetHealthCheckService() != nullptr)
      server_->GetHealthCheckService()->SetServingStatus(serving);
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
    Log(LogLevel::kError, "store failed: no sessions until the next start",
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
  const Clock& clock_;
  Executor executor_;
  Executor workers_;
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
