#include "replica/store/authority_commit.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/limits.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/store/change_rules.h"
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

// Where the record was at commit sequence `seen`, when it has left that place since; else empty.
// The feeds it left remember when; moves inside this group are not among them yet.
std::string FormerScope(const RecordSlot& slot, uint64_t seen) {
  const Departure* first = nullptr;
  for (const Departure& departure : slot.state.departures) {
    if (departure.kind != v1::HERE || departure.sequence <= seen) continue;
    if (first == nullptr || departure.sequence < first->sequence) first = &departure;
  }
  if (first != nullptr) return first->scope;
  return slot.passed_scopes.empty() ? "" : slot.passed_scopes.front();
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
  if (header.has_retry_of() && header.retry_of().replica() == push.replica.bytes())
    context.own_before = header.retry_of().sequence();
  return context;
}

// What the writer saw may have lost since and be gone from the record; the server time of its
// position lies above all of that, so the outcome does not depend on the order of commits
// (docs/merge-semantics.md).
Hlc FloorOf(const v1::ChangeSetHeader& header) {
  const int64_t seen_ms = header.position().server_time_ms();
  if (seen_ms <= 0) return Hlc();
  return Hlc::FromTime(absl::FromUnixMillis(seen_ms) + absl::Milliseconds(1));
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
      if (set.stub().reason() == v1::ChangeSet::Stub::ERASED)
        return refuse(v1::ERASED_RECORD, "what it said of an erased record is gone");
      return refuse(v1::UNREADABLE_BODY, "the body is gone");
  }
  if (static_cast<size_t>(body.changes_size()) > kMaxChangesPerSet)
    return refuse(v1::TOO_LARGE, "the change set has too many changes");
  return body;
}

}  // namespace

struct CommitGroup::Trial {
  explicit Trial(RecordBatch* batch) : records(batch) {}
  const v1::ChangeSetBody* body = nullptr;
  WriteContext context;
  TrialRecords records;
  // Per change, its record; null when the change names none.
  std::vector<TrialRecord*> targets;
  std::vector<std::pair<const TrialRecord*, ConflictEvent>> conflicts;
  std::vector<v1::Verdict::Lost> lost;
  std::vector<v1::Refusal> refusals;
};

CommitGroup::CommitGroup(CommitBase base)
    : base_(std::move(base)),
      records_(base_.table, base_.reader),
      verdicts_(base_.reader),
      ledger_(base_.reader) {}

absl::StatusOr<PushResult> CommitGroup::Take(const PushRequest& push) {
  PushResult result;
  v1::ReplicaProgress* progress = nullptr;
  absl::StatusOr<CheckedPush> look = Look(push, &progress);
  if (absl::IsDataLoss(look.status())) {
    // What is damaged is this replica's: the pushes of others go on.
    Log(LogLevel::kError, "progress_damaged", {{"reason", look.status().message()}});
    result.status = look.status();
    return result;
  }
  RETURN_IF_ERROR(look.status());
  CheckedPush checked = *std::move(look);
  result.expected = progress->sequence() + 1;
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
    progress->set_stamp(std::max(progress->stamp(), verdict.stamp()));
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

absl::StatusOr<CheckedPush> CommitGroup::Look(const PushRequest& push,
                                              v1::ReplicaProgress** progress) {
  ASSIGN_OR_RETURN(*progress, verdicts_.Progress(push.partition, push.replica));
  return CheckPush(push, **progress, verdicts_);
}

absl::StatusOr<v1::Verdict> CommitGroup::JudgeSet(const PushRequest& push, const v1::ChangeSet& set,
                                                  const v1::ChangeSetHeader& header, Hlc own_last) {
  uint64_t& head = base_.heads[push.partition];
  v1::Verdict verdict;
  verdict.set_sequence(header.sequence());
  verdict.set_commit_sequence(head + 1);
  Trial trial(&records_);
  trial.context = ContextOf(header, push, head + 1);
  const auto body = ReadBody(set, &verdict);
  absl::Status status;
  if (body.ok()) {
    trial.body = &*body;
    status = OpenRecords(header, &trial);
  }
  // A retry keeps its place in time: this replica's later work may have replaced what it writes.
  SetStamp(header, header.has_retry_of() ? Hlc() : own_last, &trial);
  if (body.ok() && status.ok()) status = TryChanges(push, header, &trial);
  if (status.ok() && body.ok() && trial.refusals.empty()) status = TryLedger(&trial);
  if (status.ok() && body.ok() && trial.refusals.empty()) Accept(&trial, &verdict);
  // The stamp of what is refused says nothing of records that its writer may not read.
  if (verdict.outcome() == v1::REJECTED)
    trial.context.write.stamp = StampOf(header, own_last, FloorOf(header));
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
    TrialRecord*& target = trial->targets.emplace_back(nullptr);
    if (!id.ok()) continue;
    ASSIGN_OR_RETURN(target, trial->records.Open(header.partition(), change.type_id(), *id));
  }
  return absl::OkStatus();
}

