#include "replica/schema/diff.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "replica/base/check.h"
#include "replica/base/status_macros.h"
#include "replica/schema/fragment.h"

namespace brigada {
namespace {

using google::protobuf::Message;

// A fragment's place in its message. The key points into the fragment.
using SlotName = std::pair<uint32_t, absl::string_view>;

absl::StatusOr<std::vector<Fragment>> FragmentsOf(const RecordType& type, const Message& message) {
  if (message.GetDescriptor()->full_name() != type.descriptor()->full_name()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a ", message.GetDescriptor()->name(), " is no ", type.name()));
  }
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream output(&stream);
    // Maps inside registers are compared as bytes, so their order must not be a matter of chance.
    output.SetSerializationDeterministic(true);
    message.SerializePartialToCodedStream(&output);
  }
  return SplitFragments(&type, bytes);
}

absl::StatusOr<std::string> CounterChange(const FieldType& field, absl::string_view before,
                                          absl::string_view after) {
  ASSIGN_OR_RETURN(const int64_t old_total, CounterAmount(field, before));
  ASSIGN_OR_RETURN(const int64_t new_total, CounterAmount(field, after));
  int64_t amount = 0;
  if (__builtin_sub_overflow(new_total, old_total, &amount) || !CounterFits(field, amount)) {
    return absl::InvalidArgumentError(
        absl::StrCat(field.name, ": the amount does not fit the counter"));
  }
  return amount == 0 ? std::string() : CounterFragment(field, amount);
}

bool IsCounter(const FieldType* field) { return field != nullptr && field->policy == v1::COUNTER; }

// What `change` says of a fragment that is not in the new message.
absl::Status AddAbsent(const FieldType* field, const Fragment& fragment, v1::Change* change) {
  if (IsCounter(field)) {
    ASSIGN_OR_RETURN(const std::string amount, CounterChange(*field, fragment.bytes, ""));
    *change->mutable_values() += amount;
  } else if (field != nullptr && field->policy == v1::SET) {
    *change->mutable_removed() += fragment.bytes;
  } else if (field != nullptr && field->policy == v1::MAP) {
    *change->mutable_removed() += MapKeyFragment(*field, fragment.key);
  } else {
    change->add_cleared(fragment.number);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::Change> DiffMessages(const RecordType& type, const Message& before,
                                        const Message& after) {
  ASSIGN_OR_RETURN(const std::vector<Fragment> old_fragments, FragmentsOf(type, before));
  ASSIGN_OR_RETURN(const std::vector<Fragment> new_fragments, FragmentsOf(type, after));
  absl::flat_hash_map<SlotName, absl::string_view> old_slots;
  for (const Fragment& fragment : old_fragments)
    old_slots.emplace(SlotName(fragment.number, fragment.key), fragment.bytes);
  v1::Change change;
  change.set_type_id(type.type_id());
  for (const Fragment& fragment : new_fragments) {
    const FieldType* field = type.FindField(fragment.number);
    const auto old_slot = old_slots.find(SlotName(fragment.number, fragment.key));
    const absl::string_view old_bytes =
        old_slot == old_slots.end() ? absl::string_view() : old_slot->second;
    if (old_slot != old_slots.end()) old_slots.erase(old_slot);
    if (IsCounter(field)) {
      ASSIGN_OR_RETURN(const std::string amount, CounterChange(*field, old_bytes, fragment.bytes));
      *change.mutable_values() += amount;
    } else if (old_bytes != fragment.bytes) {
      *change.mutable_values() += fragment.bytes;
    }
  }
  // What is left in old_slots is gone; in the order of the old message, so that equal edits give
  // equal changes.
  for (const Fragment& fragment : old_fragments) {
    if (!old_slots.contains(SlotName(fragment.number, fragment.key))) continue;
    RETURN_IF_ERROR(AddAbsent(type.FindField(fragment.number), fragment, &change));
  }
  return change;
}

absl::StatusOr<v1::Change> CreateChange(const RecordType& type, const RecordId& id,
                                        const Scope& scope, const Message& message) {
  v1::Change change;
  change.set_type_id(type.type_id());
  change.set_kind(v1::Change::CREATE);
  change.set_scope(scope.path());
  ASSIGN_OR_RETURN(const std::vector<Fragment> fragments, FragmentsOf(type, message));
  for (const Fragment& fragment : fragments) *change.mutable_values() += fragment.bytes;
  RecordId record_id = id;
  if (!type.derived_from().empty()) {
    ASSIGN_OR_RETURN(record_id, DeriveId(type, message));
  }
  change.set_record_id(record_id.AsBytes());
  return change;
}

absl::StatusOr<RecordId> DeriveId(const RecordType& type, const Message& message) {
  CHECK(!type.derived_from().empty());
  if (message.GetDescriptor()->full_name() != type.descriptor()->full_name()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a ", message.GetDescriptor()->name(), " is no ", type.name()));
  }
  // Every part has 16 bytes, so their concatenation is unambiguous.
  std::string parts;
  for (const FieldType* field : type.derived_from()) {
    // The message may come from another pool than the type.
    const auto* descriptor =
        message.GetDescriptor()->FindFieldByNumber(static_cast<int>(field->number));
    std::string scratch;
    const std::string& part =
        message.GetReflection()->GetStringReference(message, descriptor, &scratch);
    if (part.size() != RecordId::kSize) {
      return absl::InvalidArgumentError(
          absl::StrCat(type.plural(), ": ", field->name, " is needed for the id"));
    }
    parts += part;
  }
  return DerivedRecordId({absl::StrCat(type.type_id()), parts});
}

namespace {

bool SaysNothing(const v1::Change& change) {
  return change.kind() == v1::Change::EDIT && change.scope().empty() && change.values().empty() &&
         change.removed().empty() && change.cleared().empty();
}

}  // namespace

bool IsEmpty(const v1::Change& change) { return SaysNothing(change) && change.resolves().empty(); }

bool OnlyResolves(const v1::Change& change) {
  return SaysNothing(change) && !change.resolves().empty();
}

}  // namespace brigada
