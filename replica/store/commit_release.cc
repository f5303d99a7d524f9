// An administrator takes a change set out of quarantine and answers for it: it is judged again as
// it was, but under the grants of who releases it. docs/protocol.md says what its device is told.
#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "replica/base/status_macros.h"
#include "replica/store/authority_commit.h"
#include "replica/store/keys.h"
#include "replica/store/refusals.h"

namespace brigada {
namespace {

// Asks whether its own user may do it now, whoever wrote it and whenever. Where the writer saw the
// record counts for nothing: who releases administers the place where it is.
class ReleaserJudge final : public Judge {
 public:
  // `judge` outlives it.
  ReleaserJudge(const Judge* judge, const PushRequest& push, const std::string& user,
                const v1::ChangeSetHeader& header, absl::Time now)
      : judge_(judge), header_(header) {
    push_.replica = push.replica;
    push_.partition = push.partition;
    push_.user = user;
    header_.clear_retry_of();
    v1::Position* const position = header_.mutable_position();
    position->set_server_time_ms(absl::ToUnixMillis(now));
    position->set_elapsed_ms(0);
    position->set_revocation(UINT64_MAX);
  }

  void Examine(const ChangeInQuestion& question,
               std::vector<v1::Refusal>* refusals) const override {
    judge_->Examine(
        {push_, header_, question.change, question.index, question.type, question.current},
        refusals);
  }

 private:
  const Judge* const judge_;
  PushRequest push_;
  v1::ChangeSetHeader header_;
};

absl::Status SentAgain() {
  return absl::FailedPreconditionError("its device has sent it again, and that was accepted");
}

using RecordNames = std::set<std::pair<uint32_t, std::string>>;

RecordNames RecordsOf(const v1::ChangeSet& set) {
  RecordNames names;
  v1::ChangeSetBody body;
  if (!body.ParseFromString(set.body())) return names;
  for (const v1::Change& change : body.changes())
    names.emplace(change.type_id(), change.record_id());
  return names;
}

}  // namespace

struct CommitGroup::Quarantined {
  std::string key;
  PushRequest push;  // whose it is
  v1::RejectedChangeSet kept;
  v1::ChangeSetHeader header;
  v1::StoredVerdict verdict;
};

absl::StatusOr<ReleaseReport> CommitGroup::Release(const ReleaseRequest& request) {
  ASSIGN_OR_RETURN(
      const std::optional<std::string> value,
      quarantine_.Find(QuarantineKey(request.partition, request.replica, request.sequence)));
  if (!value.has_value()) return WhatBecameOf(request);
  ASSIGN_OR_RETURN(const Quarantined kept, ReadQuarantined(request, *value));
  ASSIGN_OR_RETURN(const bool was_sent_again, WasSentAgain(kept));
  if (was_sent_again) return SentAgain();

  // As when it is tried again by itself: what its replica wrote since may be here already.
  v1::ChangeSetHeader header = kept.header;
  if (!header.has_retry_of()) *header.mutable_retry_of() = SaidFirst(header);
  const ReleaserJudge judge(base_.judge, kept.push, request.user, header, base_.now);
  ASSIGN_OR_RETURN(v1::StoredVerdict stored,
                   JudgeSet({.push = kept.push,
                             .set = kept.kept.change_set(),
                             .header = header,
                             .own_last = Hlc(),
                             .before = kept.kept.has_before() ? &kept.kept.before() : nullptr,
                             .is_late = true,
                             .judge = &judge}));
  ReleaseReport report;
  v1::Verdict* const verdict = stored.mutable_verdict();
  if (!IsAccepted(*verdict)) {
    verdict->set_outcome(v1::QUARANTINED);
    report.verdict = std::move(*verdict);
    return report;
  }
  verdict->set_released_by(request.user);
  verdict->set_released_ms(absl::ToUnixMillis(base_.now));
  report.verdict = *verdict;
  RETURN_IF_ERROR(NoteRelease(kept, std::move(stored)));
  RETURN_IF_ERROR(NoteRetry(kept.push, header, report.verdict));
  RETURN_IF_ERROR(ReleaseWaiting());
  report.applied_along = applied_late_;
  ASSIGN_OR_RETURN(report.dependents, SettleLater(kept));
  report.partitions.assign(judged_.begin(), judged_.end());
  return report;
}

absl::StatusOr<CommitGroup::Quarantined> CommitGroup::ReadQuarantined(
    const ReleaseRequest& request, const std::string& value) const {
  Quarantined found;
  found.key = QuarantineKey(request.partition, request.replica, request.sequence);
  if (!found.kept.ParseFromString(value) ||
      !found.header.ParseFromString(found.kept.change_set().header()))
    return absl::DataLossError("release: the quarantined change set is damaged");
  found.push.replica = request.replica;
  found.push.partition = request.partition;
  found.push.user = found.kept.user();
  ASSIGN_OR_RETURN(auto verdict,
                   verdicts_.Find(request.partition, request.replica, request.sequence));
  if (!verdict.has_value())
    return absl::DataLossError("release: the verdict of the quarantined change set is missing");
  found.verdict = *std::move(verdict);
  return found;
}

// Where its records were is not known any more: who administers all of the partition may be told,
// and who has released it.
absl::StatusOr<ReleaseReport> CommitGroup::WhatBecameOf(const ReleaseRequest& request) const {
  ASSIGN_OR_RETURN(const auto stored,
                   verdicts_.Find(request.partition, request.replica, request.sequence));
  if (!stored.has_value()) return NotInQuarantine();
  const v1::Verdict& verdict = stored->verdict();
  const bool is_told = (verdict.released_ms() != 0 && verdict.released_by() == request.user) ||
                       request.may_release({request.partition});
  if (!is_told) return NotInQuarantine();
  if (verdict.outcome() == v1::QUARANTINED) return SentAgain();
  if (verdict.released_ms() == 0) return NotInQuarantine();
  ReleaseReport report;
  report.verdict = verdict;
  report.was_released = true;
  return report;
}

absl::StatusOr<bool> CommitGroup::WasSentAgain(const Quarantined& kept) const {
  ASSIGN_OR_RETURN(const bool is_done, IsDone(kept.push, kept.header));
  if (is_done || !kept.header.has_retry_of()) return is_done;
  return HasAcceptedRetry(kept, kept.header.retry_of().sequence());
}

// An accepted retry takes its first try out of quarantine, and leaves other retries of that there.
// All that the replica had judged since is looked through: a retry is seldom kept in quarantine.
absl::StatusOr<bool> CommitGroup::HasAcceptedRetry(const Quarantined& kept,
                                                   uint64_t first_try) const {
  const PushRequest& push = kept.push;
  ASSIGN_OR_RETURN(const v1::ReplicaProgress progress,
                   ReadProgress(*base_.reader, push.partition, push.replica));
  const auto it = base_.reader->Iterate(
      Table::kVerdicts, VerdictKey(push.partition, push.replica, first_try + 1),
      VerdictKey(push.partition, push.replica, progress.sequence() + 1));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    v1::StoredVerdict other;
    if (!other.ParseFromArray(it->value().data(), static_cast<int>(it->value().size())))
      return absl::DataLossError("release: a verdict of its replica is damaged");
    if (other.retry_of() == first_try && IsAccepted(other.verdict())) return true;
  }
  RETURN_IF_ERROR(it->status());
  return false;
}

