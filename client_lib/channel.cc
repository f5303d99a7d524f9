#include "client_lib/channel.h"

#include <algorithm>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "replica/base/limits.h"

namespace brigada {
namespace {

constexpr absl::Duration kLongestConnect = absl::Seconds(20);

// The other side showed a certificate, and it was not the organization's or not of this name.
bool ShowedAnotherCertificate(absl::string_view detail) {
  for (const absl::string_view words :
       {"certificate verify failed", "CERTIFICATE_VERIFY_FAILED", "is not in peer certificate"}) {
    if (absl::StrContains(detail, words)) return true;
  }
  return false;
}

}  // namespace

std::shared_ptr<grpc::Channel> OpenChannel(const Credentials& credentials,
                                           absl::Duration connect_timeout) {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = credentials.ca_pem;
  tls.pem_cert_chain = credentials.certificate_pem;
  tls.pem_private_key = credentials.certificate_pem.empty() ? "" : credentials.private_key_pem;
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(static_cast<int>(kMaxFrameBytes));
  arguments.SetMaxSendMessageSize(static_cast<int>(kMaxFrameBytes));
  // Bodies are compressed by the protocol, within bounds; gRPC would inflate before it checks
  // sizes.
  arguments.SetInt(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1 << GRPC_COMPRESS_NONE);
  // A server that compresses all the same is not believed: what it sends is no message.
  arguments.SetInt(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  // Retries are the session's business, which knows what was lost.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // A half-open link is noticed within two minutes, and only while a call is open: an idle phone
  // sends nothing. On a slow link the ping waits behind what the socket holds.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 45'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 60'000);
  // gRPC takes the shortest wait between attempts as the time that one attempt has.
  arguments.SetInt(
      GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
      static_cast<int>(absl::ToInt64Milliseconds(std::min(connect_timeout, kLongestConnect))));
  // Another replica in this process has another certificate: channels are not shared.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(credentials.server, grpc::SslCredentials(tls), arguments);
}

absl::Status FromGrpcStatus(const grpc::Status& status, const Credentials& credentials) {
  if (status.ok()) return absl::OkStatus();
  const std::string& detail = status.error_message();
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    if (ShowedAnotherCertificate(detail)) {
      return absl::UnauthenticatedError(
          absl::StrCat("the server at ", credentials.server,
                       " is not the one this device was invited to (its certificate is of another "
                       "organization or name); check the address "
                       "or ask for a new invitation"));
    }
    // Something between that answers in the server's place, such as a network's page to log in at,
    // goes away again.
    if (absl::StrContains(detail, "handshake failed")) {
      return absl::UnavailableError(
          absl::StrCat("no connection to ", credentials.server,
                       "; what answers there does not speak TLS: open the network's own page and "
                       "log in, or try again on another network (",
                       detail, ")"));
    }
    return absl::UnavailableError(
        absl::StrCat("no connection to ", credentials.server,
                     "; nothing is lost, try again when there is a link (", detail, ")"));
  }
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), detail);
}

}  // namespace brigada
