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
#include "server/tended_server.h"
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

// Too short to wait for a server that asks to come back.
SyncOptions Impatient() {
  SyncOptions options;
  options.deadline = absl::Seconds(10);
  return options;
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

  EXPECT_THAT(ana->Sync(Impatient()),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("opened again")));
  // The server looks once a second.
  int health = 1;
  while (health == 1) health = HealthOf(organization);
  EXPECT_EQ(health, 2);
  // Also without anything to push, and the work is kept.
  EXPECT_THAT(ana->Sync(Impatient()),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("opened again")));
  EXPECT_EQ(ana->GetSyncStatus().pending, 1u);
  organization.StopServer();
  organization.StartServer();
  EXPECT_OK(ana->Sync({}));
  EXPECT_EQ(ana->GetSyncStatus().pending, 0u);
}

// A tended server in the place of the organization's own. Opening goes as the test says.
class TendedServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ana_ = organization_.NewDevice("ana", "organizer", "MX/20/067");
    organization_.StopServer();
    ServerOptions options;
    options.listen = absl::StrCat("127.0.0.1:", organization_.port());
    TendingOptions tending;
    tending.backoff_min = tending.backoff_max = absl::ZeroDuration();
    tending.max_failures = 4;
    ASSERT_OK_AND_ASSIGN(server_, TendedServer::Start([this] { return Open(); }, options, tending,
                                                      SystemClock(), SystemRandom()));
  }
  void TearDown() override { server_->Shutdown(absl::Seconds(5)); }

  absl::StatusOr<std::unique_ptr<Organization>> Open() {
    ++opened_;
    if (!opening_.ok()) return opening_;
    auto organization =
        OpenOrganization(organization_.scratch() / "server", SystemClock(), SystemRandom());
    if (!organization.ok()) return organization;
    auto faulty = std::make_unique<FaultyAuthorityStore>(std::move((*organization)->store));
    store_ = faulty.get();
    (*organization)->store = std::move(faulty);
    return organization;
  }
  void MakePerson() {
    v1::Person person;
    person.mutable_name()->set_given_names("Ana");
    ASSERT_OK(ana_->Create(*Scope::Parse("MX/20/067"), person));
  }

  TestOrganization organization_;
  std::unique_ptr<Replica> ana_;
  absl::Status opening_;
  int opened_ = 0;
  FaultyAuthorityStore* store_ = nullptr;
  std::unique_ptr<TendedServer> server_;
};

TEST_F(TendedServerTest, AStoreThatFailedIsOpenedAgainAndEverythingArrives) {
  MakePerson();
  store_->Break();
  EXPECT_FALSE(ana_->Sync(Impatient()).ok());

  EXPECT_OK(server_->Tend());

  EXPECT_EQ(opened_, 2);
  EXPECT_EQ(HealthOf(organization_), 1);
  EXPECT_OK(ana_->Sync({}));
  EXPECT_EQ(ana_->GetSyncStatus().pending, 0u);
  EXPECT_OK(server_->Tend());
  EXPECT_EQ(opened_, 2);
}

TEST_F(TendedServerTest, WhileTheStoreCannotBeOpenedHealthSaysSoAndDevicesComeBack) {
  MakePerson();
  store_->Break();
  opening_ = absl::UnavailableError("the disk fails");
  for (int i = 0; i < 2; ++i) {
    EXPECT_OK(server_->Tend());
    EXPECT_EQ(server_->server(), nullptr);
    EXPECT_EQ(HealthOf(organization_), 2);
    EXPECT_THAT(ana_->Sync({}), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("come back")));
  }
  opening_ = absl::OkStatus();

  EXPECT_OK(server_->Tend());

  EXPECT_EQ(HealthOf(organization_), 1);
  EXPECT_OK(ana_->Sync({}));
  EXPECT_EQ(ana_->GetSyncStatus().pending, 0u);
}

TEST_F(TendedServerTest, AStoreThatFailsWhileItIsOpenedIsTriedAgain) {
  store_->Break();
  opening_ = absl::FailedPreconditionError("the store takes no writes since one failed");
  EXPECT_OK(server_->Tend());
  opening_ = absl::OkStatus();

  EXPECT_OK(server_->Tend());

  EXPECT_OK(ana_->Sync({}));
}

TEST_F(TendedServerTest, AFullDiskIsWaitedForHoweverLong) {
  store_->Break();
  opening_ = absl::ResourceExhaustedError("the disk is full");
  for (int i = 0; i < 20; ++i) EXPECT_OK(server_->Tend());
  opening_ = absl::OkStatus();

  EXPECT_OK(server_->Tend());

  EXPECT_OK(ana_->Sync({}));
}

TEST_F(TendedServerTest, AStoreThatFailsAgainAndAgainIsGivenUp) {
  absl::Status end;
  int failures = 0;
  for (; end.ok() && failures < 10; ++failures) {
    store_->Break();
    end = server_->Tend();
  }

  EXPECT_THAT(end, StatusIs(absl::StatusCode::kInternal, HasSubstr("the store is read-only")));
  EXPECT_EQ(failures, 4);
  EXPECT_EQ(server_->server(), nullptr);
}

TEST_F(TendedServerTest, DamagedFilesAreNotOpenedASecondTime) {
  store_->Break();
  opening_ = absl::DataLossError("a checksum failed");

  EXPECT_THAT(server_->Tend(), StatusIs(absl::StatusCode::kDataLoss));

  EXPECT_EQ(opened_, 2);
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
