#include "replica/merge/apply.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/merge/conflict.h"
#include "replica/merge/contest.h"
#include "replica/merge/decision.h"
#include "replica/merge/deletion.h"
#include "replica/merge/perspective.h"
#include "replica/merge/slot.h"
#include "replica/merge/slot_applier.h"
#include "replica/merge/slot_write.h"
#include "replica/merge/state.h"
#include "replica/merge/value.h"

namespace brigada {
namespace {

SlotRule RuleOf(const RecordType* type, uint32_t number) {
  const FieldType* field = type == nullptr ? nullptr : type->FindField(number);
  return field == nullptr ? SlotRule() : SlotRule{field->policy, field};
}

// One change on its way into a record, at the authority or as an overlay.
class ChangeRun {
 public:
  ChangeRun(const RecordType* type, const v1::Change& change, const Perspective& who,
            Record* record)
      : type_(type), change_(change), who_(who), record_(record) {}

  absl::Status Prepare() {
    if (!v1::Change::Kind_IsValid(change_.kind()))
      return absl::InvalidArgumentError("change of an unknown kind");
    if (change_.kind() != v1::Change::DELETE) {
      ASSIGN_OR_RETURN(writes_, SlotWrites(type_, change_));
    }
    fate_ = FateOf(change_, writes_.empty(), who_, *record_);
    if (fate_ == Fate::kMerges) MarkDecisions(who_.cited(), *record_, &writes_);
    return absl::OkStatus();
  }

  Fate fate() const { return fate_; }
  const std::vector<SlotWrite>& writes() const { return writes_; }

  std::vector<v1::Refusal> Check(uint32_t change_index) const;
  // `lost` (may be null): fields to leave out.
  void Carry(const v1::Verdict::Lost* lost, ApplyResult* result);
  // The change met a deletion.
  void Park(ApplyResult* result);

 private:
  void CheckFields(std::vector<v1::Refusal>* refusals) const;
  void CheckStart(std::vector<v1::Refusal>* refusals) const;
  bool Restores() const;
  bool Cites(const OpenConflict& conflict) const;
  bool DecidesUnseen() const;
  bool HasUnseenValue(const OpenConflict& conflict) const;
  bool HasUnseenParked(const OpenConflict& conflict) const;
  static void Refuse(v1::RefusalReason reason, const FieldType* field,
                     std::vector<v1::Refusal>* refusals);
  static bool IsLeftOut(uint32_t number, const v1::Verdict::Lost* lost);
  void Start();
  void CarryFields(const v1::Verdict::Lost* lost, SlotApplier* applier, ConflictLog* log,
                   ApplyResult* result);
  void ResolveCited(const SlotApplier& applier, size_t cited, ConflictLog* log) const;
  void Finish(const ApplyResult& result);

