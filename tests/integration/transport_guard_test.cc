// What the server lets nobody do, over real TLS: each call by whoever should not be able to make
// it.
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "brigada/v1/administration_service.grpc.pb.h"
#include "client_lib/channel.h"
#include "client_lib/grpc_transport.h"
#include "client_lib/replica_directory.h"
#include "gmock/gmock.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "replica/base/limits.h"
#include "replica/crypto/certificate.h"
#include "replica/crypto/certificate_authority.h"
#include "replica/crypto/certificate_request.h"
#include "replica/crypto/signing_key.h"
#include "replica/sync/session_limits.h"
#include "server/directory.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_organization.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::Duration kPatience = absl::Seconds(20);
constexpr char kScope[] = "MX/20/067";

// The system's time, so many days later.
class LaterClock final : public Clock {
 public:
  explicit LaterClock(absl::Duration by) : by_(by) {}
  absl::Time Now() const override { return SystemClock().Now() + by_; }
  absl::Duration Monotonic() const override { return SystemClock().Monotonic(); }
  std::string BootId() const override { return SystemClock().BootId(); }

 private:
  const absl::Duration by_;
};

class TransportGuardTest : public ::testing::Test {
 protected:
  Credentials CredentialsOf(absl::string_view user) const {
    absl::StatusOr<Credentials> credentials =
        ReplicaDirectory(organization_.DevicePath(user)).ReadCredentials();
    EXPECT_OK(credentials);
    return credentials.ok() ? *credentials : Credentials();
  }
  // Who trusts the server and shows nothing.
  Credentials Nobody() const {
    Credentials credentials = CredentialsOf("admin");
    credentials.certificate_pem.clear();
    credentials.private_key_pem.clear();
    return credentials;
  }
  v1::DeviceRecord DeviceOf(absl::string_view user) {
    const auto devices = organization_.administration().Devices();
    EXPECT_OK(devices);
    for (const v1::DeviceRecord& device : *devices) {
      if (device.user() == user) return device;
    }
    ADD_FAILURE() << "no device of " << user;
    return v1::DeviceRecord();
  }

  // How a session begins that says hello for `replica`: the first frame, or why there was none.
  static absl::StatusOr<v1::ServerFrame> Begin(const Credentials& credentials,
                                               const std::string& replica) {
    const std::shared_ptr<Transport> transport = MakeGrpcTransport();
    absl::StatusOr<std::unique_ptr<FrameStream>> stream =
        transport->Connect(credentials, kPatience);
    if (!stream.ok()) return stream.status();
    v1::ClientFrame hello;
    hello.mutable_hello()->set_protocol_version(kProtocolVersion);
    hello.mutable_hello()->set_replica(replica);
    // When the link is refused, what the server said is told by Receive.
    (*stream)->Send(hello).IgnoreError();
    v1::ServerFrame frame;
    const absl::Status received = (*stream)->Receive(&frame);
    if (!received.ok()) return received;
    return frame;
  }

  struct RawAnswer {
    grpc::Status status;
    v1::ServerFrame frame;
  };
  // One message of any bytes to any method, bound by no limit of the client's.
  static RawAnswer CallRaw(const Credentials& credentials, const std::string& method,
                           const std::string& bytes) {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = credentials.ca_pem;
    tls.pem_cert_chain = credentials.certificate_pem;
    tls.pem_private_key = credentials.private_key_pem;
    grpc::GenericStub stub(grpc::CreateChannel(credentials.server, grpc::SslCredentials(tls)));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoSeconds(kPatience));
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    std::promise<grpc::Status> done;
    stub.UnaryCall(&context, method, grpc::StubOptions(), &request, &response,
                   [&](grpc::Status status) { done.set_value(std::move(status)); });
    RawAnswer answer{done.get_future().get(), v1::ServerFrame()};
    grpc::Slice told;
    if (answer.status.ok() && response.DumpToSingleSlice(&told).ok() &&
        !answer.frame.ParseFromArray(told.begin(), static_cast<int>(told.size()))) {
      ADD_FAILURE() << "the answer is no frame";
    }
    return answer;
  }
  v1::ClientFrame HelloOf(absl::string_view user) {
    v1::ClientFrame frame;
    frame.mutable_hello()->set_protocol_version(kProtocolVersion);
    frame.mutable_hello()->set_replica(DeviceOf(user).replica());
    return frame;
  }

  const LaterClock next_year_{absl::Hours(24 * 365)};  // outlives the server
  TestOrganization organization_;
};

