// The changes of one change set: which records they mean, what they break, what they make of them.
#include <algorithm>
#include <optional>
#include <utility>

#include "replica/base/status_macros.h"
#include "replica/schema/diff.h"
#include "replica/store/change_rules.h"
#include "replica/store/commit_trial.h"
#include "replica/store/partition_move.h"

namespace brigada {
namespace {

uint64_t ClaimOf(const v1::Change& change, const v1::ChangeSetHeader& header) {
  return change.has_seen() ? change.seen() : header.position().sequence();
}

// Of what its writer had seen, what this store has: nothing of a lost line, nor of the future.
uint64_t SeenBy(const v1::Change& change, const v1::ChangeSetHeader& header, const RunHistory& past,
                uint64_t head) {
  const v1::Position& position = header.position();
  return std::min(ClaimOf(change, header),
                  past.SharedUpTo(position.epoch(), position.run(), header.partition(), head));
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

}  // namespace

absl::Status CommitGroup::OpenRecords(const v1::ChangeSetHeader& header, Trial* trial) {
  for (const v1::Change& change : trial->body->changes()) {
    const auto id = RecordId::FromBytes(change.record_id());
    TrialRecord*& target = trial->targets.emplace_back(nullptr);
    trial->homes.push_back(nullptr);
    if (!id.ok()) continue;
    ASSIGN_OR_RETURN(TrialRecord* const home,
                     trial->records.Open(header.partition(), change.type_id(), *id));
    trial->homes.back() = home;
    ASSIGN_OR_RETURN(target, FollowStubs(home, &trial->records));
    if (target != home) continue;
    RETURN_IF_ERROR(
        trial->redelivery.Look(target->record, ClaimOf(change, header), &trial->context));
  }
  return absl::OkStatus();
}

// What the writer of change `index` had seen of its record. Points to `moved` when the record is
// not like others.
const WriteContext& CommitGroup::ContextFor(const v1::ChangeSetHeader& header, size_t index,
                                            Trial* trial, std::optional<WriteContext>* moved) {
  const v1::Change& change = trial->body->changes(static_cast<int>(index));
  const TrialRecord* const target = trial->targets[index];
  const TrialRecord* const home = trial->homes[index];
  WriteContext& plain = trial->context;
  plain.seen = SeenBy(change, header, *base_.past, plain.write.sequence - 1);
  if (target != home) {
    return moved->emplace(
        ContextElsewhere(plain, *home, SequenceIn(target->slot->partition, trial)));
  }
  if (home->former.empty()) return plain;
  return moved->emplace(ContextAtHome(plain, *home));
}

uint64_t CommitGroup::SequenceIn(absl::string_view partition, Trial* trial) const {
  if (partition == trial->partition) return trial->context.write.sequence;
  const auto [found, is_new] = trial->elsewhere.try_emplace(std::string(partition));
  if (is_new) {
    const auto head = base_.heads.find(partition);
    found->second = std::max(head == base_.heads.end() ? 0 : head->second, base_.past->floor()) + 1;
  }
  return found->second;
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
  if (IsRefused(push, header, change, index, *trial, &trial->refusals)) return absl::OkStatus();

  const RecordType* const type = target->slot->type;
  Record* const record = &target->record;
  ASSIGN_OR_RETURN(trial->context.cited, ledger_.CitedBy(change, *target, &trial->records));
  std::optional<WriteContext> moved;
  const WriteContext& context = ContextFor(header, index, trial, &moved);
  std::string content;
  const bool may_end = change.kind() == v1::Change::DELETE && record->is_live();
  if (may_end) content = record->Message();
  std::optional<v1::Change> rest;
  if (!trial->redelivery.is_plain() && target == trial->homes[index]) {
    bool is_whole = false;
    const auto trimmed = trial->redelivery.Trim(type, *record, &rest.emplace(change), &is_whole);
    if (trimmed.ok() && (is_whole || !trimmed->empty())) {
      v1::Verdict::Lost& lost = trial->lost.emplace_back();
      lost.set_change(index);
      lost.mutable_fields()->Add(trimmed->begin(), trimmed->end());
      if (is_whole || IsEmpty(*rest)) return absl::OkStatus();
    }
  }
  auto result = ApplyChange(type, rest.has_value() ? *rest : change, context, index, record);
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
                            const v1::Change& change, uint32_t index, const Trial& trial,
                            std::vector<v1::Refusal>* refusals) const {
  const size_t before = refusals->size();
  const TrialRecord& target = *trial.targets[index];
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
  const bool is_of_this_epoch = header.position().epoch() == base_.past->current()->epoch();
  const uint64_t seen = SeenBy(change, header, *base_.past, UINT64_MAX);
  trial.judge->Examine({push, header, change, index, type, &target.record,
                        is_of_this_epoch ? FormerScope(*trial.homes[index]->slot, seen) : ""},
                       refusals);
  // Who may not write here learns nothing else of the record.
  if (refusals->size() == before)
    CheckChange(type, push.partition, change, index, target.record, refusals);
  return refusals->size() != before;
}

absl::Status CommitGroup::TryLedger(Trial* trial) {
  const WriteRef& write = trial->context.write;
  for (const auto& [about, event] : trial->conflicts) {
    RETURN_IF_ERROR(ledger_.Record(*about, event, write.stamp,
                                   SequenceIn(about->slot->partition, trial), &trial->records));
  }
  for (const TrialRecord* target : trial->targets) {
    const Record& before = target->slot->state.base;
    if (before.exists() && before.scope() != target->record.scope()) {
      RETURN_IF_ERROR(ledger_.Follow(*target, write.stamp,
                                     SequenceIn(target->slot->partition, trial), &trial->records));
    }
  }
  std::vector<const TrialRecord*> blocked;
  RETURN_IF_ERROR(MoveToPartitions(
      &trial->records, [&](absl::string_view partition) { return SequenceIn(partition, trial); },
      &blocked));
  for (const TrialRecord* record : blocked) {
    const auto found = std::find(trial->targets.begin(), trial->targets.end(), record);
    const auto index = found == trial->targets.end() ? 0 : found - trial->targets.begin();
    trial->refusals.push_back(MakeRefusal(v1::WRONG_SCOPE, static_cast<uint32_t>(index), 0,
                                          "the other state has a record of this id"));
  }
  if (!trial->records.FitOneBatch()) {
    trial->refusals.push_back(MakeRefusal(
        v1::TOO_LARGE, 0, 0, "the records that the change set touches are too large together"));
  }
  return absl::OkStatus();
}

}  // namespace brigada
