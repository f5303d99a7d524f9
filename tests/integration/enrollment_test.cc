// Enrolment over real TLS when an answer gets lost on the way, or the key does.
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "client_lib/grpc_transport.h"
#include "gtest/gtest.h"
#include "server/directory.h"
#include "tests/integration/people.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_organization.h"

namespace brigada {
namespace {

constexpr char kScope[] = "MX/20/067";
constexpr char kState[] = "MX/20";

// Delivers what the device sends and, of what the server says, the welcome: the link is gone when
// all is judged.
class DeafStream final : public FrameStream {
 public:
  explicit DeafStream(std::unique_ptr<FrameStream> stream) : stream_(std::move(stream)) {}

  absl::Status Send(const v1::ClientFrame& frame) override { return stream_->Send(frame); }
  absl::Status Receive(v1::ServerFrame* frame) override {
    for (;;) {
      const absl::Status status = stream_->Receive(frame);
      if (!status.ok() || frame->has_welcome() || frame->has_refused()) return status;
      if (frame->has_done()) return absl::UnavailableError("the link is gone");
    }
  }
  void CloseSending() override { stream_->CloseSending(); }
  void Close() override { stream_->Close(); }
  uint64_t bytes_sent() const override { return stream_->bytes_sent(); }
  uint64_t bytes_received() const override { return stream_->bytes_received(); }

 private:
  const std::unique_ptr<FrameStream> stream_;
};

struct BadLink {
  // So many first answers to an enrolment never arrive.
  int lost_answers = 0;
  // Sessions hear the welcome only.
  bool is_deaf = false;
  std::function<void(v1::EnrollRequest*)> forge = [](v1::EnrollRequest*) {};
  // The last answer.
  v1::EnrollResponse response = {};
};

// gRPC over a bad link.
class BadTransport final : public Transport {
 public:
  explicit BadTransport(BadLink* link) : link_(link) {}

  absl::StatusOr<std::unique_ptr<FrameStream>> Connect(const Credentials& credentials,
                                                       absl::Duration timeout) override {
    absl::StatusOr<std::unique_ptr<FrameStream>> stream = grpc_->Connect(credentials, timeout);
    if (!stream.ok() || !link_->is_deaf) return stream;
    return std::make_unique<DeafStream>(*std::move(stream));
  }
  absl::StatusOr<v1::EnrollResponse> Enroll(const Credentials& credentials,
                                            const v1::EnrollRequest& request) override {
    v1::EnrollRequest sent = request;
    link_->forge(&sent);
    absl::StatusOr<v1::EnrollResponse> response = grpc_->Enroll(credentials, sent);
    if (response.ok()) link_->response = *response;
    if (link_->lost_answers-- > 0) return absl::UnavailableError("the link is gone");
    return response;
  }
  absl::StatusOr<v1::EnrollResponse> Renew(const Credentials& credentials,
                                           const v1::RenewRequest& request) override {
    return grpc_->Renew(credentials, request);
  }

 private:
  const std::shared_ptr<Transport> grpc_ = MakeGrpcTransport();
  BadLink* const link_;
};

class EnrollmentTest : public ::testing::Test {
 protected:
  std::unique_ptr<Replica> Open(absl::string_view user) {
    Options options;
    options.path = organization_.DevicePath(user);
    options.transport = std::make_shared<BadTransport>(&link_);
    absl::StatusOr<std::unique_ptr<Replica>> replica = Replica::Open(options);
    EXPECT_OK(replica);
    return replica.ok() ? *std::move(replica) : nullptr;
  }
  std::string Invite(absl::string_view user) {
    return organization_.Invite(user, "organizer", kScope);
  }
  bool IsRevoked(const ReplicaId& id) {
    const absl::StatusOr<std::optional<v1::DeviceRecord>> device = FindDevice(store(), id);
    return device.ok() && device->has_value() && (*device)->revoked_ms() != 0;
  }
  AuthorityStore& store() { return *organization_.server().organization().store; }

