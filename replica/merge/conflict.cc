#include "replica/merge/conflict.h"

#include <algorithm>
#include <utility>

#include "replica/base/ids.h"

namespace brigada {
namespace {

std::string BigEndian(uint64_t number) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(number >> shift));
  return bytes;
}

// One change set may have said several things, each of which is somebody's work.
bool IsSame(const v1::Contender& a, const v1::Contender& b) {
  return a.replica() == b.replica() && a.sequence() == b.sequence() &&
         a.deletion() == b.deletion() && a.value() == b.value();
}

bool SaysTheSame(const v1::Contender& a, const v1::Contender& b) {
  return a.value() == b.value() && a.deletion() == b.deletion();
}

// `candidates` that differ from the winner, each once, latest first.
void AddLosers(const std::vector<v1::Contender>& candidates, v1::Conflict* entry) {
  for (const v1::Contender& candidate : candidates) {
    if (SaysTheSame(candidate, entry->winner())) continue;
    const auto is_same = [&](const v1::Contender& loser) { return IsSame(loser, candidate); };
    if (std::any_of(entry->losers().begin(), entry->losers().end(), is_same)) continue;
    *entry->add_losers() = candidate;
  }
}

void OrderLosers(v1::Conflict* entry) {
  auto* losers = entry->mutable_losers();
  std::sort(losers->begin(), losers->end(), [](const v1::Contender& a, const v1::Contender& b) {
    if (a.at_ms() != b.at_ms()) return a.at_ms() > b.at_ms();
    if (a.sequence() != b.sequence()) return a.sequence() > b.sequence();
    return a.replica() > b.replica();
  });
}

}  // namespace

v1::Contender ContenderOf(const WriteRef& write, absl::string_view value) {
  v1::Contender contender;
  contender.set_value(value.data(), value.size());
  contender.set_replica(write.replica.AsBytes());
  contender.set_user(write.user);
  contender.set_at_ms(static_cast<int64_t>(write.stamp.value >> 16));
  contender.set_sequence(write.sequence);
  return contender;
}

void ExtendConflict(const v1::Conflict& update, v1::Conflict* entry) {
  v1::Conflict merged = update;
  AddLosers({entry->losers().begin(), entry->losers().end()}, &merged);
  // The former winner is among the losers of `update` when it was replaced; when it was decided
  // away otherwise (a bound, a deletion) it is kept here.
  if (entry->has_winner()) AddLosers({entry->winner()}, &merged);
  OrderLosers(&merged);
  if (merged.about_record().empty()) {
    merged.set_about_type(entry->about_type());
    merged.set_about_record(entry->about_record());
  }
  merged.set_continued(entry->continued());
  if (merged.deleted_content().empty()) merged.set_deleted_content(entry->deleted_content());
  *entry = std::move(merged);
}

ConflictLog::ConflictLog(const v1::Change& change, const WriteRef& write, Record* record,
                         std::vector<ConflictEvent>* events)
    : change_(change), write_(write), record_(record), events_(events) {
  if (!change.resolves().empty() && !record->conflicts.empty()) TakeCited(change);
}

void ConflictLog::TakeCited(const v1::Change& change) {
  auto& open = record_->conflicts;
  const auto is_cited = [&](const OpenConflict& conflict) {
    return std::any_of(change.resolves().begin(), change.resolves().end(),
                       [&](const std::string& id) { return conflict.id.bytes() == id; });
  };
  const auto first = std::stable_partition(
      open.begin(), open.end(), [&](const OpenConflict& conflict) { return !is_cited(conflict); });
  cited_.assign(first, open.end());
  open.erase(first, open.end());
  cited_reports_.resize(cited_.size());
}

int ConflictLog::FindCited(uint32_t field, absl::string_view key) const {
  for (size_t i = 0; i < cited_.size(); ++i)
    if (cited_[i].field == field && cited_[i].key == key) return static_cast<int>(i);
  return -1;
}

const OpenConflict* ConflictLog::FindOpen(uint32_t field, absl::string_view key) const {
  for (const OpenConflict& open : record_->conflicts)
    if (open.field == field && open.key == key) return &open;
  return nullptr;
}

bool ConflictLog::Watches(uint32_t field, absl::string_view key) const {
  if (is_overlay()) return false;
  return FindOpen(field, key) != nullptr || FindCited(field, key) >= 0;
}

RecordId ConflictLog::NewId(const SlotName& slot, uint64_t sequence) const {
  return DerivedRecordId({"conflict", BigEndian(change_.type_id()), change_.record_id(),
                          BigEndian(slot.field), slot.key, BigEndian(sequence)});
}

void ConflictLog::FillCited(size_t index, const Encounter& encounter) {
  v1::Conflict& entry = cited_reports_[index];
  *entry.mutable_winner() = encounter.winner;
  AddLosers(encounter.live, &entry);
  AddLosers(encounter.displaced, &entry);
}

void ConflictLog::Report(const SlotName& slot, Encounter encounter) {
  if (is_overlay()) return;
  const int cited = FindCited(slot.field, slot.key);
  if (cited >= 0) FillCited(static_cast<size_t>(cited), encounter);
  const OpenConflict* open = FindOpen(slot.field, slot.key);

  v1::Conflict entry;
  *entry.mutable_winner() = std::move(encounter.winner);
  AddLosers(encounter.live, &entry);
  if (open == nullptr && entry.losers().empty()) return;
  entry.set_state(slot.settles ? v1::SETTLED : v1::OPEN);
  if (open != nullptr) {
    AddLosers(encounter.displaced, &entry);
    Emit(open->id, slot, std::move(entry));
    return;
  }
  // Settled encounters of one slot share an entry: there is nothing to decide in each.
  const RecordId id = NewId(slot, slot.settles ? 0 : write_.sequence);
  if (!slot.settles) record_->conflicts.push_back(OpenConflict{slot.field, slot.key, id});
  Emit(id, slot, std::move(entry));
}

void ConflictLog::Resolve(size_t cited, v1::MergePolicy policy, const Encounter& encounter) {
  if (is_overlay()) return;
  if (!cited_reports_[cited].has_winner()) FillCited(cited, encounter);
  v1::Conflict entry = std::move(cited_reports_[cited]);
  entry.set_state(v1::RESOLVED);
  entry.set_resolved_by(write_.user);
  entry.set_resolved_at_ms(static_cast<int64_t>(write_.stamp.value >> 16));
  Emit(cited_[cited].id, SlotName{cited_[cited].field, cited_[cited].key, policy},
       std::move(entry));
}

void ConflictLog::Emit(const RecordId& id, const SlotName& slot, v1::Conflict entry) {
  entry.set_about_field(slot.field);
  entry.set_policy(slot.policy);
  OrderLosers(&entry);
  const auto same_id = [&](const ConflictEvent& event) { return event.id == id; };
  const auto found = std::find_if(events_->begin(), events_->end(), same_id);
  if (found != events_->end()) {
    ExtendConflict(entry, &found->entry);
    return;
  }
  events_->push_back(ConflictEvent{id, slot.field, slot.key, std::move(entry)});
}

}  // namespace brigada