  const RecordType* const type_;
  const v1::Change& change_;
  const Perspective& who_;
  Record* const record_;
  std::vector<SlotWrite> writes_;
  Fate fate_ = Fate::kUnknown;
};

void ChangeRun::Refuse(v1::RefusalReason reason, const FieldType* field,
                       std::vector<v1::Refusal>* refusals) {
  v1::Refusal refusal;
  refusal.set_reason(reason);
  if (field != nullptr) {
    refusal.set_field(field->number);
    const char* rule = reason == v1::ALREADY_SET          ? "already set"
                       : reason == v1::COUNTER_OVERFLOW   ? "the sum does not fit"
                       : reason == v1::ILLEGAL_TRANSITION ? "no such transition"
                                                          : "refused";
    refusal.set_detail(absl::StrCat(field->name, ": ", rule));
  }
  refusals->push_back(std::move(refusal));
}

std::vector<v1::Refusal> ChangeRun::Check(uint32_t change_index) const {
  std::vector<v1::Refusal> refusals;
  switch (fate_) {
    case Fate::kUnknown:
      Refuse(v1::UNKNOWN_RECORD, nullptr, &refusals);
      break;
    case Fate::kDeleted:
      Refuse(v1::DELETED_RECORD, nullptr, &refusals);
      break;
    case Fate::kStarts:
      CheckStart(&refusals);
      break;
    case Fate::kMerges:
      CheckFields(&refusals);
      break;
    default:
      break;
  }
  for (v1::Refusal& refusal : refusals) refusal.set_change(change_index);
  return refusals;
}

void ChangeRun::CheckFields(std::vector<v1::Refusal>* refusals) const {
  const bool creates = change_.kind() == v1::Change::CREATE;
  if (!creates && type_ != nullptr && type_->rules().append_only()) {
    // Only a decision on what two of its creates said writes into it again.
    const auto is_field = [](const SlotWrite& w) {
      return w.number != kScopeFieldNumber && w.decides != Decision::kOfOpen;
    };
    if (std::any_of(writes_.begin(), writes_.end(), is_field)) {
      Refuse(v1::ALREADY_SET, nullptr, refusals);
      return;
    }
  }
  for (const SlotWrite& write : writes_) {
    const auto reason = RefusalOf(write, who_, creates, *record_);
    if (reason.has_value()) Refuse(*reason, write.field, refusals);
  }
}

// The change brings a deleted record back because somebody had edited it meanwhile.
bool ChangeRun::Restores() const {
  return std::any_of(
      record_->conflicts.begin(), record_->conflicts.end(),
      [&](const OpenConflict& conflict) { return conflict.field == 0 && Cites(conflict); });
}

bool ChangeRun::Cites(const OpenConflict& conflict) const {
  return std::find(change_.resolves().begin(), change_.resolves().end(), conflict.id.bytes()) !=
         change_.resolves().end();
}

// A conflict that the change cites holds what its writer had not seen, and nothing that the change
// writes meets it: closed, it would be put away by somebody who never knew of it.
bool ChangeRun::DecidesUnseen() const {
  if (who_.sees_everything() || change_.resolves().empty()) return false;
  return std::any_of(
      record_->conflicts.begin(), record_->conflicts.end(), [&](const OpenConflict& open) {
        return Cites(open) && (open.field == 0 ? HasUnseenParked(open) : HasUnseenValue(open));
      });
}

// Of a slot that the change writes, the write itself meets the value in another conflict.
bool ChangeRun::HasUnseenValue(const OpenConflict& conflict) const {
  const bool is_written = std::any_of(writes_.begin(), writes_.end(), [&](const SlotWrite& write) {
    return write.number == conflict.field && write.key == conflict.key;
  });
  const FieldState* const field = record_->FindField(conflict.field);
  if (fate_ != Fate::kMerges || is_written || field == nullptr) return false;
  const Slot* const slot = FindSlot(conflict.key, *field);
  return slot != nullptr &&
         std::any_of(slot->versions.begin(), slot->versions.end(), [&](const Version& version) {
           return who_.IsConcurrent(record_->writes[version.write]);
         });
}

// The record of a new life may have moved since, and then those numbers say nothing.
bool ChangeRun::HasUnseenParked(const OpenConflict& conflict) const {
  if (record_->is_live()) return false;
  return std::any_of(who_.cited().begin(), who_.cited().end(), [&](const CitedConflict& cited) {
    return cited.id == conflict.id &&
           std::any_of(cited.parked.begin(), cited.parked.end(),
                       [&](const WriteRef& write) { return who_.IsConcurrent(write); });
  });
}

// A new record has no stored values to break a rule; only its states have to be initial ones, the
// unset ones (0) included. What is restored goes on in the state it had.
void ChangeRun::CheckStart(std::vector<v1::Refusal>* refusals) const {
  if (type_ == nullptr || Restores()) return;
  for (const FieldType& field : type_->fields()) {
    if (field.policy != v1::STATE) continue;
    int32_t state = 0;
    for (const SlotWrite& write : writes_)
      if (write.number == field.number) state = EnumNumber(write.fragment);
    const auto& initial = field.state_rules.initial();
    if (std::find(initial.begin(), initial.end(), state) == initial.end())
      Refuse(v1::ILLEGAL_TRANSITION, &field, refusals);
  }
}

bool ChangeRun::IsLeftOut(uint32_t number, const v1::Verdict::Lost* lost) {
  return lost != nullptr &&
         std::find(lost->fields().begin(), lost->fields().end(), number) != lost->fields().end();
}

void ChangeRun::Carry(const v1::Verdict::Lost* lost, ApplyResult* result) {
  const size_t conflicts_before = record_->conflicts.size();
  // Decisions without effect at the authority (0 is lost) have none in base.
  v1::Change undecided;
  undecided.set_type_id(change_.type_id());
  undecided.set_record_id(change_.record_id());
  const bool is_void = IsLeftOut(0, lost) || DecidesUnseen();
  ConflictLog log(is_void ? undecided : change_, who_.write(), record_,
                  who_.sees_everything() ? nullptr : &result->conflicts);
  // What is parked is parked whole, its decisions too: they stay to be made.
  SlotApplier applier(who_, change_.kind() == v1::Change::CREATE, record_, &log);
  switch (fate_) {
    case Fate::kStarts:
      Start();
      result->changed = true;
      CarryFields(lost, &applier, &log, result);
      break;
    case Fate::kMerges:
      CarryFields(lost, &applier, &log, result);
      break;
    case Fate::kDeletes:
      DeleteRecord(who_, record_, &log);
      result->changed = true;
      break;
    case Fate::kNothing:
      result->lost_whole = true;
      break;
    default:
      break;
  }
  for (size_t i = 0; i < log.cited().size(); ++i) ResolveCited(applier, i, &log);
  const bool decides_nothing = !change_.resolves().empty() && log.cited().empty();
  if (decides_nothing && !result->lost_whole && !who_.sees_everything())
    result->lost_fields.insert(result->lost_fields.begin(), 0);
  result->changed = result->changed || applier.has_changed() || !log.cited().empty() ||
                    record_->conflicts.size() != conflicts_before;
  Finish(*result);
}

void ChangeRun::Park(ApplyResult* result) {
  const size_t conflicts_before = record_->conflicts.size();
  v1::Change undecided;  // without what it resolves
  undecided.set_type_id(change_.type_id());
  undecided.set_record_id(change_.record_id());
  ConflictLog log(undecided, who_.write(), record_, &result->conflicts);
  ParkChange(change_, who_.write(), *record_, &log);
  result->lost_whole = true;
  result->changed = record_->conflicts.size() != conflicts_before;
  Finish(*result);
}

void ChangeRun::Start() {
  if (record_->exists()) {
    StartNextLife(who_.write(), record_);
  } else {
    record_->writes.push_back(who_.write());
    record_->fields.reserve(writes_.size());
  }
}

void ChangeRun::CarryFields(const v1::Verdict::Lost* lost, SlotApplier* applier, ConflictLog* log,
                            ApplyResult* result) {
  std::vector<std::pair<uint32_t, v1::MergePolicy>> written;
  for (SlotWrite& write : writes_) {
    if (IsLeftOut(write.number, lost)) continue;
    if (written.empty() || written.back().first != write.number)
      written.emplace_back(write.number, write.policy);
    applier->Apply(std::move(write));
  }
  if (who_.sees_everything()) return;
  if (type_ != nullptr && fate_ == Fate::kMerges && !type_->contested().empty()) {
    std::vector<uint32_t> numbers;
    numbers.reserve(written.size());
    for (const auto& [number, policy] : written) numbers.push_back(number);
    ReportContests(*type_, who_, numbers, *record_, log);
  }
  std::vector<uint32_t>& lost_fields = result->lost_fields;
  for (const auto& [number, policy] : written)
    if (applier->IsLost(number, policy)) lost_fields.push_back(number);
}

void ChangeRun::ResolveCited(const SlotApplier& applier, size_t cited, ConflictLog* log) const {
  const OpenConflict& conflict = log->cited()[cited];
  if (log->is_overlay()) return;
  if (conflict.field != 0) {
    log->Resolve(cited, RuleOf(type_, conflict.field).policy, applier.EncounterAt(conflict));
    return;
  }
  Encounter encounter;
  encounter.winner = DeletionContender(*record_);
  log->Resolve(cited, v1::MERGE_POLICY_UNSPECIFIED, encounter);
}

void ChangeRun::Finish(const ApplyResult& result) {
  if (!result.changed) return;
  record_->sequence = std::max(record_->sequence, who_.write().sequence);
  DropUnusedWrites(record_);
}

}  // namespace

absl::StatusOr<ApplyResult> ApplyChange(const RecordType* type, const v1::Change& change,
                                        const WriteContext& context, uint32_t change_index,
                                        Record* record) {
  const Perspective who(context);
  ChangeRun run(type, change, who, record);
  RETURN_IF_ERROR(run.Prepare());
  ApplyResult result;
  result.refusals = run.Check(change_index);
  if (!result.refusals.empty()) return result;
  if (run.fate() == Fate::kParks) {
    run.Park(&result);
  } else {
    run.Carry(nullptr, &result);
  }
  return result;
}

absl::Status OverlayChange(const RecordType* type, const v1::Change& change, const WriteRef& write,
                           const v1::Verdict::Lost* lost, Record* record) {
  // Lost without fields: the whole change met a deletion.
  if (lost != nullptr && lost->fields().empty()) return absl::OkStatus();
  const Perspective who(write);
  ChangeRun run(type, change, who, record);
  RETURN_IF_ERROR(run.Prepare());
  if (run.fate() == Fate::kUnknown || run.fate() == Fate::kDeleted) return absl::OkStatus();
  ApplyResult unused;
  run.Carry(lost, &unused);
  return absl::OkStatus();
}

}  // namespace brigada
