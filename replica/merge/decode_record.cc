#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "replica/base/limits.h"
#include "replica/base/status_macros.h"
#include "replica/merge/perspective.h"
#include "replica/merge/record.h"
#include "replica/merge/scope_levels.h"
#include "replica/merge/slot.h"
#include "replica/schema/fragment.h"

namespace brigada {
namespace {

constexpr uint32_t kNoWrite = UINT32_MAX;

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("record state: ", what));
}

// Several writes may have standing values of a field that is unknown here (its elements, where it
// is known): each gets a slot, keyed by order.
std::string UnknownSlotKey(size_t ordinal) {
  std::string key;
  if (ordinal == 0) return key;
  for (int shift = 24; shift >= 0; shift -= 8)
    key.push_back(static_cast<char>(static_cast<uint64_t>(ordinal) >> shift));
  return key;
}

// Reads the standing versions of all writes first, so that versions[0] of a slot stands.
class Decoder {
 public:
  Decoder(const RecordType* type, const v1::RecordState& state) : type_(type), state_(state) {}

  absl::StatusOr<Record> Decode() {
    record_.sequence = state_.sequence();
    for (const v1::Write& write : state_.writes()) RETURN_IF_ERROR(ReadWrite(write));
    RETURN_IF_ERROR(ReadLife());
    RETURN_IF_ERROR(CheckDistinct());
    RETURN_IF_ERROR(ForEachWrite([this](const v1::Write& write, uint32_t index) {
      return ReadFragments(write.values(), index, true);
    }));
    RETURN_IF_ERROR(ForEachWrite(
        [this](const v1::Write& write, uint32_t index) { return ReadTouched(write, index); }));
    RETURN_IF_ERROR(ForEachWrite([this](const v1::Write& write, uint32_t index) {
      return ReadFragments(write.losing(), index, false);
    }));
    RETURN_IF_ERROR(ForEachWrite([this](const v1::Write& write, uint32_t index) {
      return ReadLosingCleared(write, index);
    }));
    for (FieldState& field : record_.fields) Finish(&field);
    RETURN_IF_ERROR(ReadEntered());
    RETURN_IF_ERROR(ReadConflicts());
    RETURN_IF_ERROR(ReadPastStates());
    DropUnusedWrites(&record_);
    return std::move(record_);
  }

 private:
  template <typename Read>
  absl::Status ForEachWrite(Read read) {
    for (int i = 0; i < state_.writes_size(); ++i)
      RETURN_IF_ERROR(read(state_.writes(i), static_cast<uint32_t>(i)));
    return absl::OkStatus();
  }

  absl::StatusOr<ReplicaId> ReplicaOf(uint32_t actor) const {
    if (actor >= static_cast<uint32_t>(state_.actors_size())) return Damaged("bad actor index");
    auto replica = ReplicaId::FromBytes(state_.actors(static_cast<int>(actor)).replica());
    if (!replica.ok()) return Damaged("bad replica id");
    return replica;
  }

  absl::Status ReadWrite(const v1::Write& in) {
    WriteRef write;
    ASSIGN_OR_RETURN(write.replica, ReplicaOf(in.actor()));
    write.user = state_.actors(static_cast<int>(in.actor())).user();
    if (in.sequence_back() > state_.sequence()) return Damaged("bad commit sequence");
    write.sequence = state_.sequence() - in.sequence_back();
    write.origin_sequence = in.origin_sequence();
    write.stamp.value = state_.stamp() - static_cast<uint64_t>(in.stamp_back());
    record_.writes.push_back(std::move(write));
    return absl::OkStatus();
  }

  // What ended the earlier life is there twice when one change set deleted and created; it has no
  // versions then.
  bool IsBareEnding(uint32_t index) const {
    const v1::Write& write = state_.writes(static_cast<int>(index));
    return index != 0 && index == record_.ended_by && write.values().empty() &&
           write.losing().empty() && write.touched().empty() && write.losing_cleared().empty();
  }

  // Two writes that are one would become two versions of it in a slot as soon as the record is
  // merged: bytes that nobody could read again.
  absl::Status CheckDistinct() const {
    std::vector<const WriteRef*> sorted;
    for (uint32_t i = 0; i < record_.writes.size(); ++i)
      if (!IsBareEnding(i)) sorted.push_back(&record_.writes[i]);
    const auto name = [](const WriteRef& write) {
      return std::tie(write.sequence, write.origin_sequence, write.replica, write.stamp);
    };
    std::sort(sorted.begin(), sorted.end(),
              [&](const WriteRef* a, const WriteRef* b) { return name(*a) < name(*b); });
    const auto same = [](const WriteRef* a, const WriteRef* b) { return *a == *b; };
    if (std::adjacent_find(sorted.begin(), sorted.end(), same) != sorted.end())
      return Damaged("a write is there twice");
    return absl::OkStatus();
  }

  absl::Status ReadLife() {
    const auto count = static_cast<uint32_t>(record_.writes.size());
    if (state_.deleted_by() >= count || state_.ended_by() >= count)
      return Damaged("bad write index");
    record_.deleted = state_.deleted();
    record_.deleted_by = state_.deleted() ? state_.deleted_by() : 0;
    record_.ended_by = state_.ended_by();
    record_.erased = state_.erased();
    const int data_class = static_cast<int>(state_.data_class());
    // A class from a newer program is as sensitive as any.
    record_.data_class =
        v1::DataClass_IsValid(data_class) ? static_cast<v1::DataClass>(data_class) : v1::INCIDENT;
    return absl::OkStatus();
  }

