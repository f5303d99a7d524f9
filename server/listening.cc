#include "server/listening.h"

#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "replica/base/limits.h"
#include "replica/base/status_macros.h"
#include "server/address.h"

namespace brigada {
namespace {

std::shared_ptr<grpc::ServerCredentials> CredentialsOf(const ServerTls& tls) {
  // Requested and verified, not required: without a certificate only enrolment, renewal and health
  // answer.
  grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = tls.ca_pem;
  options.pem_key_cert_pairs.push_back({tls.key_pem, tls.certificate_pem});
  return grpc::SslServerCredentials(options);
}

// The user's name is in the client certificate, which TLS 1.2 sends in clear. This gRPC has no
// setting for the lowest version, but with an RSA suite alone a server whose key is on P-256 can
// agree on nothing below TLS 1.3. Read once, at gRPC's first use.
void RefuseOldTls() {
  setenv("GRPC_SSL_CIPHER_SUITES", "ECDHE-RSA-AES256-GCM-SHA384", /*overwrite=*/0);
}

constexpr absl::Duration kMaxConnectionAge = absl::Minutes(40);
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
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 60'000);
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

ServerTls TlsOf(const Organization& organization) {
  return {organization.authority.certificate_pem(), organization.server_certificate_pem,
          organization.server_key_pem};
}

absl::StatusOr<Listening> Listen(grpc::ServerBuilder& builder, const std::string& listen,
                                 const ServerTls& tls, bool reflection) {
  RETURN_IF_ERROR(ParseAddress(listen).status());
  RefuseOldTls();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  if (!reflection) builder.SetOption(std::make_unique<WithoutReflection>());
  Harden(builder);
  Listening listening;
  builder.AddListeningPort(listen, CredentialsOf(tls), &listening.port);
  listening.server = builder.BuildAndStart();
  if (listening.server == nullptr || listening.port == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", listen,
                     ": its host is no address of this machine, or another program has the "
                     "port; choose another --listen"));
  }
  return listening;
}

void SetServing(grpc::Server& server, bool serving) {
  grpc::HealthCheckServiceInterface* const health = server.GetHealthCheckService();
  if (health != nullptr) health->SetServingStatus(serving);
}

}  // namespace brigada
