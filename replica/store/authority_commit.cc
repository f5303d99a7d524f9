#include "replica/store/authority_commit.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/limits.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/store/change_rules.h"
#include "replica/store/commit_trial.h"
#include "replica/store/keys.h"

namespace brigada {
namespace {

// As long as a device keeps what has been judged (DeviceStoreOptions).
constexpr absl::Duration kLostWorkComesBackFor = absl::Hours(24 * 400);

void SetRefusals(std::vector<v1::Refusal> refusals, v1::Verdict* verdict) {
  refusals.resize(std::min(refusals.size(), kMaxRefusals));
  for (v1::Refusal& refusal : refusals) *verdict->add_refusals() = std::move(refusal);
}

WriteContext ContextOf(const v1::ChangeSetHeader& header, const PushRequest& push,
                       uint64_t commit_sequence) {
  WriteContext context;
  context.write.replica = push.replica;
  context.write.user = push.user;
  context.write.origin_sequence = header.sequence();
  context.write.sequence = commit_sequence;
  for (const v1::Dot& dot : header.position().provisional()) {
    // It names no change set, so its writer has seen nothing by it.
    if (dot.replica().size() != ReplicaId::kSize) continue;
    std::string name = dot.replica();
    AppendBigEndian64(dot.sequence(), &name);
    context.provisional.insert(std::move(name));
  }
  // Under whatever id the first try was made: the numbers of a store go on when its id changes.
  if (header.has_retry_of() && header.retry_of().sequence() < header.sequence())
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

// What its writer knew of the server's time. `otherwise` when it knew nothing of it.
Hlc KnownWhenWritten(const v1::ChangeSetHeader& header, Hlc otherwise) {
  const v1::Position& position = header.position();
  if (position.server_time_ms() <= 0) return otherwise;
  return Hlc::FromTime(absl::FromUnixMillis(position.server_time_ms()) +
                       absl::Milliseconds(std::max<int64_t>(0, position.elapsed_ms())));
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

// Put back into `opened` when it was sealed to this server.
const v1::ChangeSet& Opened(const PushRequest& push, size_t index, v1::ChangeSet* opened) {
  const v1::ChangeSet& set = push.change_sets[index];
  if (!set.has_sealed_body() || !push.open_sealed) return set;
  *opened = set;
  return push.open_sealed(opened) ? *opened : set;
}

}  // namespace

bool IsOfTheStore(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kDeadlineExceeded:
      return true;
    default:
      return false;
  }
}

CommitGroup::CommitGroup(CommitBase base)
    : base_(std::move(base)),
      records_(base_.table, base_.reader),
      verdicts_(base_.reader),
      ledger_(base_.reader),
      waiting_(base_.reader, base_.waiting.get()),
      quarantine_(base_.reader, base_.quarantined.get()),
      done_(base_.reader, Table::kVerdicts) {}

absl::StatusOr<PushResult> CommitGroup::Take(const PushRequest& push) {
  PushResult result;
  v1::ReplicaProgress* progress = nullptr;
  moved_.clear();
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
    v1::ChangeSet opened;
    const v1::ChangeSet& set = Opened(push, i, &opened);
    Case it{.push = push,
            .set = set,
            .header = header,
            .own_last = OwnLast(*progress),
            .may_be_kept = quarantine_.HasRoom(push.replica, set.ByteSizeLong())};
    // Of an epoch that is not lost this store knows better itself.
    if (i < push.redelivered.size() && base_.past->IsPast(push.redelivered[i].epoch()))
      it.before = &push.redelivered[i];
    // What was accepted once may be nowhere else any more.
    if (it.before != nullptr && WasAccepted(*it.before))
      it.may_be_kept = quarantine_.HasRoomSetBack(push.replica, set.ByteSizeLong());
    ASSIGN_OR_RETURN(v1::StoredVerdict stored, JudgeSet(it));
    const v1::Verdict& verdict = stored.verdict();
    if (verdict.outcome() == v1::QUARANTINED) RETURN_IF_ERROR(Keep(it, verdict));
    RETURN_IF_ERROR(NoteRetry(push, header, verdict));
    progress->set_sequence(header.sequence());
    progress->set_chain(checked.headers[i].chain);
    progress->set_stamp(std::max(it.own_last.value, verdict.stamp()));
    progress->set_user(push.user);
    result.verdicts.push_back(verdict);
    stored.set_chain(std::move(checked.headers[i].chain));
    verdicts_.Add(push.partition, push.replica, stored);
    RETURN_IF_ERROR(ReleaseWaiting());
  }
  moved_.erase(push.partition);
  result.also_changed.assign(moved_.begin(), moved_.end());
  result.expected = progress->sequence() + 1;
  return result;
}

absl::StatusOr<CheckedPush> CommitGroup::Look(const PushRequest& push,
                                              v1::ReplicaProgress** progress) {
  ASSIGN_OR_RETURN(*progress, verdicts_.Progress(push.partition, push.replica));
  return CheckPush(push, **progress, verdicts_, *base_.past);
}

absl::StatusOr<v1::StoredVerdict> CommitGroup::JudgeSet(const Case& it) {
  uint64_t& head = base_.heads[it.push.partition];
  head = std::max(head, base_.past->floor());
  v1::StoredVerdict stored;
  v1::Verdict& verdict = *stored.mutable_verdict();
  verdict.set_sequence(it.header.sequence());
  verdict.set_commit_sequence(head + 1);
  Trial trial(&records_, Redelivery(&verdicts_, &it.header, it.before, it.is_late));
  trial.partition = it.push.partition;
  trial.judge = it.judge != nullptr ? it.judge : base_.judge;
  trial.context = ContextOf(it.header, it.push, head + 1);
  if (trial.context.own_before != UINT64_MAX) stored.set_retry_of(trial.context.own_before);
  const auto body = ReadBody(it.set, &verdict);
  absl::Status status;
  if (body.ok()) status = CheckSchema(it.header);
  if (body.ok() && status.ok()) {
    trial.body = &*body;
    status = OpenRecords(it.header, &trial);
    v1::StoredVerdict::Before before;
    if (trial.redelivery.Describe(*body, &before)) *stored.mutable_before() = before;
  }
  // A retry keeps its place in time: this replica's later work may have replaced what it writes.
  SetStamp(it.header, it.header.has_retry_of() ? Hlc() : it.own_last, &trial);
  if (trial.redelivery.was_refused()) {
    // Refused stays refused, for the reasons that were given.
    trial.refusals = trial.redelivery.Reasons();
    verdict.clear_refusals();
    verdict.set_outcome(v1::REJECTED);
  } else if (body.ok() && status.ok()) {
    status = base_.sets_all_aside ? absl::InternalError("its records cannot be written")
                                  : Try(it, &trial, &verdict);
  }
  // The stamp of what is refused says nothing of records that its writer may not read.
  if (verdict.outcome() == v1::REJECTED) {
    trial.context.write.stamp =
        StampOf(Hlc{it.header.stamp()}, it.header, it.own_last, FloorOf(it.header));
  }
  if (IsOfTheStore(status)) return status;
  if (!status.ok()) SetAside(it, status, &trial, &verdict);
  if (!it.may_be_kept && verdict.outcome() == v1::QUARANTINED)
    RefuseWithoutRoom(it, &trial, &verdict);
  SetRefusals(std::move(trial.refusals), &verdict);
  verdict.set_stamp(trial.context.write.stamp.value);
  ++head;
  judged_.insert(it.push.partition);
  return stored;
}

// What a newer program meant by it this one cannot know.
absl::Status CommitGroup::CheckSchema(const v1::ChangeSetHeader& header) const {
  if (header.schema_version() <= base_.schema_version) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat("the change set is of schema version ",
                                               header.schema_version(),
                                               ", which the server does not know yet"));
}