absl::Status CommitGroup::NoteRelease(const Quarantined& kept, v1::StoredVerdict released) {
  released.set_chain(kept.verdict.chain());
  *released.mutable_first() =
      kept.verdict.has_first() ? kept.verdict.first() : kept.verdict.verdict();
  released.set_released(kept.header.sequence());
  verdicts_.Add(kept.push.partition, kept.push.replica, released);
  RETURN_IF_ERROR(MarkReleased(kept, SaidFirst(kept.header)));
  if (kept.header.has_retry_of()) RETURN_IF_ERROR(MarkReleased(kept, kept.header.retry_of()));
  return quarantine_.Remove(kept.key, kept.push.replica);
}

// Only of its own replica: nobody ends the work of another. Retries that came under another id are
// known by what NoteRetry notes.
absl::Status CommitGroup::MarkReleased(const Quarantined& kept, const v1::Dot& dot) {
  if (dot.replica() != kept.push.replica.bytes() || dot.sequence() == kept.header.sequence())
    return absl::OkStatus();
  ASSIGN_OR_RETURN(auto other,
                   verdicts_.Find(kept.push.partition, kept.push.replica, dot.sequence()));
  if (!other.has_value()) return absl::OkStatus();
  other->set_released(kept.header.sequence());
  verdicts_.Add(kept.push.partition, kept.push.replica, *other);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> CommitGroup::SettleLater(const Quarantined& kept) {
  const PushRequest& push = kept.push;
  const RecordNames released = RecordsOf(kept.kept.change_set());
  uint64_t dependents = 0;
  const auto it = base_.reader->Iterate(
      Table::kRejected, QuarantineKey(push.partition, push.replica, kept.header.sequence() + 1),
      PrefixEnd(QuarantinePrefix(push.partition) + push.replica.AsBytes()));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const std::string key(it->key());
    // It may have been applied along.
    ASSIGN_OR_RETURN(const auto value, quarantine_.Find(key));
    v1::RejectedChangeSet later;
    v1::ChangeSetHeader header;
    if (!value.has_value() || !later.ParseFromString(*value) ||
        !header.ParseFromString(later.change_set().header()))
      continue;
    if (SaysTheSame(header, kept.header)) {
      RETURN_IF_ERROR(quarantine_.Remove(key, push.replica));
      continue;
    }
    const RecordNames changed = RecordsOf(later.change_set());
    dependents += std::any_of(changed.begin(), changed.end(),
                              [&](const auto& name) { return released.contains(name); });
  }
  RETURN_IF_ERROR(it->status());
  return dependents;
}

}  // namespace brigada
