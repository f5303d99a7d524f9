#include "server/session_host.h"

#include <algorithm>
#include <utility>

#include "replica/base/status_macros.h"
#include "replica/store/sealed_body.h"
#include "replica/sync/cursor_check.h"
#include "server/backups.h"
#include "server/directory.h"
#include "server/roles.h"
#include "server/turn_away.h"

namespace brigada {
namespace {

std::string DigestOf(const std::vector<v1::GrantRecord>& grants) {
  std::string digest;
  for (const v1::GrantRecord& grant : grants) digest += grant.SerializeAsString() + ";";
  return digest;
}

v1::GrantInfo InfoOf(const v1::GrantRecord& grant) {
  v1::GrantInfo info;
  info.set_id(grant.id());
  info.set_role(grant.role());
  *info.mutable_scopes() = grant.scopes();
  info.set_from_ms(grant.from_ms());
  info.set_until_ms(grant.until_ms());
  const absl::StatusOr<Role> role = ParseRole(grant.role());
  if (!role.ok()) return info;
  info.set_writes_any_type(MayWrite(*role, nullptr));
  for (const RecordType* type : Registry::BuiltIn().types()) {
    if (!info.writes_any_type() && MayWrite(*role, type)) info.add_writable_types(type->type_id());
  }
  return info;
}

// The next moment at which the lease or a grant ends, or a grant begins.
absl::Time JudgedUntil(const v1::DeviceRecord& device, const std::vector<v1::GrantRecord>& grants,
                       absl::Time now) {
  absl::Time until = absl::FromUnixMillis(device.lease_until_ms());
  for (const v1::GrantRecord& grant : grants) {
    for (const int64_t ms : {grant.from_ms(), grant.until_ms()}) {
      if (ms != 0 && absl::FromUnixMillis(ms) > now)
        until = std::min(until, absl::FromUnixMillis(ms));
    }
  }
  return until;
}

}  // namespace

SessionHost::SessionHost(SessionSurroundings surroundings, const ReplicaId& certificate_replica)
    : around_(std::move(surroundings)), replica_(certificate_replica) {}

absl::StatusOr<PeerIdentity> SessionHost::Identify(const v1::Hello& hello, v1::Refused* refused) {
  const AuthorityStore& store = *around_.store;
  const absl::Time now = around_.clock->Now();
  const auto refuse = [&](v1::Refused::Reason reason, absl::string_view detail) {
    refused->set_reason(reason);
    refused->set_detail(std::string(detail));
    return absl::PermissionDeniedError(detail);
  };
  if (replica_.is_zero()) {
    return refuse(v1::Refused::UNKNOWN_DEVICE, "no client certificate: enrol this device first");
  }
  if (hello.replica() != replica_.bytes()) {
    return refuse(v1::Refused::WRONG_REPLICA, "the certificate belongs to another replica");
  }
  ASSIGN_OR_RETURN(const std::optional<v1::DeviceRecord> device, FindDevice(store, replica_));
  if (!device.has_value())
    return refuse(v1::Refused::UNKNOWN_DEVICE, "this device is not enrolled here");
  if (device->revoked_ms() != 0)
    return refuse(v1::Refused::REVOKED, "an administrator revoked this device");
  if (absl::ToUnixMillis(now) >= device->lease_until_ms()) {
    return refuse(v1::Refused::LEASE_EXPIRED, "the lease of this device has expired: renew it");
  }
  ASSIGN_OR_RETURN(const std::vector<v1::GrantRecord> grants, GrantsOf(store, device->user()));
  PeerIdentity identity;
  identity.replica = replica_;
  identity.user = device->user();
  identity.feeds = FeedsOf(grants, now);
  if (around_.on_feeds) around_.on_feeds(identity.feeds);
  identity.receipt = device->receipt();
  identity.revocation = LastRevocation(grants);
  for (const v1::GrantRecord& grant : grants) {
    if (InForce(grant, now)) identity.grants.push_back(InfoOf(grant));
  }
  ASSIGN_OR_RETURN(identity.covered, CoveredByBackups(store, now));
  user_ = device->user();
  public_key_ = device->public_key();
  device_time_ms_ = hello.device_time_ms();
  software_ = SoftwareName(hello.software());
  grants_digest_ = DigestOf(grants);
  judged_until_ = JudgedUntil(*device, grants, now);
  identified_ = true;
  return identity;
}

absl::Status SessionHost::VerifySignature(const ReplicaId& /*replica*/, absl::string_view chain,
                                          absl::string_view signature) {
  return around_.verify(public_key_, chain, signature);
}

absl::Status SessionHost::SubmitPush(PushRequest* push) {
  push->open_sealed = [key = around_.seal_key](v1::ChangeSet* set) { return OpenBody(*key, set); };
  absl::Status status = around_.submit(push);
  is_turned_away_ = absl::IsResourceExhausted(status);
  if (status.ok()) ++in_flight_;
  return status;
}

std::optional<v1::Refused> SessionHost::AfterPush(const PushResult& result) {
  --in_flight_;
  if (!result.status.ok() && !around_.store->Health().ok()) return StoreStopped(replica_);
  if (absl::IsResourceExhausted(result.status)) return DiskIsFull(replica_);
  return std::nullopt;
}

std::optional<v1::Refused> SessionHost::RightsGone() {
  const AuthorityStore& store = *around_.store;
  const absl::Time now = around_.clock->Now();
  const auto grants = GrantsOf(store, user_);
  const auto device = FindDevice(store, replica_);
  const bool holds = now < judged_until_ && grants.ok() && DigestOf(*grants) == grants_digest_ &&
                     device.ok() && device->has_value() && (*device)->revoked_ms() == 0;
  if (holds) return std::nullopt;
  return RightsEnded(replica_);
}

absl::Status SessionHost::NoteReceipt(const v1::Receipt& receipt) {
  const int64_t now_ms = absl::ToUnixMillis(around_.clock->Now());
  return EditDevice(*around_.store, replica_, [&](v1::DeviceRecord& device) {
    if (receipt.number() <= device.receipt()) return;
    device.set_receipt(receipt.number());
    device.clear_purged_scopes();
    for (const v1::Feed& feed : receipt.feeds()) device.add_purged_scopes(feed.scope());
    device.set_purged_ms(now_ms);
  });
}

void SessionHost::DoubtSums(const std::string& partition) {
  if (around_.on_doubted_sums) around_.on_doubted_sums(partition);
}

absl::Status SessionHost::BeginEpoch(const Epoch& lost_epoch, const Run& lost_run, absl::Time now) {
  RETURN_IF_ERROR(around_.store->BeginEpoch(lost_epoch, lost_run, now));
  return around_.on_new_epoch ? around_.on_new_epoch() : absl::OkStatus();
}

std::string SessionHost::SignCursor(const ReplicaId& replica, const v1::Cursor& cursor) {
  const std::string covered = CursorMacInput(replica, cursor);
  return ComputeMac(*around_.cursor_key, {"cursor", covered});
}

}  // namespace brigada
