// A server whose store fails: what health, devices and administrators see, over real TLS.
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "brigada/v1/person.pb.h"
#include "client_lib/channel.h"
#include "gmock/gmock.h"
#include "grpcpp/generic/generic_stub.h"
#include "gtest/gtest.h"
#include "replica/crypto/secret_file.h"
#include "tests/support/faulty_authority_store.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_organization.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;

// HealthCheckResponse.status: 1 SERVING, 2 NOT_SERVING; -1 when there is no answer.
int HealthOf(const TestOrganization& organization) {
  Credentials credentials;
  credentials.server = absl::StrCat("127.0.0.1:", organization.port());
  credentials.ca_pem = *ReadSecretFile(organization.scratch() / "server/ca.pem", 65536);
  grpc::GenericStub stub(OpenChannel(credentials, absl::Seconds(10)));
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  // A buffer without a slice is no message; an empty message has an empty one.
  const grpc::Slice empty;
  const grpc::ByteBuffer request(&empty, 1);
  const auto call =
      stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", request, &queue);
  grpc::ByteBuffer reply;
  grpc::Status status;
  call->StartCall();
  call->Finish(&reply, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  grpc::Slice bytes;
  if (!status.ok() || !reply.DumpToSingleSlice(&bytes).ok() || bytes.size() != 2) return -1;
  return bytes.begin()[1];
}

TEST(StoreFailureTest, AFailedStoreTurnsHealthAndSendsDevicesAway) {
  FaultyAuthorityStore* store = nullptr;
  TestOrganization organization;
  const auto ana = organization.NewDevice("ana", "organizer", "MX/20/067");
  organization.StopServer();
  organization.StartServer([&](std::unique_ptr<AuthorityStore> real) {
    auto faulty = std::make_unique<FaultyAuthorityStore>(std::move(real));
    store = faulty.get();
    return faulty;
  });
  ASSERT_OK(ana->Sync({}));
  EXPECT_EQ(HealthOf(organization), 1);
  v1::Person person;
  person.mutable_name()->set_given_names("Ana");
  ASSERT_OK(ana->Create(*Scope::Parse("MX/20/067"), person));

  store->Break();

  EXPECT_THAT(ana->Sync({}), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("operator")));
  // The server looks once a second.
  int health = 1;
  while (health == 1) health = HealthOf(organization);
  EXPECT_EQ(health, 2);
  // Also without anything to push, and the work is kept.
  EXPECT_THAT(ana->Sync({}), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("operator")));
  EXPECT_EQ(ana->GetSyncStatus().pending, 1u);
  organization.StopServer();
  organization.StartServer();
  EXPECT_OK(ana->Sync({}));
  EXPECT_EQ(ana->GetSyncStatus().pending, 0u);
}

TEST(StoreFailureTest, AServerThatStopsWaitsForNoBackup) {
  TestOrganization organization;
  organization.StopServer();
  organization.StartServer([](std::unique_ptr<AuthorityStore> real) {
    auto endless = std::make_unique<FaultyAuthorityStore>(std::move(real));
    endless->MakeCopiesEndless();
    return endless;
  });
  std::promise<void> begun;
  std::once_flag once;
  absl::Status backup;
  std::thread administrator([&] {
    backup =
        organization.administration()
            .Backup("endless", [&](uint64_t) { std::call_once(once, [&] { begun.set_value(); }); })
            .status();
  });
  begun.get_future().wait();

  organization.StopServer();

  administrator.join();
  EXPECT_THAT(backup, StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace brigada
