#include "replica/store/authority_commit.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "replica/base/limits.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/store/change_rules.h"
#include "replica/store/conflict_ledger.h"
#include "replica/store/keys.h"

namespace brigada {
namespace {

// A verdict names at most this many refusals: enough to mend a change set, and bounded.
constexpr size_t kMaxRefusals = 100;

void SetRefusals(std::vector<v1::Refusal> refusals, v1::Verdict* verdict) {
  refusals.resize(std::min(refusals.size(), kMaxRefusals));
  for (v1::Refusal& refusal : refusals) *verdict->add_refusals() = std::move(refusal);
}

// A change set from before a rollback has seen nothing of this epoch; none has seen the future.
uint64_t SeenBy(const v1::Change& change, const v1::ChangeSetHeader& header, const Epoch& epoch,
                uint64_t head) {
  if (header.position().epoch() != epoch.bytes()) return 0;
  return std::min(change.has_seen() ? change.seen() : header.position().sequence(), head);
}

WriteContext ContextOf(const v1::ChangeSetHeader& header, const PushRequest& push,
                       uint64_t commit_sequence) {
  WriteContext context;
  context.write.replica = push.replica;
  context.write.user = push.user;
  context.write.origin_sequence = header.sequence();
  context.write.sequence = commit_sequence;
  for (const v1::Dot& dot : header.position().provisional()) {
    std::string name = dot.replica();
    AppendBigEndian64(dot.sequence(), &name);
    context.provisional.insert(std::move(name));
  }
  return context;
}

// What keeps a change set from being looked into at all; OK when its body is parsed.
absl::StatusOr<v1::ChangeSetBody> ReadBody(const v1::ChangeSet& set, v1::Verdict* verdict) {
  v1::ChangeSetBody body;
  verdict->set_outcome(v1::REJECTED);
  const auto refuse = [&](v1::RefusalReason reason, absl::string_view detail) {
    *verdict->add_refusals() = MakeRefusal(reason, 0, 0, detail);
    return absl::InvalidArgumentError(detail);
  };
  if (set.ByteSizeLong() > kMaxChangeSetBytes)
    return refuse(v1::TOO_LARGE, "the change set is too large");
  switch (set.content_case()) {
    case v1::ChangeSet::kBody:
      if (!body.ParseFromString(set.body()))
        return refuse(v1::UNREADABLE_BODY, "the body is malformed");
      break;
    case v1::ChangeSet::kSealedBody:
      // Whoever holds the organization's key may still open it.
      verdict->set_outcome(v1::QUARANTINED);
      return refuse(v1::UNREADABLE_BODY, "the body is sealed");
    default:
      return refuse(v1::UNREADABLE_BODY, "the body is gone");
  }
  if (static_cast<size_t>(body.changes_size()) > kMaxChangesPerSet)
    return refuse(v1::TOO_LARGE, "the change set has too many changes");
  return body;
}

}  // namespace

struct CommitGroup::Trial {
  const v1::ChangeSetBody* body = nullptr;
  WriteContext context;
  // Per change, the slot of its record; null when the change names none.
  std::vector<RecordSlot*> slots;
  std::deque<Record> copies;
  absl::flat_hash_map<RecordSlot*, Record*> records;
  std::vector<RecordSlot*> changed;
  std::vector<std::pair<const RecordSlot*, ConflictEvent>> conflicts;
  std::vector<v1::Verdict::Lost> lost;
  std::vector<v1::Refusal> refusals;
};

CommitGroup::CommitGroup(CommitBase base)
    : base_(std::move(base)), records_(base_.table, base_.reader), verdicts_(base_.reader) {}

absl::StatusOr<PushResult> CommitGroup::Take(const PushRequest& push) {
  PushResult result;
  ASSIGN_OR_RETURN(v1::ReplicaProgress * progress,
                   verdicts_.Progress(push.partition, push.replica));
  result.expected = progress->sequence() + 1;
  ASSIGN_OR_RETURN(CheckedPush checked, CheckPush(push, *progress, verdicts_));
  result.status = checked.status;
  result.forked = checked.forked;
  if (!checked.status.ok() || checked.forked || checked.gap) return result;
  result.verdicts = std::move(checked.repeated);
  for (size_t i = result.verdicts.size(); i < checked.headers.size(); ++i) {
    const v1::ChangeSetHeader& header = checked.headers[i].header;
    ASSIGN_OR_RETURN(v1::Verdict verdict,
                     JudgeSet(push, push.change_sets[i], header, Hlc{progress->stamp()}));
    if (verdict.outcome() == v1::QUARANTINED) Quarantine(push, push.change_sets[i], verdict);
    progress->set_sequence(header.sequence());
    progress->set_chain(checked.headers[i].chain);
    progress->set_stamp(verdict.stamp());
    progress->set_user(push.user);
    v1::StoredVerdict stored;
    *stored.mutable_verdict() = verdict;
    stored.set_chain(std::move(checked.headers[i].chain));
    verdicts_.Add(push.partition, push.replica, stored);
    result.verdicts.push_back(std::move(verdict));
  }
  result.expected = progress->sequence() + 1;
  return result;
}

absl::StatusOr<v1::Verdict> CommitGroup::JudgeSet(const PushRequest& push, const v1::ChangeSet& set,
                                                  const v1::ChangeSetHeader& header, Hlc own_last) {
  uint64_t& head = base_.heads[push.partition];
  v1::Verdict verdict;
  verdict.set_sequence(header.sequence());
  verdict.set_commit_sequence(head + 1);
  Trial trial;
  trial.context = ContextOf(header, push, head + 1);
  const auto body = ReadBody(set, &verdict);
  absl::Status status;
  if (body.ok()) {
    trial.body = &*body;
    status = OpenRecords(header, &trial);
  }
  SetStamp(header, own_last, &trial);
  if (body.ok() && status.ok()) status = TryChanges(push, header, &trial);
  if (status.ok() && body.ok() && trial.refusals.empty()) status = Accept(&trial, &verdict);
  if (absl::IsDataLoss(status)) {
    // A damaged record stops the change sets that touch it, not the store.
    Log(LogLevel::kError, "record_damaged", {{"reason", status.message()}});
    verdict.set_outcome(v1::QUARANTINED);
    status = absl::OkStatus();
  }
  RETURN_IF_ERROR(status);
  SetRefusals(std::move(trial.refusals), &verdict);
  verdict.set_stamp(trial.context.write.stamp.value);
  ++head;
  judged_.insert(push.partition);
  return verdict;
}

absl::Status CommitGroup::OpenRecords(const v1::ChangeSetHeader& header, Trial* trial) {
  for (const v1::Change& change : trial->body->changes()) {
    const auto id = RecordId::FromBytes(change.record_id());
    if (!id.ok()) {
      trial->slots.push_back(nullptr);
      continue;
    }
    ASSIGN_OR_RETURN(RecordSlot * slot, records_.Open(header.partition(), change.type_id(), *id));
    trial->slots.push_back(slot);
    Record*& copy = trial->records[slot];
    if (copy == nullptr) copy = &trial->copies.emplace_back(slot->state.base);
  }
  return absl::OkStatus();
}

void CommitGroup::SetStamp(const v1::ChangeSetHeader& header, Hlc own_last, Trial* trial) {
  const Hlc ceiling = base_.clock.Tick(base_.now);
  const uint64_t head = trial->context.write.sequence - 1;
  // What the writer saw may have lost since and be gone from the record; the server time of its
  // position lies above all of that, so the outcome does not depend on the order of commits
  // (docs/merge-semantics.md).
  const int64_t seen_ms = std::max<int64_t>(0, header.position().server_time_ms());
  Hlc replaced =
      std::min(ceiling, Hlc::FromTime(absl::FromUnixMillis(seen_ms) + absl::Milliseconds(1)));
  if (seen_ms == 0) replaced = Hlc();
  for (size_t i = 0; i < trial->slots.size(); ++i) {
    if (trial->slots[i] == nullptr) continue;
    const v1::Change& change = trial->body->changes(static_cast<int>(i));
    trial->context.seen = SeenBy(change, header, base_.epoch, head);
    const auto highest = HighestReplaced(trial->slots[i]->type, change, trial->context,
                                         *trial->records[trial->slots[i]]);
    // Malformed bytes are refused when the change is tried.
    if (highest.ok()) replaced = std::max(replaced, *highest);
  }
  trial->context.write.stamp = EffectiveStamp(Hlc{header.stamp()}, ceiling, own_last, replaced);
  base_.clock.Observe(trial->context.write.stamp);
}

absl::Status CommitGroup::TryChanges(const PushRequest& push, const v1::ChangeSetHeader& header,
                                     Trial* trial) {
  // Work from before the enrolment names nobody: it is the enrolled user's.
  if (!header.user().empty() && header.user() != push.user) {
    trial->refusals.push_back(
        MakeRefusal(v1::NOT_GRANTED, 0, 0, "the change set names another user"));
  }
  for (uint32_t i = 0; i < trial->slots.size(); ++i) {
    if (trial->refusals.size() >= kMaxRefusals) break;
    RETURN_IF_ERROR(TryChange(push, header, i, trial));
  }
  return absl::OkStatus();
}

absl::Status CommitGroup::TryChange(const PushRequest& push, const v1::ChangeSetHeader& header,
                                    uint32_t index, Trial* trial) {
  const v1::Change& change = trial->body->changes(static_cast<int>(index));
  RecordSlot* slot = trial->slots[index];
  if (slot == nullptr) {
    trial->refusals.push_back(MakeRefusal(v1::UNREADABLE_BODY, index, 0, "a malformed id"));
    return absl::OkStatus();
  }
  Record* record = trial->records[slot];
  const size_t refused_before = trial->refusals.size();
  base_.judge->Examine({push, header, change, index, slot->type, record}, &trial->refusals);
  // Who may not write here learns nothing else of the record.
  if (trial->refusals.size() == refused_before)
    CheckChange(slot->type, push.partition, change, index, *record, &trial->refusals);
  if (trial->refusals.size() != refused_before) return absl::OkStatus();

  trial->context.seen = SeenBy(change, header, base_.epoch, trial->context.write.sequence - 1);
  auto result = ApplyChange(slot->type, change, trial->context, index, record);
  if (absl::IsInvalidArgument(result.status())) {
    trial->refusals.push_back(
        MakeRefusal(v1::UNREADABLE_BODY, index, 0, "the change is malformed"));
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(result.status());
  for (v1::Refusal& refusal : result->refusals) trial->refusals.push_back(std::move(refusal));
  CheckMergedRecord(*record, index, &trial->refusals);
  for (ConflictEvent& event : result->conflicts)
    trial->conflicts.emplace_back(slot, std::move(event));
  if (result->lost_whole || !result->lost_fields.empty()) {
    v1::Verdict::Lost& lost = trial->lost.emplace_back();
    lost.set_change(index);
    if (!result->lost_whole)
      lost.mutable_fields()->Add(result->lost_fields.begin(), result->lost_fields.end());
  }
  if (result->changed) trial->changed.push_back(slot);
  return absl::OkStatus();
}

absl::Status CommitGroup::Accept(Trial* trial, v1::Verdict* verdict) {
  // Whatever can fail comes before the first record changes.
  for (const auto& [about, event] : trial->conflicts)
    RETURN_IF_ERROR(records_.Open(about->partition, kConflictTypeId, event.id).status());
  for (RecordSlot* slot : trial->changed) {
    if (trial->records[slot] == nullptr) continue;
    const std::string scope = slot->state.base.scope();
    slot->state.base = std::move(*std::exchange(trial->records[slot], nullptr));
    slot->dirty = true;
    if (!scope.empty() && scope != slot->state.base.scope()) slot->passed_scopes.push_back(scope);
  }
  for (const auto& [about, event] : trial->conflicts) {
    RETURN_IF_ERROR(RecordConflict(*about, event, trial->context.write.stamp,
                                   trial->context.write.sequence, &records_));
    const auto& known = verdict->conflicts();
    if (event.entry.state() != v1::RESOLVED &&
        std::find(known.begin(), known.end(), event.id.bytes()) == known.end())
      verdict->add_conflicts(event.id.AsBytes());
  }
  for (v1::Verdict::Lost& lost : trial->lost) *verdict->add_lost() = std::move(lost);
  verdict->set_outcome(verdict->conflicts_size() > 0 || verdict->lost_size() > 0 ? v1::MERGED
                                                                                 : v1::APPLIED);
  return absl::OkStatus();
}

void CommitGroup::Quarantine(const PushRequest& push, const v1::ChangeSet& set,
                             const v1::Verdict& verdict) {
  v1::RejectedChangeSet kept;
  *kept.mutable_change_set() = set;
  *kept.mutable_verdict() = verdict;
  kept.set_refused_at_ms(absl::ToUnixMillis(base_.now));
  quarantined_.Put(Table::kRejected,
                   QuarantineKey(push.partition, push.replica, verdict.sequence()),
                   kept.SerializeAsString());
}

absl::Status CommitGroup::Stage(KvBatch* batch) {
  if (judged_.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(records_.Stage(batch));
  verdicts_.Stage(batch);
  for (const KvBatch::Op& op : quarantined_.ops()) batch->Put(op.table, op.key, op.value);
  for (const std::string& partition : judged_)
    batch->Put(Table::kMeta, HeadKey(partition), NumberValue(base_.heads[partition]));
  batch->Put(Table::kMeta, std::string(kClockKey), NumberValue(base_.clock.last().value));
  return absl::OkStatus();
}

}  // namespace brigada