  const FieldType* Known(uint32_t number) const {
    return type_ == nullptr ? nullptr : type_->FindField(number);
  }

  bool HasElements(uint32_t number) const {
    const FieldType* field = Known(number);
    return field != nullptr && (field->policy == v1::SET || field->policy == v1::MAP);
  }

  bool IsUnknown(uint32_t number) const {
    return number != kScopeFieldNumber && Known(number) == nullptr;
  }

  FieldState& Field(uint32_t number) {
    FieldState* found = record_.FindField(number);
    if (found != nullptr) return *found;
    FieldState& field = EnsureField(number, &record_);
    field.changed = kNoWrite;
    return field;
  }

  void MarkChanged(uint32_t write, FieldState* field) const {
    const auto& writes = record_.writes;
    if (field->changed == kNoWrite || IsCommittedLater(writes[write], writes[field->changed]))
      field->changed = write;
  }

  absl::Status ReadFragments(const std::string& bytes, uint32_t write, bool stands) {
    if (bytes.empty()) return absl::OkStatus();
    auto fragments = SplitFragments(type_, bytes);
    if (!fragments.ok()) return Damaged("malformed values");
    for (Fragment& fragment : *fragments) {
      FieldState& field = Field(fragment.number);
      if (stands && IsUnknown(fragment.number)) fragment.key = UnknownSlotKey(field.slots.size());
      RETURN_IF_ERROR(
          AddVersion(fragment.key, Version{write, std::move(fragment.bytes)}, stands, &field));
    }
    return absl::OkStatus();
  }

  absl::Status AddVersion(absl::string_view key, Version version, bool stands, FieldState* field) {
    Slot& slot = EnsureSlot(key, field);
    // Elements are told apart leniently: a program that knew the field as a register wrote other
    // marks than this one would.
    const bool is_register = !HasElements(field->number);
    if (is_register && stands && !slot.versions.empty()) return Damaged("two values stand");
    if (is_register && !stands && slot.versions.empty() && !IsUnknown(field->number))
      return Damaged("no value stands");
    const auto same_write = [&](const Version& other) { return other.write == version.write; };
    if (std::any_of(slot.versions.begin(), slot.versions.end(), same_write))
      return Damaged("two versions of one write");
    if (slot.versions.size() >= kMaxVersionsPerKey) return Damaged("too many versions");
    MarkChanged(version.write, field);
    slot.versions.push_back(std::move(version));
    return absl::OkStatus();
  }

  // Of a register: it stands cleared. Of a field with elements, or one with values that is unknown
  // here, it only tells the last change.
  absl::Status ReadTouched(const v1::Write& write, uint32_t index) {
    for (const uint32_t number : write.touched()) {
      if (number == 0 || number > kScopeFieldNumber) return Damaged("bad field number");
      FieldState& field = Field(number);
      const bool is_mark = HasElements(number) || (IsUnknown(number) && !field.slots.empty());
      if (is_mark) {
        MarkChanged(index, &field);
      } else {
        RETURN_IF_ERROR(AddVersion("", Version{index, std::string()}, true, &field));
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadLosingCleared(const v1::Write& write, uint32_t index) {
    for (const uint32_t number : write.losing_cleared()) {
      if (number == 0 || number > kScopeFieldNumber) return Damaged("bad field number");
      if (HasElements(number)) return Damaged("an element is cleared");
      RETURN_IF_ERROR(AddVersion("", Version{index, std::string()}, false, &Field(number)));
    }
    return absl::OkStatus();
  }

  void Finish(FieldState* field) const {
    const auto& writes = record_.writes;
    const auto is_later = [&](const Version& a, const Version& b) {
      return IsLater(writes[a.write], writes[b.write]);
    };
    for (Slot& slot : field->slots) {
      auto first = slot.versions.begin();
      if (!HasElements(field->number)) ++first;
      std::sort(first, slot.versions.end(), is_later);
    }
  }

  absl::Status ReadEntered() {
    for (const uint64_t back : state_.entered_back()) {
      if (back > state_.sequence()) return Damaged("bad entry sequence");
      record_.entered.push_back(state_.sequence() - back);
    }
    if (record_.entered.empty())
      record_.entered.assign(ScopeLevels(record_.scope()).size(), record_.created().sequence);
    return absl::OkStatus();
  }

  absl::Status ReadConflicts() {
    for (const v1::OpenConflict& in : state_.conflicts()) {
      auto id = RecordId::FromBytes(in.id());
      if (!id.ok()) return Damaged("bad conflict id");
      record_.conflicts.push_back(OpenConflict{in.field(), in.key(), *id});
    }
    return absl::OkStatus();
  }

  absl::Status ReadPastStates() {
    for (const v1::PastState& in : state_.past_states()) {
      PastState past;
      ASSIGN_OR_RETURN(past.replica, ReplicaOf(in.actor()));
      past.field = in.field();
      past.value = in.value();
      past.sequence = in.sequence();
      past.origin_sequence = in.origin_sequence();
      past.lost = in.lost();
      record_.past_states.push_back(past);
    }
    return absl::OkStatus();
  }

  const RecordType* const type_;
  const v1::RecordState& state_;
  Record record_;
};

}  // namespace

absl::StatusOr<Record> DecodeRecord(const RecordType* type, const v1::RecordState& state) {
  if (!state.writes().empty()) return Decoder(type, state).Decode();
  if (state.ByteSizeLong() == 0) return Record();
  return Damaged("no write");
}

}  // namespace brigada
