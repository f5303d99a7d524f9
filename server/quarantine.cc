#include "server/quarantine.h"

#include <algorithm>
#include <utility>

#include "replica/base/status_macros.h"
#include "replica/schema/fragment.h"
#include "replica/schema/registry.h"
#include "replica/schema/scope.h"
#include "server/grant_judge.h"
#include "server/roles.h"

namespace brigada {
namespace {

constexpr uint32_t kMaxSetsPerPage = 500;

// As CommitGroup lets it wait: nothing stands against it but records that are not there.
bool WaitsForRecord(const v1::Verdict& verdict) {
  return verdict.refusals_size() > 0 &&
         std::all_of(verdict.refusals().begin(), verdict.refusals().end(),
                     [](const v1::Refusal& r) { return r.reason() == v1::UNKNOWN_RECORD; });
}

v1::QuarantinedSet Describe(const QuarantinedSet& set) {
  v1::QuarantinedSet said;
  said.set_partition(set.partition);
  said.set_replica(set.replica.AsBytes());
  said.set_sequence(set.sequence);
  said.set_user(set.kept.user());
  said.set_quarantined_ms(set.kept.refused_at_ms());
  *said.mutable_refusals() = set.kept.verdict().refusals();
  said.mutable_scopes()->Assign(set.scopes.begin(), set.scopes.end());
  said.set_waits_for_record(WaitsForRecord(set.kept.verdict()));
  return said;
}

// What an administrator's feeds bring, and no more. A field or a type that this program does not
// know counts as the most sensitive.
constexpr v1::DataClass kAdministratorReads = v1::SENSITIVE;

std::string Readable(const RecordType* type, const std::string& bytes) {
  std::string readable;
  const auto fragments = SplitFragments(type, bytes);
  if (!fragments.ok()) return readable;
  for (const Fragment& fragment : *fragments) {
    const FieldType* const field = type->FindField(fragment.number);
    if (field != nullptr && field->data_class <= kAdministratorReads) readable += fragment.bytes;
  }
  return readable;
}

std::string ReadableBody(const v1::ChangeSet& set) {
  v1::ChangeSetBody body;
  if (!body.ParseFromString(set.body())) return "";
  for (v1::Change& change : *body.mutable_changes()) {
    const RecordType* const type = Registry::BuiltIn().Find(change.type_id());
    const bool is_readable = type != nullptr && type->data_class() <= kAdministratorReads;
    change.set_values(is_readable ? Readable(type, change.values()) : "");
    change.set_removed(is_readable ? Readable(type, change.removed()) : "");
  }
  return body.SerializeAsString();
}

}  // namespace

absl::StatusOr<v1::ListQuarantineResponse> ListQuarantine(const AuthorityStore& store,
                                                          absl::Span<const v1::GrantRecord> grants,
                                                          const v1::ListQuarantineRequest& request,
                                                          absl::Time now) {
  const uint32_t most = request.max() == 0 ? kMaxSetsPerPage : request.max();
  ASSIGN_OR_RETURN(QuarantinePage page,
                   store.ListQuarantine(request.after(), std::min(most, kMaxSetsPerPage)));
  v1::ListQuarantineResponse response;
  for (const QuarantinedSet& set : page.sets) {
    if (IsAdministratorOf(grants, set.scopes, now)) *response.add_sets() = Describe(set);
  }
  response.set_next(std::move(page.next));
  return response;
}

absl::StatusOr<v1::ShowQuarantinedResponse> ShowQuarantined(
    const AuthorityStore& store, absl::Span<const v1::GrantRecord> grants,
    const v1::ShowQuarantinedRequest& request, absl::Time now) {
  ASSIGN_OR_RETURN(const ReplicaId replica, ReplicaId::FromBytes(request.replica()));
  if (!Scope::IsPartition(request.partition())) return NotInQuarantine();
  ASSIGN_OR_RETURN(const auto set,
                   store.FindQuarantined(request.partition(), replica, request.sequence()));
  if (!set.has_value() || !IsAdministratorOf(grants, set->scopes, now)) return NotInQuarantine();
  v1::ShowQuarantinedResponse response;
  *response.mutable_set() = Describe(*set);
  response.set_body(ReadableBody(set->kept.change_set()));
  return response;
}

absl::StatusOr<QuarantineRelease> ReleaseQuarantined(AuthorityStore& store, const std::string& user,
                                                     absl::Span<const v1::GrantRecord> grants,
                                                     const v1::ReleaseQuarantinedRequest& request,
                                                     absl::Time now) {
  ASSIGN_OR_RETURN(const ReplicaId replica, ReplicaId::FromBytes(request.replica()));
  if (!Scope::IsPartition(request.partition())) return NotInQuarantine();
  PushRequest releaser;
  releaser.user = user;
  GrantJudge judge({}, now);
  for (const auto& [unreadable, status] : judge.Load({releaser}, store)) RETURN_IF_ERROR(status);
  ASSIGN_OR_RETURN(ReleaseReport report,
                   store.Release({.partition = request.partition(),
                                  .replica = replica,
                                  .sequence = request.sequence(),
                                  .user = user,
                                  .may_release =
                                      [&](const std::vector<std::string>& scopes) {
                                        return IsAdministratorOf(grants, scopes, now);
                                      }},
                                 judge, now));
  QuarantineRelease release;
  v1::ReleaseQuarantinedResponse& response = release.response;
  response.set_outcome(report.verdict.outcome());
  *response.mutable_refusals() = report.verdict.refusals();
  response.set_released_by(report.verdict.released_by());
  response.set_released_ms(report.verdict.released_ms());
  response.set_was_released(report.was_released);
  response.set_applied_along(report.applied_along);
  response.set_dependents(report.dependents);
  release.partitions = std::move(report.partitions);
  return release;
}

}  // namespace brigada
