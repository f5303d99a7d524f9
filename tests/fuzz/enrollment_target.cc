// Who asks for a certificate and says anything: it is answered or refused, nobody gets one without
// a code or a key that is known, and the directory stays one that can be read.
#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replica/base/check.h"
#include "replica/crypto/certificate.h"
#include "replica/crypto/certificate_request.h"
#include "replica/crypto/signing_key.h"
#include "replica/store/kv_authority_store.h"
#include "replica/store/memory_kv.h"
#include "server/directory.h"
#include "server/enrollment_desk.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/fuzz_world.h"
#include "tests/fuzz/row_world.h"
#include "tests/support/fake_clock.h"
#include "tests/support/lent_kv.h"

namespace brigada {
namespace {

constexpr int kMaxEvents = 12;
constexpr size_t kKeys = 3;
constexpr size_t kInvitations = 3;

// Made once: keys take longer than all else here.
const std::array<SigningKey, kKeys>& Keys() {
  static const std::array<SigningKey, kKeys>& keys = *new std::array<SigningKey, kKeys>{
      *SigningKey::Generate(), *SigningKey::Generate(), *SigningKey::Generate()};
  return keys;
}

// Its store is another one for each input.
Organization& TheOrganization() {
  static Organization& organization = *[] {
    SeededRandom random(11);
    return new Organization{.directory = "",
                            .public_address = "localhost:7443",
                            .authority = *CertificateAuthority::Create("Brigada"),
                            .server_certificate_pem = "",
                            .server_key_pem = "",
                            .cursor_key = MacKey::Generate(random),
                            .seal_key = SealKey::DerivedFrom(MacKey::Generate(random)),
                            .journal = nullptr,
                            .store = nullptr};
  }();
  return organization;
}

class Desk {
 public:
  Desk() {
    AuthorityStoreOptions options;
    options.registry = &FuzzRegistry();
    options.random = &random_;
    options.now = clock_.Now();
    const auto disk = std::shared_ptr<Kv>(NewMemoryKv());
    CopyDisk(TheRowWorld().server, disk);
    organization_.store = *OpenAuthorityStore(std::make_unique<LentKv>(disk), options);
    for (size_t i = 0; i < kInvitations; ++i) {
      v1::InvitationRecord invitation;
      invitation.set_user(i == 0 ? "eva" : "luz");
      invitation.set_expires_ms(absl::ToUnixMillis(clock_.Now() + absl::Hours(24)));
      codes_.push_back(*AddInvitation(*organization_.store, invitation, clock_.Now(), random_));
    }
    queue_.emplace(organization_.store.get(), &clock_, CommitQueueOptions(),
                   [](const std::vector<std::string>&) {});
    desk_.emplace(&organization_, &sessions_, &*queue_, &clock_);
  }
  ~Desk() {
    queue_.reset();
    organization_.store.reset();
  }
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  void Take(const fuzz::EnrollmentEvent& event) {
    clock_.Advance(absl::Hours(event.hours() % 1000));
    if (event.revokes()) Revoke(ReplicaOf(event));
    if (event.has_enroll()) Enroll(event);
    if (event.has_renew()) Renew(event);
    if (event.has_divide()) Divide(event);
  }

  // Every device has a user who was invited, and its own key.
  void End() {
    const auto devices = AllDevices(*organization_.store);
    CHECK(devices.ok());
    for (const v1::DeviceRecord& device : *devices) {
      CHECK(ReplicaId::FromBytes(device.replica()).ok());
      CHECK(device.user() == "eva" || device.user() == "luz" || device.user() == "ana");
      CHECK(CountCopies(*devices, *ReplicaId::FromBytes(device.replica())) <= devices->size());
    }
  }

 private:
  static ReplicaId ReplicaOf(const fuzz::EnrollmentEvent& event) {
    return FuzzReplica(static_cast<char>('a' + event.replica() % 6));
  }
  static const SigningKey& KeyOf(const fuzz::EnrollmentEvent& event) {
    return Keys()[event.key() % kKeys];
  }
  static std::string RequestFor(const fuzz::EnrollmentEvent& event, const ReplicaId& replica) {
    return *CreateRequest(KeyOf(event), replica);
  }