Hlc CommitGroup::StampOf(const v1::ChangeSetHeader& header, Hlc own_last, Hlc replaced) {
  const Hlc ceiling = base_.clock.Tick(base_.now);
  const Hlc stamp =
      EffectiveStamp(Hlc{header.stamp()}, ceiling, own_last, std::min(replaced, ceiling));
  base_.clock.Observe(stamp);
  return stamp;
}

void CommitGroup::SetStamp(const v1::ChangeSetHeader& header, Hlc own_last, Trial* trial) {
  const uint64_t head = trial->context.write.sequence - 1;
  Hlc replaced = FloorOf(header);
  for (size_t i = 0; i < trial->targets.size(); ++i) {
    if (trial->targets[i] == nullptr) continue;
    const v1::Change& change = trial->body->changes(static_cast<int>(i));
    trial->context.seen = SeenBy(change, header, base_.epoch, head);
    const auto highest = HighestReplaced(trial->targets[i]->slot->type, change, trial->context,
                                         trial->targets[i]->record);
    // Malformed bytes are refused when the change is tried.
    if (highest.ok()) replaced = std::max(replaced, *highest);
  }
  trial->context.write.stamp = StampOf(header, own_last, replaced);
}

absl::Status CommitGroup::TryChanges(const PushRequest& push, const v1::ChangeSetHeader& header,
                                     Trial* trial) {
  // Work from before the enrolment names nobody: it is the enrolled user's.
  if (!header.user().empty() && header.user() != push.user) {
    trial->refusals.push_back(
        MakeRefusal(v1::NOT_GRANTED, 0, 0, "the change set names another user"));
  }
  for (uint32_t i = 0; i < trial->targets.size(); ++i) {
    if (trial->refusals.size() >= kMaxRefusals) break;
    RETURN_IF_ERROR(TryChange(push, header, i, trial));
  }
  return absl::OkStatus();
}

