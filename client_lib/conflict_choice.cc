#include "client_lib/conflict_choice.h"

#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client_lib/pending_list.h"
#include "replica/base/status_macros.h"
#include "replica/merge/apply.h"
#include "replica/schema/fragment.h"
#include "replica/schema/parked_edit.h"
#include "replica/store/conflict_ledger.h"

namespace brigada {
namespace {

// The parked edit of `chosen`, without its counters where those would count again.
absl::StatusOr<ParkedEdit> ParkedOf(const RecordType* type, const v1::Contender& chosen,
                                    bool with_counters) {
  ASSIGN_OR_RETURN(ParkedEdit parked, ReadParkedValue(chosen.value()));
  ASSIGN_OR_RETURN(const std::vector<Fragment> fragments, SplitFragments(type, parked.values));
  parked.values.clear();
  for (const Fragment& fragment : fragments) {
    const FieldType* field = type == nullptr ? nullptr : type->FindField(fragment.number);
    if (with_counters || field == nullptr || field->policy != v1::COUNTER)
      parked.values += fragment.bytes;
  }
  return parked;
}

// What the record last said with the parked edit laid over.
absl::StatusOr<std::string> Restored(const RecordType* type, const v1::Conflict& entry,
                                     const ParkedEdit& parked) {
  if (entry.deleted_content().empty()) return parked.values;
  Record record;
  v1::Change change;
  change.set_type_id(entry.about_type());
  change.set_kind(v1::Change::CREATE);
  change.set_values(entry.deleted_content());
  RETURN_IF_ERROR(OverlayChange(type, change, WriteRef(), nullptr, &record));
  change.set_kind(v1::Change::EDIT);
  change.set_values(parked.values);
  change.set_removed(parked.removed);
  change.mutable_cleared()->Assign(parked.cleared.begin(), parked.cleared.end());
  RETURN_IF_ERROR(OverlayChange(type, change, WriteRef(), nullptr, &record));
  return record.Message();
}

absl::Status BringBack(const RecordType* type, const LedgerEntry& entry,
                       const v1::Contender& chosen, v1::Change* change) {
  // What came after the deletion are changes, in which a counter is an amount; what the deletion
  // met is what the record held then, counters included.
  const bool is_late = chosen.sequence() > entry.conflict.winner().sequence();
  const bool keeps_counters = is_late || entry.conflict.deleted_content().empty();
  ASSIGN_OR_RETURN(const ParkedEdit parked, ParkedOf(type, chosen, keeps_counters));
  change->set_kind(v1::Change::CREATE);
  change->set_scope(parked.scope.empty() ? entry.scope : parked.scope);
  ASSIGN_OR_RETURN(*change->mutable_values(), Restored(type, entry.conflict, parked));
  return absl::OkStatus();
}

// One of the values that met: of a MAP's key, it names the key.
std::string AnyValue(const v1::Conflict& conflict) {
  if (!conflict.winner().value().empty()) return conflict.winner().value();
  for (const v1::Contender& loser : conflict.losers())
    if (!loser.value().empty()) return loser.value();
  return "";
}

}  // namespace

absl::Status AddOlderValues(const ReadView& view, const RecordType& conflict_type,
                            LedgerEntry* entry) {
  for (uint32_t number = 0; number < entry->conflict.continued(); ++number) {
    ASSIGN_OR_RETURN(const std::optional<RecordView> found,
                     view.Get(conflict_type, ContinuationId(entry->id, number)));
    v1::Conflict older;
    if (!found.has_value()) continue;
    if (!older.ParseFromString(found->message))
      return absl::DataLossError("an entry of the ledger is damaged");
    entry->conflict.mutable_losers()->MergeFrom(older.losers());
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> IsAboutDeleted(const ReadView& view, const Registry& registry,
                                    const v1::Conflict& conflict) {
  const RecordType* const type = registry.Find(conflict.about_type());
  if (type == nullptr) return false;
  ASSIGN_OR_RETURN(const RecordId id, RecordId::FromBytes(conflict.about_record()));
  ASSIGN_OR_RETURN(const std::optional<RecordView> record, view.Get(*type, id));
  return !record.has_value();
}

absl::StatusOr<DecidedConflicts> DecidedInOutbox(const DeviceStore& store) {
  DecidedConflicts decided;
  RETURN_IF_ERROR(VisitOutbox(store, [&](const PendingChangeSet& pending) {
    for (const v1::Change& change : pending.content.changes())
      decided.insert(change.resolves().begin(), change.resolves().end());
    return absl::OkStatus();
  }));
  return decided;
}

absl::StatusOr<v1::Change> ChangeThatDecides(const RecordType* type, const LedgerEntry& entry,
                                             int loser) {
  const v1::Conflict& conflict = entry.conflict;
  if (conflict.state() != v1::OPEN)
    return absl::FailedPreconditionError("this conflict is decided already");
  if (loser >= conflict.losers_size()) {
    return absl::InvalidArgumentError(absl::StrCat("this conflict has ", conflict.losers_size(),
                                                   " other values: choose 0 to ",
                                                   conflict.losers_size() - 1));
  }
  v1::Change change;
  change.set_type_id(conflict.about_type());
  change.set_record_id(conflict.about_record());
  change.add_resolves(entry.id.AsBytes());
  // The value is written even when it stands already: the decision then replaces every version that
  // met here.
  const v1::Contender& chosen = loser < 0 ? conflict.winner() : conflict.losers(loser);
  // A deletion that stands needs nothing written: the record is gone.
  if (loser < 0 && chosen.deletion()) return change;
  if (entry.is_about_deleted && conflict.about_field() != 0) {
    if (loser < 0) return change;
    return absl::FailedPreconditionError(
        "the record of this conflict was deleted or is not here: only what stands can be chosen, "
        "which closes it");
  }
  if (conflict.about_field() == 0) {
    if (chosen.deletion()) {
      change.set_kind(v1::Change::DELETE);
    } else {
      RETURN_IF_ERROR(BringBack(type, entry, chosen, &change));
    }
  } else if (conflict.about_field() == kScopeFieldNumber) {
    change.set_scope(std::string(ScopeOfFragment(chosen.value())));
  } else if (chosen.value().empty() && conflict.policy() == v1::MAP) {
    change.set_removed(AnyValue(conflict));
  } else if (chosen.value().empty()) {
    change.add_cleared(conflict.about_field());
  } else {
    change.set_values(chosen.value());
  }
  return change;
}

}  // namespace brigada