  BadLink link_;  // outlives the replicas
  TestOrganization organization_;
};

TEST_F(EnrollmentTest, ALostAnswerCostsNoInvitation) {
  link_.lost_answers = 2;
  const std::string invitation = Invite("ana");
  const auto ana = Open("ana");
  EXPECT_THAT(ana->Enroll(invitation, "phone"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(ana->Enroll(invitation, "phone"), StatusIs(absl::StatusCode::kUnavailable));

  ASSERT_OK(ana->Enroll(invitation, "phone"));

  EXPECT_OK(ana->Sync({}));
  ASSERT_OK_AND_ASSIGN(const auto devices, organization_.administration().Devices());
  EXPECT_EQ(devices.size(), 2u);  // the administrator's and ana's
}

// Under the new id it would be another change set: an amount would be added again.
TEST_F(EnrollmentTest, WorkDeliveredBeforeTheKeyWasLostIsNotSentAgain) {
  auto ana = Open("ana");
  ASSERT_OK(ana->Enroll(Invite("ana"), "phone"));
  ASSERT_OK_AND_ASSIGN(const RecordId delivered, ana->Create(At(kScope), Named("Rosa")));
  link_.is_deaf = true;
  EXPECT_FALSE(ana->Sync({}).ok());
  link_.is_deaf = false;
  ASSERT_OK_AND_ASSIGN(const RecordId unsent, ana->Create(At(kScope), Named("Eva")));
  const ReplicaId before = ana->replica_id();
  ana.reset();
  std::filesystem::remove(organization_.DevicePath("ana") + "/device.key");
  ana = Open("ana");
  // And the answer that tells gets lost once.
  link_.lost_answers = 1;
  const std::string invitation = Invite("ana");
  EXPECT_FALSE(ana->Enroll(invitation, "phone").ok());

  ASSERT_OK(ana->Enroll(invitation, "phone"));

  EXPECT_EQ(ana->GetSyncStatus().pending, 1u);
  ASSERT_OK(ana->Sync({}));
  EXPECT_EQ(ana->GetSyncStatus().pending, 0u);
  EXPECT_EQ(ana->GetSyncStatus().rejected, 0u);
  EXPECT_OK(ana->Get<v1::Person>(delivered));
  EXPECT_OK(ana->Get<v1::Person>(unsent));
  ASSERT_NE(ana->replica_id(), before);
  ASSERT_OK_AND_ASSIGN(const auto first, store().FindVerdict(before, kState, 1));
  EXPECT_TRUE(first.has_value());
  ASSERT_OK_AND_ASSIGN(const auto again, store().FindVerdict(ana->replica_id(), kState, 1));
  EXPECT_FALSE(again.has_value());
  ASSERT_OK_AND_ASSIGN(const auto second, store().FindVerdict(ana->replica_id(), kState, 2));
  EXPECT_TRUE(second.has_value());
  EXPECT_TRUE(IsRevoked(before));
}

TEST_F(EnrollmentTest, TheDeviceOfAnotherUserIsNeitherToldOfNorReplaced) {
  const auto ana = organization_.NewDevice("ana", "organizer", kScope);
  ASSERT_OK(ana->Create(At(kScope), Named("Rosa")));
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK_AND_ASSIGN(const std::string chain, store().LastChain(ana->replica_id(), kState));
  link_.forge = [&](v1::EnrollRequest* request) {
    request->set_previous_replica(ana->replica_id().AsBytes());
    v1::UnsentChain* const unsent = request->add_unsent();
    unsent->set_partition(kState);
    unsent->set_first(1);
    unsent->add_chains(chain);
  };

  ASSERT_OK(Open("beto")->Enroll(Invite("beto"), "phone"));

  EXPECT_EQ(link_.response.shared_size(), 0);
  EXPECT_FALSE(IsRevoked(ana->replica_id()));
  EXPECT_OK(ana->Sync({}));
}

}  // namespace
}  // namespace brigada
