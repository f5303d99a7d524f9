#include "server/grant_judge.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/store/feed_entries.h"
#include "replica/store/record_table.h"
#include "server/directory.h"
#include "server/roles.h"

namespace brigada {
namespace {

// When a change set was written or tried again.
struct Moment {
  // By the server's clock as its writer knew it. The clock may have been set back since.
  absl::Time at;
  // The last revocation that the writer had been told of.
  uint64_t revocation = 0;
};

// The moments at which a grant may cover the change set: when it was written, and of a retry also
// when it was tried again.
std::vector<Moment> MomentsOf(const v1::ChangeSetHeader& header) {
  const v1::Position& position = header.position();
  // A device learns the server's time when it enrols; without one nothing shows that the work is
  // from before any end of a grant.
  if (position.server_time_ms() <= 0) return {{.at = absl::InfiniteFuture()}};
  const absl::Time written = absl::FromUnixMillis(position.server_time_ms()) +
                             absl::Milliseconds(std::max<int64_t>(0, position.elapsed_ms()));
  std::vector<Moment> moments = {{.at = written, .revocation = position.revocation()}};
  if (header.has_retry_of()) {
    moments.push_back({.at = absl::FromUnixMillis(header.retried_at_ms()),
                       .revocation = header.retried_revocation()});
  }
  return moments;
}

// Both times are in whole milliseconds, so within one of them nobody can tell which came first, the
// write or the end of the grant. The work gets the benefit of the doubt.
constexpr absl::Duration kDoubt = absl::Milliseconds(1);

// What a device was told comes before what it writes then, whatever the server's clock says; of a
// revocation that it was not told of, the time decides, by the clock from which both times come
// and not cut at what that clock says now.
bool IsAfterRevocation(const v1::GrantRecord& grant, const Moment& moment) {
  if (grant.revoked_ms() == 0) return false;
  const bool was_told = grant.revocation() != 0 && moment.revocation >= grant.revocation();
  return was_told || moment.at - kDoubt >= absl::FromUnixMillis(grant.revoked_ms());
}

// `given_at`: the moment's time, and not in the future.
bool CoversWriting(const v1::GrantRecord& grant, const Moment& moment, absl::Time given_at) {
  return !IsAfterRevocation(grant, moment) &&
         (IsGivenFor(grant, given_at) || IsGivenFor(grant, given_at - kDoubt));
}

enum class Cover { kNone, kRevoked, kGranted };

bool IsOver(const v1::GrantRecord& grant, absl::Time at) {
  return grant.until_ms() != 0 && absl::ToUnixMillis(at) >= grant.until_ms();
}

// Whoever held the grant may have known the record: it was there before the grant ended.
bool MayHaveKnown(const v1::GrantRecord& grant, const Record* record) {
  if (record == nullptr || !record->exists()) return true;
  const absl::Time created = record->created().stamp.ToTime();
  const bool was_revoked =
      grant.revoked_ms() != 0 && created >= absl::FromUnixMillis(grant.revoked_ms());
  return !was_revoked && !IsOver(grant, created);
}

// What is written, and where.
struct Target {
  const RecordType* type = nullptr;
  const Scope& scope;
  // What is stored there; null when the question is of the place alone.
  const Record* record = nullptr;
};

Cover CoverAt(absl::Span<const v1::GrantRecord> grants, const Target& target, const Moment& moment,
              absl::Time now) {
  const absl::Time given_at = std::min(moment.at, now);
  Cover best = Cover::kNone;
  for (const v1::GrantRecord& grant : grants) {
    const absl::StatusOr<Role> role = ParseRole(grant.role());
    if (!role.ok() || !MayWrite(*role, target.type)) continue;
    for (const std::string& path : grant.scopes()) {
      const absl::StatusOr<Scope> granted = Scope::Parse(path);
      if (!granted.ok() || !granted->Contains(target.scope)) continue;
      if (CoversWriting(grant, moment, given_at)) return Cover::kGranted;
      const bool has_ended = IsAfterRevocation(grant, moment) || IsOver(grant, given_at);
      if (has_ended && MayHaveKnown(grant, target.record)) best = Cover::kRevoked;
    }
  }
  return best;
}

Cover CoverOf(absl::Span<const v1::GrantRecord> grants, const Target& target,
              const v1::ChangeSetHeader& header, absl::Time now) {
  Cover best = Cover::kNone;
  for (const Moment& moment : MomentsOf(header))
    best = std::max(best, CoverAt(grants, target, moment, now));
  return best;
}

// True when some feed of the user brings records of this class in this scope.
bool MayRead(absl::Span<const v1::GrantRecord> grants, const RecordType* type, const Record& record,
             absl::Time now) {
  const v1::DataClass data_class = ClassOf(type, record);
  const std::string scope = record.scope();
  const std::vector<v1::Feed> feeds = FeedsOf(grants, now);
  return std::any_of(feeds.begin(), feeds.end(), [&](const v1::Feed& feed) {
    return data_class <= feed.max_class() && FeedCovers(feed.scope(), feed.kind(), scope);
  });
}

}  // namespace

void GrantJudge::Examine(const ChangeInQuestion& question,
                         std::vector<v1::Refusal>* refusals) const {
  const Record* const current = question.current;
  if (current != nullptr && current->exists() && !IsCoveredWhereSeen(question) &&
      !ExaminePlace(question, current->scope(), current, refusals))
    return;
  if (!question.change.scope().empty())
    ExaminePlace(question, question.change.scope(), nullptr, refusals);
}

// A late edit follows a record that has moved: what counts is where its writer saw it.
bool GrantJudge::IsCoveredWhereSeen(const ChangeInQuestion& question) const {
  const absl::StatusOr<Scope> former = Scope::Parse(question.former_scope);
  if (question.former_scope.empty() || !former.ok()) return false;
  return CoverOf(GrantsFor(question.push.user), {question.type, *former, question.current},
                 question.header, now_) == Cover::kGranted;
}

absl::Span<const v1::GrantRecord> GrantJudge::GrantsFor(const std::string& user) const {
  const auto found = grants_.find(user);
  if (found == grants_.end()) return {};
  return absl::MakeConstSpan(found->second);
}

bool GrantJudge::ExaminePlace(const ChangeInQuestion& question, const std::string& path,
                              const Record* record, std::vector<v1::Refusal>* refusals) const {
  const absl::StatusOr<Scope> scope = Scope::Parse(path);
  // Without a scope there is nothing to hold a grant against: the rules of the schema refuse it.
  if (!scope.ok()) return true;
  const absl::Span<const v1::GrantRecord> grants = GrantsFor(question.push.user);
  const Cover cover = CoverOf(grants, {question.type, *scope, record}, question.header, now_);
  if (cover == Cover::kGranted) return true;
  v1::Refusal refusal;
  refusal.set_change(question.index);
  if (cover == Cover::kRevoked) {
    refusal.set_reason(v1::LATE_AFTER_REVOCATION);
    refusal.set_detail("written after the grant had ended");
  } else if (record != nullptr && question.change.kind() != v1::Change::CREATE &&
             !MayRead(grants, question.type, *record, now_)) {
    // As of a record that is not there: ids cannot be tried out.
    refusal.set_reason(v1::UNKNOWN_RECORD);
  } else {
    refusal.set_reason(v1::NOT_GRANTED);
    refusal.set_detail(
        absl::StrCat("no grant of this user covers ",
                     question.type == nullptr ? "this type" : question.type->plural(), " in ",
                     // Where a record is now is not for somebody who may not read it.
                     record == nullptr ? path : "the place of this record"));
  }
  refusals->push_back(std::move(refusal));
  return false;
}

absl::flat_hash_map<std::string, absl::Status> GrantJudge::Load(
    absl::Span<const PushRequest> pushes, const AuthorityStore& store) {
  absl::flat_hash_map<std::string, absl::Status> unreadable;
  // A create may release what waits for it, whoever wrote that; of whom no grant is known it goes
  // on waiting.
  for (const std::string& user : store.WaitingUsers()) {
    absl::StatusOr<std::vector<v1::GrantRecord>> grants = GrantsOf(store, user);
    if (grants.ok()) grants_[user] = *std::move(grants);
  }
  for (const PushRequest& push : pushes) {
    if (grants_.contains(push.user) || unreadable.contains(push.user)) continue;
    absl::StatusOr<std::vector<v1::GrantRecord>> grants = GrantsOf(store, push.user);
    if (grants.ok()) {
      grants_[push.user] = *std::move(grants);
    } else {
      unreadable[push.user] = grants.status();
    }
  }
  return unreadable;
}

}  // namespace brigada
