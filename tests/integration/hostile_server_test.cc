// A server that is the organization's but does not keep to the rules of the wire.
#include <string>

#include "absl/strings/str_cat.h"
#include "brigada/v1/enrollment_service.grpc.pb.h"
#include "client_lib/channel.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "replica/crypto/certificate_authority.h"
#include "replica/crypto/signing_key.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

// Answers compressed by gRPC, which inflates before it checks sizes.
class GzipEnrollment final : public v1::Enrollment::Service {
  grpc::Status Enroll(grpc::ServerContext* context, const v1::EnrollRequest* /*request*/,
                      v1::EnrollResponse* response) override {
    context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
    response->set_organization(std::string(size_t{1} << 20, 'a'));
    return grpc::Status::OK;
  }
};

TEST(HostileServerTest, ACompressedMessageIsRefusedUnread) {
  const CertificateAuthority authority = *CertificateAuthority::Create("Prueba");
  const SigningKey key = *SigningKey::Generate();
  const std::string names[] = {"127.0.0.1"};
  grpc::SslServerCredentialsOptions tls;
  tls.pem_key_cert_pairs.push_back(
      {key.ToPem(), *authority.IssueServer(key.PublicKeyDer(), names)});
  GzipEnrollment service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(tls), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  Credentials credentials;
  credentials.server = absl::StrCat("127.0.0.1:", port);
  credentials.ca_pem = authority.certificate_pem();
  const auto stub = v1::Enrollment::NewStub(OpenChannel(credentials, absl::Seconds(10)));
  grpc::ClientContext context;
  v1::EnrollResponse response;

  const grpc::Status status = stub->Enroll(&context, v1::EnrollRequest(), &response);

  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
  EXPECT_TRUE(response.organization().empty());
}

}  // namespace
}  // namespace brigada