using Administer = v1::Administration::Stub;

template <typename Request, typename Response>
grpc::StatusCode CodeOf(Administer& stub,
                        grpc::Status (Administer::*call)(grpc::ClientContext*, const Request&,
                                                         Response*)) {
  grpc::ClientContext context;
  Response response;
  return (stub.*call)(&context, Request(), &response).error_code();
}

TEST_F(TransportGuardTest, WithoutACertificateNothingIsAdministered) {
  Administer stub(OpenChannel(Nobody(), kPatience));
  constexpr grpc::StatusCode kRefused = grpc::StatusCode::UNAUTHENTICATED;
  EXPECT_EQ(CodeOf(stub, &Administer::Invite), kRefused);
  EXPECT_EQ(CodeOf(stub, &Administer::ListDevices), kRefused);
  EXPECT_EQ(CodeOf(stub, &Administer::RevokeDevice), kRefused);
  EXPECT_EQ(CodeOf(stub, &Administer::Grant), kRefused);
  EXPECT_EQ(CodeOf(stub, &Administer::RevokeGrant), kRefused);
  EXPECT_EQ(CodeOf(stub, &Administer::ListGrants), kRefused);
  EXPECT_EQ(CodeOf(stub, &Administer::Erase), kRefused);
  EXPECT_EQ(CodeOf(stub, &Administer::ListQuarantine), kRefused);
  EXPECT_EQ(CodeOf(stub, &Administer::ShowQuarantined), kRefused);
  EXPECT_EQ(CodeOf(stub, &Administer::ReleaseQuarantined), kRefused);
  grpc::ClientContext query_context;
  EXPECT_EQ(stub.Query(&query_context, v1::QueryRequest())->Finish().error_code(), kRefused);
  grpc::ClientContext backup_context;
  EXPECT_EQ(stub.Backup(&backup_context, v1::BackupRequest())->Finish().error_code(), kRefused);
}

TEST_F(TransportGuardTest, AQueryWithoutEndIsStoppedAndTheNextOneIsAnswered) {
  organization_.StopServer();
  QueryLimits limits;
  limits.time = absl::Seconds(2);
  organization_.StartServer(nullptr, SystemClock(), /*reflection=*/false, limits);
  std::vector<SqlRow> rows;
  const auto query = [&](absl::string_view sql) {
    return organization_.administration().Query(
        sql, {}, 0, [](absl::Span<const std::string> /*columns*/) { return absl::OkStatus(); },
        [&](SqlRow row) {
          rows.push_back(std::move(row));
          return absl::OkStatus();
        });
  };

  EXPECT_THAT(
      query(
          "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT count(*) FROM t"),
      StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("the query took longer than 2s")));
  EXPECT_THAT(rows, IsEmpty());
  EXPECT_OK(query("SELECT 1").status());
  EXPECT_THAT(rows, SizeIs(1));
}

TEST_F(TransportGuardTest, WithoutACertificateNoSessionBegins) {
  // Naming a device that exists makes no difference.
  ASSERT_OK_AND_ASSIGN(const v1::ServerFrame frame, Begin(Nobody(), DeviceOf("admin").replica()));
  EXPECT_EQ(frame.refused().reason(), v1::Refused::UNKNOWN_DEVICE) << frame.ShortDebugString();
}

TEST_F(TransportGuardTest, ACertificateSpeaksForItsOwnReplicaOnly) {
  const auto ana = organization_.NewDevice("ana", "organizer", kScope);
  ASSERT_OK_AND_ASSIGN(const v1::ServerFrame frame,
                       Begin(CredentialsOf("ana"), DeviceOf("admin").replica()));
  EXPECT_EQ(frame.refused().reason(), v1::Refused::WRONG_REPLICA) << frame.ShortDebugString();
}

