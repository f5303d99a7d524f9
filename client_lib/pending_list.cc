#include "client_lib/pending_list.h"

#include <string>

#include "replica/base/hlc.h"
#include "replica/base/status_macros.h"

namespace brigada {
namespace {

constexpr size_t kPageBytes = size_t{1} << 20;

absl::StatusOr<PendingChangeSet> Describe(const v1::ChangeSet& change_set) {
  v1::ChangeSetHeader header;
  PendingChangeSet pending;
  if (!header.ParseFromString(change_set.header()) ||
      !pending.content.ParseFromString(change_set.body())) {
    return absl::DataLossError("an entry of the outbox is damaged");
  }
  pending.partition = header.partition();
  pending.sequence = header.sequence();
  pending.made_at = Hlc{header.stamp()}.ToTime();
  return pending;
}

}  // namespace

absl::Status VisitOutbox(const DeviceStore& store,
                         absl::FunctionRef<absl::Status(const PendingChangeSet&)> visit) {
  for (const std::string& partition : store.Partitions()) {
    const v1::OutboxHead head = store.Head(partition);
    uint64_t next = head.confirmed() + 1;
    while (next <= head.sequence()) {
      ASSIGN_OR_RETURN(const OutboxPage page, store.ReadOutbox(partition, next, kPageBytes));
      for (const v1::ChangeSet& change_set : page.change_sets) {
        ASSIGN_OR_RETURN(const PendingChangeSet pending, Describe(change_set));
        RETURN_IF_ERROR(visit(pending));
      }
      if (page.end || page.last_sequence == 0) break;
      next = page.last_sequence + 1;
    }
  }
  return absl::OkStatus();
}

}  // namespace brigada
