#include "server/divide.h"

#include <utility>

#include "replica/base/status_macros.h"

namespace brigada {

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