TEST_F(TransportGuardTest, ACertificateOfAnotherOrganizationEndsInTheHandshake) {
  const CertificateAuthority other = *CertificateAuthority::Create("Otra");
  const SigningKey key = *SigningKey::Generate();
  const std::string replica = DeviceOf("admin").replica();
  const ReplicaId id = *ReplicaId::FromBytes(replica);
  ASSERT_OK_AND_ASSIGN(const std::string request, CreateRequest(key, id));
  ASSERT_OK_AND_ASSIGN(const std::string certificate, other.IssueDevice(request, id, "admin"));
  Credentials forged = Nobody();
  forged.certificate_pem = *CertificatePem(certificate);
  forged.private_key_pem = key.ToPem();

  EXPECT_FALSE(Begin(forged, replica).ok());
  Administer stub(OpenChannel(forged, kPatience));
  EXPECT_EQ(CodeOf(stub, &Administer::ListGrants), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(Begin(CredentialsOf("admin"), replica)->has_welcome());
}

TEST_F(TransportGuardTest, ALapsedLeaseIsToldAndRenewed) {
  const auto ana = organization_.NewDevice("ana", "organizer", kScope);
  const int64_t first_lease = DeviceOf("ana").lease_until_ms();
  organization_.StopServer();
  organization_.StartServer(nullptr, next_year_);

  ASSERT_OK_AND_ASSIGN(const v1::ServerFrame frame,
                       Begin(CredentialsOf("ana"), ana->replica_id().AsBytes()));
  EXPECT_EQ(frame.refused().reason(), v1::Refused::LEASE_EXPIRED) << frame.ShortDebugString();

  EXPECT_OK(ana->Sync({}));
  absl::StatusOr<std::optional<v1::DeviceRecord>> device =
      FindDevice(*organization_.server().organization().store, ana->replica_id());
  ASSERT_OK(device);
  EXPECT_GT((*device)->lease_until_ms(), first_lease);
  EXPECT_GT((*device)->lease_until_ms(), absl::ToUnixMillis(next_year_.Now()));
}

TEST_F(TransportGuardTest, OnlyTheDevicesOwnKeyRenewsAndNoRevokedOneDoes) {
  const auto ana = organization_.NewDevice("ana", "organizer", kScope);
  const v1::DeviceRecord device = DeviceOf("ana");
  const ReplicaId id = *ReplicaId::FromBytes(device.replica());
  const std::shared_ptr<Transport> transport = MakeGrpcTransport();
  v1::RenewRequest request;
  request.set_replica(device.replica());
  request.set_csr_der(*CreateRequest(*SigningKey::Generate(), id));
  EXPECT_THAT(transport->Renew(Nobody(), request), StatusIs(absl::StatusCode::kUnauthenticated));

  const Credentials own = CredentialsOf("ana");
  request.set_csr_der(*CreateRequest(*SigningKey::FromPem(own.private_key_pem), id));
  EXPECT_OK(transport->Renew(Nobody(), request));
  ASSERT_OK(organization_.administration().RevokeDevice(id));
  EXPECT_THAT(transport->Renew(Nobody(), request), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(TransportGuardTest, TheListOfServicesIsPublishedOnlyWhenItIsAskedFor) {
  constexpr char kAlpha[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
  constexpr char kV1[] = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  const Credentials admin = CredentialsOf("admin");
  for (const char* method : {kAlpha, kV1}) {
    const RawAnswer answer = CallRaw(admin, method, "");
    EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << method;
  }
  organization_.StopServer();
  organization_.StartServer(nullptr, SystemClock(), /*reflection=*/true);
  // The version that the packaged gRPC speaks.
  EXPECT_TRUE(CallRaw(admin, kAlpha, "").status.ok());
}

constexpr char kSession[] = "/brigada.v1.Sync/Session";

TEST_F(TransportGuardTest, AFirstFrameThatIsCutEndsTheSessionWithTheReason) {
  const std::string bytes = HelloOf("admin").SerializeAsString();
  const Credentials credentials = CredentialsOf("admin");
  // The length of the message says more than comes.
  const RawAnswer answer = CallRaw(credentials, kSession, bytes.substr(0, bytes.size() - 1));
  EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.frame.refused().reason(), v1::Refused::MALFORMED_FRAME);
  // What it takes is whether it can be read.
  EXPECT_TRUE(Begin(credentials, DeviceOf("admin").replica())->has_welcome());
}

TEST_F(TransportGuardTest, AFrameOverTheLimitIsNotTaken) {
  v1::ClientFrame hello = HelloOf("admin");
  hello.mutable_hello()->set_software(std::string(kMaxFrameBytes, 'x'));
  const RawAnswer answer = CallRaw(CredentialsOf("admin"), kSession, hello.SerializeAsString());
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

}  // namespace
}  // namespace brigada
