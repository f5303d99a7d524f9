#include "client_lib/judged_list.h"

#include <algorithm>
#include <utility>

#include "replica/base/hlc.h"
#include "replica/base/status_macros.h"

namespace brigada {
namespace {

constexpr size_t kPageBytes = size_t{1} << 20;

absl::StatusOr<JudgedChangeSet> Describe(const v1::ChangeSet& change_set,
                                         const v1::Verdict& verdict) {
  v1::ChangeSetHeader header;
  JudgedChangeSet judged;
  if (!header.ParseFromString(change_set.header()) ||
      !judged.content.ParseFromString(change_set.body())) {
    return absl::DataLossError("a retained change set is damaged");
  }
  judged.partition = header.partition();
  judged.sequence = header.sequence();
  judged.made_at = Hlc{header.stamp()}.ToTime();
  judged.verdict = verdict;
  return judged;
}

}  // namespace

std::map<std::string, uint64_t> JudgedUpTo(const DeviceStore& store) {
  std::map<std::string, uint64_t> judged;
  for (const std::string& partition : store.Partitions()) {
    const v1::OutboxHead head = store.Head(partition);
    if (head.sequence() > 0) judged[partition] = head.confirmed();
  }
  return judged;
}

absl::Status VisitJudged(const DeviceStore& store, const std::map<std::string, uint64_t>& after,
                         absl::FunctionRef<absl::Status(const JudgedChangeSet&)> visit) {
  for (const auto& [partition, last] : JudgedUpTo(store)) {
    const auto found = after.find(partition);
    uint64_t next = found == after.end() ? 1 : found->second + 1;
    while (next <= last) {
      ASSIGN_OR_RETURN(const OutboxPage page, store.ReadOutbox(partition, next, kPageBytes));
      for (size_t i = 0; i < page.redelivered.size(); ++i) {
        ASSIGN_OR_RETURN(const JudgedChangeSet judged,
                         Describe(page.change_sets[i], page.redelivered[i].verdict()));
        RETURN_IF_ERROR(visit(judged));
      }
      if (page.end || page.last_sequence == 0) break;
      next = page.last_sequence + 1;
    }
  }
  return absl::OkStatus();
}

void DescribeRetained(const DeviceStore& store, const DeviceStoreOptions& options,
                      SyncStatus* status) {
  status->retained_bytes_max = options.retained_bytes_max;
  status->retained_for = options.retained_for;
  for (const std::string& partition : store.Partitions()) {
    const v1::OutboxHead head = store.Head(partition);
    if (head.retained_from() == 0 || head.retained_from() > head.confirmed()) continue;
    status->retained += head.confirmed() - head.retained_from() + 1;
    status->retained_bytes += head.retained_bytes();
  }
}

}  // namespace brigada
