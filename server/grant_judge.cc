#include "server/grant_judge.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "server/directory.h"
#include "server/roles.h"

namespace brigada {
namespace {

absl::Time WrittenAt(const v1::ChangeSetHeader& header, absl::Time now) {
  const v1::Position& position = header.position();
  // A device learns the server's time when it enrols; a position without one is judged as of now.
  if (position.server_time_ms() <= 0) return now;
  const absl::Time written = absl::FromUnixMillis(position.server_time_ms()) +
                             absl::Milliseconds(std::max<int64_t>(0, position.elapsed_ms()));
  return std::min(written, now);
}

// Both times are in whole milliseconds, so within one of them nobody can tell which came first, the
// write or the end of the grant. The work gets the benefit of the doubt.
bool CoveredWriting(const v1::GrantRecord& grant, absl::Time at) {
  return InForce(grant, at) || InForce(grant, at - absl::Milliseconds(1));
}

enum class Cover { kNone, kRevoked, kGranted };

Cover CoverOf(absl::Span<const v1::GrantRecord> grants, const RecordType* type, const Scope& scope,
              absl::Time at) {
  Cover best = Cover::kNone;
  for (const v1::GrantRecord& grant : grants) {
    const absl::StatusOr<Role> role = ParseRole(grant.role());
    if (!role.ok() || !MayWrite(*role, type)) continue;
    for (const std::string& path : grant.scopes()) {
      const absl::StatusOr<Scope> granted = Scope::Parse(path);
      if (!granted.ok() || !granted->Contains(scope)) continue;
      if (CoveredWriting(grant, at)) return Cover::kGranted;
      const bool ended =
          (grant.revoked_ms() != 0 && absl::ToUnixMillis(at) >= grant.revoked_ms()) ||
          (grant.until_ms() != 0 && absl::ToUnixMillis(at) >= grant.until_ms());
      if (ended) best = Cover::kRevoked;
    }
  }
  return best;
}

}  // namespace

void GrantJudge::Examine(const ChangeInQuestion& question,
                         std::vector<v1::Refusal>* refusals) const {
  const absl::Time at = WrittenAt(question.header, now_);
  const auto found = grants_.find(question.push.user);
  const absl::Span<const v1::GrantRecord> grants = found == grants_.end()
                                                       ? absl::Span<const v1::GrantRecord>()
                                                       : absl::MakeConstSpan(found->second);
  std::vector<std::string> scopes;
  if (question.current != nullptr && question.current->exists())
    scopes.push_back(question.current->scope());
  if (!question.change.scope().empty()) scopes.push_back(question.change.scope());
  for (const std::string& path : scopes) {
    const absl::StatusOr<Scope> scope = Scope::Parse(path);
    // Without a scope there is nothing to hold a grant against: the rules of the schema refuse it.
    if (!scope.ok()) continue;
    const Cover cover = CoverOf(grants, question.type, *scope, at);
    if (cover == Cover::kGranted) continue;
    v1::Refusal refusal;
    refusal.set_change(question.index);
    if (cover == Cover::kRevoked) {
      refusal.set_reason(v1::LATE_AFTER_REVOCATION);
      refusal.set_detail("written after the grant had ended");
    } else {
      refusal.set_reason(v1::NOT_GRANTED);
      refusal.set_detail(
          absl::StrCat("no grant of this user covers ",
                       question.type == nullptr ? "this type" : question.type->plural(), " in ",
                       // Where a record is now is not for somebody who may not read it.
                       path == question.change.scope() ? path : "the place of this record"));
    }
    refusals->push_back(std::move(refusal));
    return;
  }
}

absl::StatusOr<GrantJudge> JudgeFor(absl::Span<const PushRequest> pushes,
                                    const AuthorityStore& store, absl::Time now) {
  absl::flat_hash_map<std::string, std::vector<v1::GrantRecord>> grants;
  for (const PushRequest& push : pushes) {
    if (grants.contains(push.user)) continue;
    ASSIGN_OR_RETURN(grants[push.user], GrantsOf(store, push.user));
  }
  return GrantJudge(std::move(grants), now);
}

}  // namespace brigada