  void Revoke(const ReplicaId& replica) {
    const absl::Status revoked = EditDevice(
        *organization_.store, replica,
        [&](v1::DeviceRecord& device) { device.set_revoked_ms(absl::ToUnixMillis(clock_.Now())); });
    CHECK(revoked.ok() || absl::IsNotFound(revoked));
  }
  bool IsRevoked(const ReplicaId& replica) {
    const auto device = FindDevice(*organization_.store, replica);
    CHECK(device.ok());
    return device->has_value() && (*device)->revoked_ms() != 0;
  }
  // Whoever gets a certificate gets one of this replica and key, and a lease.
  void CheckAnswer(const v1::EnrollResponse& response, const ReplicaId& replica,
                   const std::string& csr_der) {
    const auto named = ReplicaIdOfCertificate(response.certificate_der());
    CHECK(named.ok() && *named == replica);
    CHECK(*PublicKeyOfCertificate(response.certificate_der()) ==
          ReadRequest(csr_der)->public_key_der);
    CHECK(response.user() == UserOfCertificate(response.certificate_der()).value_or("?"));
  }

  void Enroll(const fuzz::EnrollmentEvent& event) {
    v1::EnrollRequest request = event.enroll();
    if (!event.as_is()) {
      request.set_code(codes_[event.invitation() % kInvitations]);
      request.set_replica(ReplicaOf(event).AsBytes());
      request.set_csr_der(RequestFor(event, ReplicaOf(event)));
    }
    const auto replica = ReplicaId::FromBytes(request.replica());
    const bool was_revoked = replica.ok() && IsRevoked(*replica);
    v1::EnrollResponse response;
    if (!Answers(desk_->Enroll(request, &response))) return;
    CHECK(std::find(codes_.begin(), codes_.end(), request.code()) != codes_.end());
    CHECK(!was_revoked);
    CheckAnswer(response, *replica, request.csr_der());
    CheckShared(request.unsent(), response.shared());
  }
  void Renew(const fuzz::EnrollmentEvent& event) {
    v1::RenewRequest request = event.renew();
    if (!event.as_is()) {
      request.set_replica(ReplicaOf(event).AsBytes());
      request.set_csr_der(RequestFor(event, ReplicaOf(event)));
    }
    v1::EnrollResponse response;
    if (!Answers(desk_->Renew(request, &response))) return;
    const ReplicaId replica = *ReplicaId::FromBytes(request.replica());
    CHECK(!IsRevoked(replica));
    CheckAnswer(response, replica, request.csr_der());
  }
  void Divide(const fuzz::EnrollmentEvent& event) {
    v1::DivideRequest request = event.divide();
    if (!event.as_is()) {
      request.set_replica(ReplicaOf(event).AsBytes());
      const auto copy = ReplicaId::FromBytes(request.new_replica());
      if (!copy.ok()) request.set_new_replica(FuzzReplica('f').AsBytes());
      const auto made = CreateRequest(KeyOf(event), *ReplicaId::FromBytes(request.new_replica()));
      if (made.ok()) request.set_csr_der(*made);
    }
    v1::DivideResponse response;
    if (!Answers(desk_->Divide(ReplicaOf(event), request, &response))) return;
    CHECK(request.replica() == ReplicaOf(event).bytes());
    CHECK(!IsRevoked(ReplicaOf(event)));
    CheckAnswer(response.enrolled(), *ReplicaId::FromBytes(request.new_replica()),
                request.csr_der());
    CheckShared(request.unsent(), response.shared());
  }
  // Nothing is said of work that was not asked for.
  static void CheckShared(const google::protobuf::RepeatedPtrField<v1::UnsentChain>& unsent,
                          const google::protobuf::RepeatedPtrField<v1::SharedWork>& shared) {
    CHECK(shared.size() <= unsent.size());
    for (const v1::SharedWork& work : shared) {
      CHECK(std::any_of(unsent.begin(), unsent.end(), [&](const v1::UnsentChain& chain) {
        return chain.partition() == work.partition() && work.last() >= chain.first() &&
               work.last() - chain.first() < static_cast<uint64_t>(chain.chains_size());
      }));
    }
  }

  FakeClock clock_;
  SeededRandom random_{13};
  Organization& organization_ = TheOrganization();
  std::vector<std::string> codes_;
  LiveSessions sessions_{AdmissionLimits(), &clock_};
  std::optional<CommitQueue> queue_;
  std::optional<EnrollmentDesk> desk_;
};

}  // namespace

void FuzzEnrollment(absl::string_view input) {
  // Over bytes, as requests come: texts are UTF-8 then.
  fuzz::EnrollmentScript written, script;
  if (!ParseScript(input, &written) || !script.ParseFromString(written.SerializeAsString())) return;
  Desk desk;
  for (int i = 0; i < std::min(script.events_size(), kMaxEvents); ++i) desk.Take(script.events(i));
  desk.End();
}

}  // namespace brigada
