#include "server/divide.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/store/refusals.h"
#include "server/directory.h"

namespace brigada {

absl::Status CheckCopies(const AuthorityStore& store, const ReplicaId& replica) {
  ASSIGN_OR_RETURN(const std::vector<v1::DeviceRecord> devices, AllDevices(store));
  if (CountCopies(devices, replica) < kMaxCopiesPerDevice) return absl::OkStatus();
  Log(LogLevel::kWarning, "too_many_copies", {{"replica", replica.ToString()}});
  return absl::FailedPreconditionError(
      absl::StrCat("this device has ", kMaxCopiesPerDevice,
                   " copies already: an administrator has to revoke those that nobody uses"));
}

absl::Status EnrolCopy(AuthorityStore& store, const std::string& original,
                       const v1::DeviceRecord& copy) {
  ASSIGN_OR_RETURN(const ReplicaId replica, ReplicaId::FromBytes(copy.replica()));
  ASSIGN_OR_RETURN(const ReplicaId copied, ReplicaId::FromBytes(copy.copied_from()));
  ASSIGN_OR_RETURN(const std::optional<v1::DeviceRecord> known, FindDevice(store, replica));
  if (known.has_value()) {
    const bool is_same =
        known->public_key() == copy.public_key() && known->copied_from() == copy.copied_from();
    return is_same ? absl::OkStatus()
                   : absl::PermissionDeniedError("the new id is another device's");
  }
  RETURN_IF_ERROR(CheckCopies(store, copied));
  // With the original as it was read: a revocation in between stops it.
  DirectoryWrite unchanged{DirectoryKind::kDevice, copied.AsBytes(), original, std::nullopt};
  unchanged.expected.emplace(original);
  DirectoryWrite enrol{DirectoryKind::kDevice, copy.replica(), copy.SerializeAsString(),
                       std::nullopt};
  enrol.expected.emplace(std::nullopt);
  const std::vector<DirectoryWrite> writes = {std::move(unchanged), std::move(enrol)};
  const absl::Status written = store.WriteEntries(writes);
  if (absl::IsAborted(written))
    return absl::UnavailableError("the device changed at the same time; try again");
  return written;
}

absl::Status SettleWork(const ReplicaId& replica, LiveSessions* sessions, CommitQueue* queue,
                        absl::Duration patience) {
  if (!sessions->EndSessionsOf(replica, patience))
    return absl::UnavailableError("a session of this device has not ended yet; try again");
  return queue->WaitForAll(patience);
}

absl::StatusOr<std::vector<v1::SharedWork>> FindSharedWork(
    const AuthorityStore& store, const ReplicaId& replica,
    absl::Span<const v1::UnsentChain> unsent) {
  std::vector<v1::SharedWork> all;
  for (const v1::UnsentChain& of_partition : unsent) {
    v1::SharedWork shared;
    shared.set_partition(of_partition.partition());
    uint64_t sequence = of_partition.first();
    for (const std::string& chain : of_partition.chains()) {
      ASSIGN_OR_RETURN(const auto verdict,
                       store.FindVerdict(replica, of_partition.partition(), sequence));
      // Each value covers all before it: behind the first difference nothing is shared.
      if (!verdict.has_value() || verdict->chain() != chain) break;
      shared.set_last(sequence++);
      if (IsKeptOut(verdict->verdict())) *shared.add_refused() = verdict->verdict();
    }
    if (shared.last() != 0) all.push_back(std::move(shared));
  }
  return all;
}

}  // namespace brigada