void CommitGroup::SetAside(const Case& it, const absl::Status& failure, Trial* trial,
                           v1::Verdict* verdict) {
  Log(LogLevel::kError, absl::IsDataLoss(failure) ? "record_damaged" : "change_set_not_judged",
      {{"partition", it.push.partition},
       {"replica", it.push.replica.ToString()},
       {"sequence", it.header.sequence()},
       {"reason", failure.message()}});
  trial->refusals = {
      MakeRefusal(v1::NOT_JUDGED, 0, 0, absl::IsUnimplemented(failure) ? failure.message() : "")};
  verdict->set_outcome(v1::QUARANTINED);
}

void CommitGroup::RefuseWithoutRoom(const Case& it, Trial* trial, v1::Verdict* verdict) {
  verdict->set_outcome(v1::REJECTED);
  const auto explain = [](auto& refusals) {
    for (v1::Refusal& refusal : refusals)
      refusal.set_detail("the server holds too many change sets in quarantine");
  };
  explain(trial->refusals);
  explain(*verdict->mutable_refusals());
  Log(LogLevel::kWarning, "quarantine_full", {{"replica", it.push.replica.ToString()}});
}

absl::Status CommitGroup::Try(const Case& it, Trial* trial, v1::Verdict* verdict) {
  ASSIGN_OR_RETURN(const bool is_of_released, IsOfReleased(it.push, it.header));
  if (is_of_released) return RefuseReleased(it, trial, verdict);
  ASSIGN_OR_RETURN(const bool is_done, IsDone(it.push, it.header));
  if (is_done) {
    AnswerDone(trial->body->changes_size(), verdict);
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(TryChanges(it.push, it.header, trial));
  if (trial->refusals.empty()) RETURN_IF_ERROR(TryLedger(trial));
  if (trial->refusals.empty()) {
    Accept(trial, verdict);
  } else {
    RETURN_IF_ERROR(Refuse(it, trial, verdict));
  }
  return absl::OkStatus();
}

// After the store went back a record that nobody knows may only not have come back yet. Once no
// device keeps work from before that any more, only what is itself from a lost past waits.
bool CommitGroup::MayWait(const Case& it, const Trial& trial) const {
  if (base_.past->floor() == 0) return false;
  const v1::EpochRecord& epoch = *base_.past->current();
  const bool may_come_back =
      base_.now < absl::FromUnixMillis(epoch.begun_ms()) + kLostWorkComesBackFor || it.is_late ||
      it.before != nullptr || base_.past->IsPast(it.header.position().epoch());
  return may_come_back &&
         std::all_of(trial.refusals.begin(), trial.refusals.end(), [&](const v1::Refusal& refusal) {
           if (refusal.reason() != v1::UNKNOWN_RECORD || refusal.change() >= trial.targets.size())
             return false;
           const TrialRecord* const target = trial.targets[refusal.change()];
           return target != nullptr && !target->record.exists();
         });
}

// What was acknowledged once is not thrown out.
absl::Status CommitGroup::Refuse(const Case& it, Trial* trial, v1::Verdict* verdict) {
  const bool is_erased =
      std::any_of(trial->refusals.begin(), trial->refusals.end(),
                  [](const v1::Refusal& refusal) { return refusal.reason() == v1::ERASED_RECORD; });
  // Of a lost epoch: accepted there, or kept for a person, who may not have looked at it yet.
  const bool was_kept = it.before != nullptr;
  // What was erased is kept nowhere.
  if (is_erased) return absl::OkStatus();
  bool waits = MayWait(it, *trial);
  if (waits && !it.is_late && !waiting_.HasRoom(it.push.replica, trial->refusals.size())) {
    waits = false;
    for (v1::Refusal& refusal : trial->refusals)
      refusal.set_detail("too many change sets of this device wait for records already");
    Log(LogLevel::kWarning, "waiting_sets_full", {{"replica", it.push.replica.ToString()}});
  }
  if (!waits && !was_kept) return absl::OkStatus();
  verdict->set_outcome(v1::QUARANTINED);
  if (!waits || !it.may_be_kept) return absl::OkStatus();
  v1::WaitingChangeSet waiting;
  waiting.mutable_dot()->set_replica(it.push.replica.AsBytes());
  waiting.mutable_dot()->set_sequence(it.header.sequence());
  waiting.set_user(it.push.user);
  if (it.before != nullptr) *waiting.mutable_before() = WhatCounts(*it.before);
  for (const v1::Refusal& refusal : trial->refusals) {
    const RecordSlot& slot = *trial->targets[refusal.change()]->slot;
    RETURN_IF_ERROR(waiting_.Add(it.push.partition, slot.type_id, slot.id, waiting));
  }
  return absl::OkStatus();
}

absl::Status CommitGroup::ReleaseWaiting() {
  // Only a store that went back has any.
  while (!created_.empty() && base_.past->floor() > 0) {
    const auto [partition, type_id, id] = created_.back();
    created_.pop_back();
    ASSIGN_OR_RETURN(const auto waiting, waiting_.Find(partition, type_id, id));
    for (const v1::WaitingChangeSet& set : waiting) {
      RETURN_IF_ERROR(waiting_.Remove(partition, type_id, id, set));
      const absl::Status status = Retry(partition, set);
      if (IsOfTheStore(status)) return status;
      // What is damaged stays in quarantine; nobody else's work waits for it.
      if (!status.ok()) Log(LogLevel::kError, "waiting_set_damaged", {{"partition", partition}});
    }
  }
  created_.clear();
  return absl::OkStatus();
}

absl::Status CommitGroup::Retry(const std::string& partition, const v1::WaitingChangeSet& waiting) {
  ASSIGN_OR_RETURN(const ReplicaId replica, ReplicaId::FromBytes(waiting.dot().replica()));
  const std::string key = QuarantineKey(partition, replica, waiting.dot().sequence());
  ASSIGN_OR_RETURN(const std::optional<std::string> value, quarantine_.Find(key));
  // A person may have settled it meanwhile.
  if (!value.has_value()) return absl::OkStatus();
  v1::RejectedChangeSet kept;
  v1::ChangeSetHeader header;
  if (!kept.ParseFromString(*value) || !header.ParseFromString(kept.change_set().header()))
    return absl::DataLossError("a quarantined change set is damaged");
  ASSIGN_OR_RETURN(const auto old, verdicts_.Find(partition, replica, header.sequence()));
  if (!old.has_value()) return absl::DataLossError("the verdict of a waiting set is missing");
  PushRequest push;
  push.replica = replica;
  push.user = waiting.user();
  push.partition = partition;
  // It is tried again now: the grants of this time count for it too.
  if (!header.has_retry_of()) *header.mutable_retry_of() = waiting.dot();
  header.set_retried_at_ms(absl::ToUnixMillis(base_.now));
  header.set_retried_revocation(UINT64_MAX);
  const uint64_t head = base_.heads[partition];
  ASSIGN_OR_RETURN(v1::StoredVerdict stored,
                   JudgeSet({.push = push,
                             .set = kept.change_set(),
                             .header = header,
                             .own_last = Hlc(),
                             .before = waiting.has_before() ? &waiting.before() : nullptr,
                             .is_late = true}));
  if (stored.verdict().outcome() != v1::APPLIED && stored.verdict().outcome() != v1::MERGED) {
    // It goes on waiting, or for a person; the first verdict stands.
    base_.heads[partition] = head;
    return absl::OkStatus();
  }
  stored.set_chain(old->chain());
  *stored.mutable_first() = old->has_first() ? old->first() : old->verdict();
  verdicts_.Add(partition, replica, stored);
  RETURN_IF_ERROR(quarantine_.Remove(key, replica));
  RETURN_IF_ERROR(NoteRetry(push, header, stored.verdict()));
  ++applied_late_;
  Log(LogLevel::kInfo, "waiting_set_applied", {{"partition", partition}});
  return absl::OkStatus();
}

// A device whose server stood in the future once would else win every concurrent write until then.
// That its later writes replace its earlier ones does not hang on their stamps.
Hlc CommitGroup::OwnLast(const v1::ReplicaProgress& progress) const {
  const Hlc last{progress.stamp()};
  return last > Hlc::FromTime(base_.now + kPermittedServerStep) ? Hlc() : last;
}

Hlc CommitGroup::StampOf(Hlc signed_stamp, const v1::ChangeSetHeader& header, Hlc own_last,
                         Hlc replaced) {
  const Hlc ceiling = base_.clock.Tick(base_.now);
  // Of a clock that stands in the future nothing is believed: the moment of its arrival would win
  // over whatever others wrote before it came.
  if (signed_stamp > Hlc::FromTime(base_.now + kPermittedClockLead))
    signed_stamp = std::min(signed_stamp, KnownWhenWritten(header, ceiling));
  const Hlc stamp = EffectiveStamp(signed_stamp, ceiling, own_last, std::min(replaced, ceiling));
  base_.clock.Observe(stamp);
  return stamp;
}

void CommitGroup::SetStamp(const v1::ChangeSetHeader& header, Hlc own_last, Trial* trial) {
  Hlc replaced = FloorOf(header);
  for (size_t i = 0; i < trial->targets.size(); ++i) {
    if (trial->targets[i] == nullptr) continue;
    const v1::Change& change = trial->body->changes(static_cast<int>(i));
    std::optional<WriteContext> moved;
    const auto highest =
        HighestReplaced(trial->targets[i]->slot->type, change, ContextFor(header, i, trial, &moved),
                        trial->targets[i]->record);
    // Malformed bytes are refused when the change is tried.
    if (highest.ok()) replaced = std::max(replaced, *highest);
  }
  trial->context.write.stamp =
      StampOf(trial->redelivery.signed_stamp(), header, own_last, replaced);
}

void CommitGroup::Accept(Trial* trial, v1::Verdict* verdict) {
  for (const TrialRecord& record : trial->records.records()) {
    const RecordSlot& slot = *record.slot;
    if (record.is_changed && record.record.exists() && !slot.state.base.exists())
      created_.emplace_back(slot.partition, slot.type_id, slot.id);
  }
  for (const auto& [partition, sequence] : trial->elsewhere) {
    base_.heads[partition] = sequence;
    judged_.insert(partition);
    moved_.insert(partition);
  }
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
  NameFollowed(*trial, verdict);
}

// What became of a change whose record is elsewhere is told there: nothing of it belongs into the
// base of this partition.
void CommitGroup::NameFollowed(const Trial& trial, v1::Verdict* verdict) {
  for (size_t i = 0; i < trial.targets.size(); ++i) {
    if (trial.targets[i] == trial.homes[i]) continue;
    const auto index = static_cast<uint32_t>(i);
    auto* const all = verdict->mutable_lost();
    const auto known = std::find_if(all->begin(), all->end(), [&](const v1::Verdict::Lost& lost) {
      return lost.change() == index;
    });
    if (known != all->end()) {
      known->clear_fields();
    } else {
      all->Add()->set_change(index);
    }
  }
}

absl::Status CommitGroup::Keep(const Case& it, const v1::Verdict& verdict) {
  v1::RejectedChangeSet kept;
  *kept.mutable_change_set() = it.set;
  *kept.mutable_verdict() = verdict;
  kept.set_refused_at_ms(absl::ToUnixMillis(base_.now));
  kept.set_user(it.push.user);
  // Who releases it has it judged as it was this time.
  if (it.before != nullptr) *kept.mutable_before() = WhatCounts(*it.before);
  return quarantine_.Put(QuarantineKey(it.push.partition, it.push.replica, verdict.sequence()),
                         it.push.replica, kept.SerializeAsString());
}

absl::Status CommitGroup::Stage(KvBatch* batch) {
  if (judged_.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(records_.Stage(batch));
  verdicts_.Stage(batch);
  quarantine_.Stage(batch);
  done_.Stage(batch);
  waiting_.Stage(batch);
  for (const std::string& partition : judged_)
    batch->Put(Table::kMeta, HeadKey(partition), NumberValue(base_.heads[partition]));
  batch->Put(Table::kMeta, std::string(kClockKey), NumberValue(base_.clock.last().value));
  return absl::OkStatus();
}

}  // namespace brigada
