#include "replica/store/conflict_ledger.h"

#include <algorithm>
#include <memory>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "replica/base/check.h"
#include "replica/base/status_macros.h"
#include "replica/schema/diff.h"
#include "replica/schema/index_value.h"
#include "replica/schema/scope.h"
#include "replica/store/keys.h"
#include "replica/store/record_size.h"

namespace brigada {
namespace {

// Decided conflicts that follow a moved record take no more than this: what waits for a person goes
// first, and a move must stay far below what fits one batch.
constexpr size_t kMaxHistoryBytes = size_t{128} << 10;

// The change set on whose behalf the ledger writes.
struct Occasion {
  Hlc stamp;
  uint64_t commit_sequence = 0;
};

v1::DataClass FieldClass(const RecordType* type, uint32_t number) {
  if (number == kScopeFieldNumber) return v1::PUBLIC;
  const FieldType* field = type == nullptr ? nullptr : type->FindField(number);
  return field == nullptr ? v1::INCIDENT : field->data_class;
}

// Nobody reads a conflict who may not read both the record and every value that met. It follows
// from what the conflict is about and not from what it holds so far: a class that rose later would
// leave readers behind with an entry that they are told nothing more of.
v1::DataClass ConflictClass(const TrialRecord& about, uint32_t about_field) {
  const RecordType* const type = about.slot->type;
  v1::DataClass highest = ClassOf(type, about.record);
  if (about_field != 0) return std::max(highest, FieldClass(type, about_field));
  if (type == nullptr) return v1::INCIDENT;
  for (const FieldType& field : type->fields()) highest = std::max(highest, field.data_class);
  return highest;
}

// The ledger's own writes always parse; if one does not, the new contenders are still recorded.
v1::Conflict EntryOf(const TrialRecord& trial) {
  v1::Conflict entry;
  if (trial.record.is_live() && !entry.ParseFromString(trial.record.Message())) entry.Clear();
  return entry;
}

absl::StatusOr<v1::Change> ChangeOf(const TrialRecord& trial, const Scope& scope,
                                    const v1::Conflict& entry) {
  const RecordSlot& slot = *trial.slot;
  if (!trial.record.is_live()) return CreateChange(*slot.type, slot.id, scope, entry);
  ASSIGN_OR_RETURN(v1::Change change, DiffMessages(*slot.type, EntryOf(trial), entry));
  change.set_type_id(slot.type_id);
  change.set_record_id(slot.id.AsBytes());
  if (trial.record.scope() != scope.path()) change.set_scope(scope.path());
  return change;
}

absl::Status Write(const TrialRecord& about, const v1::Conflict& entry, const Occasion& occasion,
                   TrialRecord* trial) {
  ASSIGN_OR_RETURN(const Scope scope, Scope::Parse(about.record.scope()));
  ASSIGN_OR_RETURN(const v1::Change change, ChangeOf(*trial, scope, entry));
  WriteContext context;
  context.write.stamp = occasion.stamp;
  context.write.sequence = occasion.commit_sequence;
  context.seen = occasion.commit_sequence;
  const RecordType* const type = trial->slot->type;
  ASSIGN_OR_RETURN(const ApplyResult result, ApplyChange(type, change, context, 0, &trial->record));
  if (!result.refusals.empty())
    return absl::InternalError("record a conflict: the ledger refused its own entry");
  const v1::DataClass data_class =
      std::max(ConflictClass(about, entry.about_field()), ClassOf(type, trial->record));
  if (data_class != type->data_class()) trial->record.data_class = data_class;
  trial->is_changed = trial->is_changed || result.changed;
  return absl::OkStatus();
}

bool IsAbout(const v1::Conflict& entry, const TrialRecord& record) {
  return entry.about_type() == record.slot->type_id &&
         entry.about_record() == record.slot->id.bytes();
}

// A value in this field may be refused for what is stored there.
bool IsGuarded(const RecordType* type, v1::MergePolicy policy) {
  if (type == nullptr) return false;
  return policy == v1::STATE || policy == v1::FIRST_WRITER || type->rules().append_only();
}

std::vector<WriteRef> ParkedIn(const v1::Conflict& entry) {
  std::vector<WriteRef> parked;
  for (const v1::Contender& loser : entry.losers()) {
    const absl::StatusOr<ReplicaId> replica = ReplicaId::FromBytes(loser.replica());
    if (!replica.ok() || loser.deletion()) continue;
    WriteRef& write = parked.emplace_back();
    write.replica = *replica;
    write.sequence = loser.sequence();
  }
  return parked;
}

size_t LoserBytes(const v1::Conflict& entry) {
  size_t bytes = 0;
  for (const v1::Contender& loser : entry.losers()) bytes += loser.ByteSizeLong();
  return bytes;
}

bool IsFull(const v1::Conflict& entry) {
  return entry.losers_size() >= kMaxLosers || LoserBytes(entry) >= kMaxLoserBytes;
}

bool HasLoser(const v1::Conflict& entry, const v1::Contender& wanted) {
  return std::any_of(entry.losers().begin(), entry.losers().end(), [&](const v1::Contender& loser) {
    return loser.replica() == wanted.replica() && loser.sequence() == wanted.sequence() &&
           loser.deletion() == wanted.deletion();
  });
}

// Takes out of `entry` what is beyond its bounds: the oldest first, and before all others what
// `update` does not name, because what it names may still be live and be reported again.
std::vector<v1::Contender> TakeOldest(const v1::Conflict& update, v1::Conflict* entry) {
  std::vector<v1::Contender> taken;
  auto* const losers = entry->mutable_losers();
  size_t bytes = LoserBytes(*entry);
  while (losers->size() > kMaxLosers || (bytes > kMaxLoserBytes && losers->size() > 1)) {
    int oldest = losers->size() - 1;
    while (oldest > 0 && HasLoser(update, losers->Get(oldest))) --oldest;
    if (HasLoser(update, losers->Get(oldest))) oldest = losers->size() - 1;
    bytes -= losers->Get(oldest).ByteSizeLong();
    taken.push_back(std::move(*losers->Mutable(oldest)));
    losers->DeleteSubrange(oldest, 1);
  }
  return taken;
}

// Puts `older` into the further entries of `conflict`, the last of which may have room.
absl::Status Continue(const TrialRecord& about, const RecordId& id, const Occasion& occasion,
                      std::vector<v1::Contender> older, v1::Conflict* conflict,
                      TrialRecords* records) {
  size_t next = 0;
  while (next < older.size()) {
    const uint32_t number = conflict->continued() == 0 ? 0 : conflict->continued() - 1;
    ASSIGN_OR_RETURN(TrialRecord * trial, records->Open(about.slot->partition, kConflictTypeId,
                                                        ContinuationId(id, number)));
    v1::Conflict entry = EntryOf(*trial);
    if (IsFull(entry)) {
      ASSIGN_OR_RETURN(trial, records->Open(about.slot->partition, kConflictTypeId,
                                            ContinuationId(id, number + 1)));
      entry.Clear();
      conflict->set_continued(number + 2);
    } else {
      conflict->set_continued(number + 1);
    }
    entry.set_about_type(conflict->about_type());
    entry.set_about_record(conflict->about_record());
    entry.set_about_field(conflict->about_field());
    entry.set_policy(conflict->policy());
    entry.set_state(v1::CONTINUED);
    entry.set_continues(id.AsBytes());
    while (next < older.size() && !IsFull(entry)) *entry.add_losers() = std::move(older[next++]);
    RETURN_IF_ERROR(Write(about, entry, occasion, trial));
  }
  return absl::OkStatus();
}

// What the entry `id` and those that continue it hold. Takes what it reads off `*budget`.
absl::StatusOr<CitedConflict> ReadCited(const RecordId& id, const TrialRecord& about,
                                        TrialRecords* records, int* budget) {
  CitedConflict cited{.id = id, .field = 0, .values = {}};
  uint32_t entries = 1;
  for (uint32_t i = 0; i < entries && 0 < *budget; ++i, *budget -= 1) {
    ASSIGN_OR_RETURN(const TrialRecord* trial,
                     records->Open(about.slot->partition, kConflictTypeId,
                                   i == 0 ? id : ContinuationId(id, i - 1)));
    const v1::Conflict entry = EntryOf(*trial);
    if (!IsAbout(entry, about)) break;
    cited.field = entry.about_field();
    // The latest are in the first entry.
    if (i == 0 && cited.field == 0) cited.parked = ParkedIn(entry);
    if (!IsGuarded(about.slot->type, entry.policy())) break;
    if (i == 0) entries += entry.continued();
    if (entry.has_winner()) cited.values.push_back(entry.winner().value());
    for (const v1::Contender& loser : entry.losers()) cited.values.push_back(loser.value());
  }
  return cited;
}

}  // namespace

RecordId ContinuationId(const RecordId& conflict, uint32_t number) {
  std::string bytes;
  AppendBigEndian32(number, &bytes);
  return DerivedRecordId({"conflict continued", conflict.bytes(), bytes});
}

absl::Status ConflictLedger::Record(const TrialRecord& about, const ConflictEvent& event, Hlc stamp,
                                    uint64_t commit_sequence, TrialRecords* records) {
  ASSIGN_OR_RETURN(TrialRecord * trial,
                   records->Open(about.slot->partition, kConflictTypeId, event.id));
  // A registry without the ledger's type (a test's own) keeps no ledger.
  if (trial->slot->type == nullptr) return absl::OkStatus();
  const Occasion occasion{stamp, commit_sequence};
  v1::Conflict conflict = event.entry;
  if (trial->record.is_live()) {
    conflict = EntryOf(*trial);
    ExtendConflict(event.entry, &conflict);
  } else {
    made_[{about.slot->type_id, about.slot->id}].push_back(event.id);
  }
  conflict.set_about_type(about.slot->type_id);
  conflict.set_about_record(about.slot->id.AsBytes());
  // A very large content is left out: with it the conflict might not fit a batch any more, and the
  // deletion would be refused for its sake.
  if (event.field == 0 && conflict.deleted_content().empty() &&
      about.last_content().size() <= kMaxLoserBytes)
    conflict.set_deleted_content(about.last_content());
  std::vector<v1::Contender> older = TakeOldest(event.entry, &conflict);
  RETURN_IF_ERROR(Continue(about, event.id, occasion, std::move(older), &conflict, records));
  return Write(about, conflict, occasion, trial);
}

absl::StatusOr<std::vector<CitedConflict>> ConflictLedger::CitedBy(const v1::Change& change,
                                                                   const TrialRecord& about,
                                                                   TrialRecords* records) const {
  std::vector<CitedConflict> all;
  int budget = kMaxCitedEntries;
  for (const std::string& bytes : change.resolves()) {
    const auto id = RecordId::FromBytes(bytes);
    if (!id.ok()) continue;
    ASSIGN_OR_RETURN(CitedConflict cited, ReadCited(*id, about, records, &budget));
    if (!cited.values.empty() || !cited.parked.empty()) all.push_back(std::move(cited));
    if (budget == 0) break;
  }
  return all;
}

absl::StatusOr<std::vector<RecordId>> ConflictLedger::EntriesAbout(const TrialRecord& about) const {
  std::vector<RecordId> ids;
  const std::string prefix =
      IndexPrefix(about.slot->partition, kConflictTypeId, v1::Conflict::kAboutRecordFieldNumber);
  const std::string begin = IndexBound(prefix, EncodeIndexString(about.slot->id.bytes()));
  const auto it = reader_->Iterate(Table::kIndex, begin, PrefixEnd(begin));
  for (it->SeekToFirst(); it->Valid(); it->Next()) ids.push_back(IdOfIndexKey(it->key()));
  RETURN_IF_ERROR(it->status());
  const auto made = made_.find({about.slot->type_id, about.slot->id});
  if (made != made_.end()) ids.insert(ids.end(), made->second.begin(), made->second.end());
  return ids;
}

absl::Status ConflictLedger::Follow(const TrialRecord& about, Hlc stamp, uint64_t commit_sequence,
                                    TrialRecords* records) const {
  const Occasion occasion{stamp, commit_sequence};
  const std::string scope = about.record.scope();
  size_t history_bytes = 0;
  const auto move = [&](const RecordId& id, bool is_history) -> absl::StatusOr<uint32_t> {
    ASSIGN_OR_RETURN(TrialRecord * trial,
                     records->Open(about.slot->partition, kConflictTypeId, id));
    if (trial->slot->type == nullptr || !trial->record.is_live()) return 0;
    const v1::Conflict entry = EntryOf(*trial);
    if (!IsAbout(entry, about) || trial->record.scope() == scope) return entry.continued();
    if (is_history) {
      history_bytes += EncodedBytesAtMost(trial->record);
      if (history_bytes > kMaxHistoryBytes) return 0;
    }
    RETURN_IF_ERROR(Write(about, entry, occasion, trial));
    return entry.continued();
  };
  for (const OpenConflict& open : about.record.conflicts) {
    ASSIGN_OR_RETURN(const uint32_t continued, move(open.id, false));
    for (uint32_t number = 0; number < continued; ++number)
      RETURN_IF_ERROR(move(ContinuationId(open.id, number), false).status());
  }
  ASSIGN_OR_RETURN(const std::vector<RecordId> ids, EntriesAbout(about));
  for (const RecordId& id : ids) RETURN_IF_ERROR(move(id, true).status());
  return absl::OkStatus();
}

}  // namespace brigada
