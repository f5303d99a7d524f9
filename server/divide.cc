#include "server/divide.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
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
      const v1::Outcome outcome = verdict->verdict().outcome();
      if (outcome == v1::REJECTED || outcome == v1::QUARANTINED)
        *shared.add_refused() = verdict->verdict();
    }
    if (shared.last() != 0) all.push_back(std::move(shared));
  }
  return all;
}

}  // namespace brigada