absl::Status CommitGroup::TryChange(const PushRequest& push, const v1::ChangeSetHeader& header,
                                    uint32_t index, Trial* trial) {
  const v1::Change& change = trial->body->changes(static_cast<int>(index));
  TrialRecord* const target = trial->targets[index];
  if (target == nullptr) {
    trial->refusals.push_back(MakeRefusal(v1::UNREADABLE_BODY, index, 0, "a malformed id"));
    return absl::OkStatus();
  }
  if (IsRefused(push, header, change, index, *target, &trial->refusals)) return absl::OkStatus();

  const RecordType* const type = target->slot->type;
  Record* const record = &target->record;
  trial->context.seen = SeenBy(change, header, base_.epoch, trial->context.write.sequence - 1);
  std::string content;
  const bool may_end = change.kind() == v1::Change::DELETE && record->is_live();
  if (may_end) content = record->Message();
  auto result = ApplyChange(type, change, trial->context, index, record);
  if (absl::IsInvalidArgument(result.status())) {
    trial->refusals.push_back(
        MakeRefusal(v1::UNREADABLE_BODY, index, 0, "the change is malformed"));
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(result.status());
  if (may_end && record->deleted) target->deleted_content = std::move(content);
  target->is_changed = target->is_changed || result->changed;
  for (v1::Refusal& refusal : result->refusals) trial->refusals.push_back(std::move(refusal));
  CheckMergedRecord(*record, index, &trial->refusals);
  for (ConflictEvent& event : result->conflicts)
    trial->conflicts.emplace_back(target, std::move(event));
  if (result->lost_whole || !result->lost_fields.empty()) {
    v1::Verdict::Lost& lost = trial->lost.emplace_back();
    lost.set_change(index);
    if (!result->lost_whole)
      lost.mutable_fields()->Add(result->lost_fields.begin(), result->lost_fields.end());
  }
  return absl::OkStatus();
}

bool CommitGroup::IsRefused(const PushRequest& push, const v1::ChangeSetHeader& header,
                            const v1::Change& change, uint32_t index, const TrialRecord& target,
                            std::vector<v1::Refusal>* refusals) const {
  const size_t before = refusals->size();
  const RecordType* const type = target.slot->type;
  // A record that does not exist and one that the writer may not read are answered alike, whatever
  // else is wrong with the change: ids cannot be tried out.
  if (change.kind() != v1::Change::CREATE && !target.record.exists()) {
    refusals->push_back(MakeRefusal(v1::UNKNOWN_RECORD, index, 0, ""));
    return true;
  }
  // Nobody keeps what is said of an erased record, so everybody who still says something is told.
  if (target.record.erased) {
    refusals->push_back(MakeRefusal(v1::ERASED_RECORD, index, 0, "the record was erased"));
    return true;
  }
  const bool is_of_this_epoch = header.position().epoch() == base_.epoch.bytes();
  const uint64_t seen = SeenBy(change, header, base_.epoch, UINT64_MAX);
  base_.judge->Examine({push, header, change, index, type, &target.record,
                        is_of_this_epoch ? FormerScope(*target.slot, seen) : ""},
                       refusals);
  // Who may not write here learns nothing else of the record.
  if (refusals->size() == before)
    CheckChange(type, push.partition, change, index, target.record, refusals);
  return refusals->size() != before;
}

absl::Status CommitGroup::TryLedger(Trial* trial) {
  const WriteRef& write = trial->context.write;
  for (const auto& [about, event] : trial->conflicts) {
    RETURN_IF_ERROR(ledger_.Record(*about, event, write.stamp, write.sequence, &trial->records));
  }
  for (const TrialRecord* target : trial->targets) {
    const Record& before = target->slot->state.base;
    if (before.exists() && before.scope() != target->record.scope()) {
      RETURN_IF_ERROR(ledger_.Follow(*target, write.stamp, write.sequence, &trial->records));
    }
  }
  if (!trial->records.FitOneBatch()) {
    trial->refusals.push_back(MakeRefusal(
        v1::TOO_LARGE, 0, 0, "the records that the change set touches are too large together"));
  }
  return absl::OkStatus();
}

void CommitGroup::Accept(Trial* trial, v1::Verdict* verdict) {
  trial->records.Accept();
  for (const auto& [about, event] : trial->conflicts) {
    const auto& known = verdict->conflicts();
    if (event.entry.state() != v1::RESOLVED &&
        std::find(known.begin(), known.end(), event.id.bytes()) == known.end())
      verdict->add_conflicts(event.id.AsBytes());
  }
  for (v1::Verdict::Lost& lost : trial->lost) *verdict->add_lost() = std::move(lost);
  verdict->set_outcome(verdict->conflicts_size() > 0 || verdict->lost_size() > 0 ? v1::MERGED
                                                                                 : v1::APPLIED);
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
