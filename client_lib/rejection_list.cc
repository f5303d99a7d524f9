#include "client_lib/rejection_list.h"

#include <algorithm>
#include <utility>

#include "replica/base/status_macros.h"
#include "replica/store/created_records.h"
#include "replica/store/refusals.h"

namespace brigada {
namespace {

absl::StatusOr<Rejection> Describe(const v1::RejectedChangeSet& entry) {
  v1::ChangeSetHeader header;
  Rejection rejection;
  if (!header.ParseFromString(entry.change_set().header()) ||
      !rejection.content.ParseFromString(entry.change_set().body())) {
    return absl::DataLossError("an entry of the rejected list is damaged");
  }
  const auto& refusals = entry.verdict().refusals();
  rejection.partition = header.partition();
  rejection.sequence = header.sequence();
  rejection.retry_of = header.retry_of().sequence();
  rejection.waits_for_record = WaitsForRecords(entry.verdict());
  rejection.waits_for_grant =
      !refusals.empty() && std::all_of(refusals.begin(), refusals.end(), IsOfGrants);
  rejection.refused_at = absl::FromUnixMillis(entry.refused_at_ms());
  rejection.reasons.assign(refusals.begin(), refusals.end());
  return rejection;
}

}  // namespace

absl::StatusOr<std::vector<Rejection>> DescribeRejections(
    const std::vector<v1::RejectedChangeSet>& stored) {
  std::vector<Rejection> result;
  result.reserve(stored.size());
  CreatedRecords created;
  for (const v1::RejectedChangeSet& entry : stored) {
    ASSIGN_OR_RETURN(Rejection rejection, Describe(entry));
    if (!result.empty() && result.back().partition != rejection.partition) created.Clear();
    rejection.depends_on = created.FirstConcerned(rejection.content);
    created.Add(rejection.content, rejection.sequence);
    result.push_back(std::move(rejection));
  }
  return result;
}

}  // namespace brigada
