#include "replica/schema/annotation_check.h"
#include "replica/schema/parked_edit.h"

#include <cmath>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "re2/re2.h"
#include "replica/base/status_macros.h"

namespace brigada {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

absl::Status Contradiction(const Descriptor& descriptor, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(descriptor.name(), ": ", what));
}

absl::Status Contradiction(const FieldType& field, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(field.descriptor->containing_type()->name(), ".", field.name, ": ", what));
}

bool IsLowerSnakeCase(absl::string_view text) {
  if (text.empty() || !absl::ascii_islower(static_cast<unsigned char>(text[0])) ||
      text.back() == '_') {
    return false;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '_' && text[i - 1] == '_') return false;
    if (c != '_' && !absl::ascii_islower(c) && !absl::ascii_isdigit(c)) return false;
  }
  return true;
}

bool IsSignedInteger(FieldDescriptor::Type type) {
  return type == FieldDescriptor::TYPE_INT32 || type == FieldDescriptor::TYPE_INT64 ||
         type == FieldDescriptor::TYPE_SINT32 || type == FieldDescriptor::TYPE_SINT64 ||
         type == FieldDescriptor::TYPE_SFIXED32 || type == FieldDescriptor::TYPE_SFIXED64;
}

bool IsText(const FieldType& field) { return field.type == FieldDescriptor::TYPE_STRING; }

bool IsMessage(const FieldType& field) {
  return field.descriptor->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
}

bool IsNumber(const FieldType& field) {
  switch (field.descriptor->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return true;
    default:
      return false;
  }
}

bool IsTimestamp(const FieldType& field) {
  return IsMessage(field) &&
         field.descriptor->message_type()->full_name() == "google.protobuf.Timestamp";
}

// True when a value of this type holds text, or bytes if they count, at any depth.
bool HoldsText(const FieldDescriptor& field, bool count_bytes,
               absl::flat_hash_set<const Descriptor*>* seen) {
  if (field.type() == FieldDescriptor::TYPE_STRING) return true;
  if (field.type() == FieldDescriptor::TYPE_BYTES) return count_bytes;
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return false;
  const Descriptor* message = field.message_type();
  if (!seen->insert(message).second) return false;
  for (int i = 0; i < message->field_count(); ++i) {
    if (HoldsText(*message->field(i), count_bytes, seen)) return true;
  }
  return false;
}

bool HoldsText(const FieldType& field, bool count_bytes) {
  absl::flat_hash_set<const Descriptor*> seen;
  return HoldsText(*field.descriptor, count_bytes, &seen);
}

absl::Status CheckShape(const FieldType& field) {
  const FieldDescriptor& descriptor = *field.descriptor;
  if (field.number >= kClearedFieldNumber)
    return Contradiction(field, "field numbers from 536870909 on are kept for the engine");
  if (field.type == FieldDescriptor::TYPE_GROUP)
    return Contradiction(field, "groups are not supported");
  if (descriptor.is_required())
    return Contradiction(field, "a proto2 required field cannot be merged");
  if (descriptor.real_containing_oneof() != nullptr)
    return Contradiction(field, "fields of a oneof cannot be merged one by one");
  return absl::OkStatus();
}

absl::Status CheckStateTransitions(const FieldType& field, const EnumDescriptor& states) {
  const v1::StateRules& rules = field.state_rules;
  absl::flat_hash_set<int> ranked;
  for (const int value : rules.precedence()) {
    if (states.FindValueByNumber(value) == nullptr)
      return Contradiction(field, absl::StrCat("precedence names unknown value ", value));
    if (!ranked.insert(value).second)
      return Contradiction(field, absl::StrCat("precedence names value ", value, " twice"));
  }
  for (const int value : rules.initial()) {
    if (states.FindValueByNumber(value) == nullptr)
      return Contradiction(field, absl::StrCat("initial names unknown value ", value));
    if (!ranked.contains(value))
      return Contradiction(field, absl::StrCat("precedence misses initial value ", value));
  }
  for (const v1::Transition& move : rules.transitions()) {
    for (const int value : {move.from(), move.to()}) {
      if (states.FindValueByNumber(value) == nullptr)
        return Contradiction(field, absl::StrCat("a transition names unknown value ", value));
    }
    if (!ranked.contains(move.to())) {
      return Contradiction(
          field, absl::StrCat("precedence misses value ", move.to(), " that a transition reaches"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckStatePolicy(const FieldType& field) {
  if (field.repeated || field.type != FieldDescriptor::TYPE_ENUM)
    return Contradiction(field, "STATE needs a singular enum field");
  const EnumDescriptor& states = *field.descriptor->enum_type();
  if (!states.options().HasExtension(v1::state))
    return Contradiction(field, absl::StrCat("STATE needs state rules on enum ", states.name()));
  if (field.state_rules.initial().empty())
    return Contradiction(field, "the state rules name no initial value");
  return CheckStateTransitions(field, states);
}

absl::Status CheckPolicy(const FieldType& field, bool append_only) {
  if (append_only && field.policy != v1::FIRST_WRITER && field.policy != v1::SET &&
      field.policy != v1::MAP) {
    return Contradiction(field, absl::StrCat(v1::MergePolicy_Name(field.policy),
                                             " has no meaning in an append-only record"));
  }
  switch (field.policy) {
    case v1::SET:
      if (!field.repeated || IsMessage(field))
        return Contradiction(field, "SET needs a repeated scalar or enum field");
      return absl::OkStatus();
    case v1::MAP:
      if (!field.is_map) return Contradiction(field, "MAP needs a map field");
      return absl::OkStatus();
    case v1::COUNTER:
      // Amounts may be negative, so an unsigned field cannot carry them.
      if (field.repeated || !IsSignedInteger(field.type))
        return Contradiction(field, "COUNTER needs a singular signed integer field");
      return absl::OkStatus();
    case v1::MAX:
    case v1::MIN:
      if (field.repeated || IsMessage(field)) {
        return Contradiction(field, absl::StrCat(v1::MergePolicy_Name(field.policy),
                                                 " needs a singular scalar or enum field"));
      }
      return absl::OkStatus();
    case v1::STATE:
      return CheckStatePolicy(field);
    case v1::LAST_WRITER:
    case v1::FIRST_WRITER:
      return absl::OkStatus();
    default:
      return Contradiction(field, "unknown merge policy");
  }
}

absl::Status CheckValueRules(const FieldType& field) {
  const v1::FieldRules& rules = field.rules;
  if (rules.max_length() > 0 && !HoldsText(field, true))
    return Contradiction(field, "max_length needs text or bytes");
  if (!rules.pattern().empty()) {
    if (!IsText(field)) return Contradiction(field, "pattern needs a string field");
    if (!field.pattern->ok()) {
      return Contradiction(field,
                           absl::StrCat("pattern does not compile: ", field.pattern->error()));
    }
  }
  if (rules.has_range()) {
    const double min = rules.range().min();
    const double max = rules.range().max();
    if (!IsNumber(field)) return Contradiction(field, "range needs a number");
    if (std::isnan(min) || std::isnan(max) || min > max)
      return Contradiction(field, "range has min above max");
  }
  return absl::OkStatus();
}

absl::Status CheckFolio(const FieldType& field) {
  if (!field.rules.folio()) return absl::OkStatus();
  if (IsText(field) && !field.repeated && field.policy == v1::FIRST_WRITER) return absl::OkStatus();
  return Contradiction(field, "folio needs a singular string field with FIRST_WRITER");
}

absl::Status CheckLookupRules(const FieldType& field) {
  const v1::FieldRules& rules = field.rules;
  if (!rules.references().empty() && field.type != FieldDescriptor::TYPE_BYTES)
    return Contradiction(field, "references needs a bytes field");
  if (field.indexed) {
    if (field.repeated && field.policy != v1::SET)
      return Contradiction(field, "index of a repeated field needs SET");
    if (IsMessage(field) && !IsTimestamp(field))
      return Contradiction(field, "index needs a scalar, an enum or a Timestamp");
  }
  if (rules.search()) {
    const bool searchable =
        IsText(field) || (IsMessage(field) && !field.repeated && HoldsText(field, false));
    if (!searchable) return Contradiction(field, "search needs text or a message with text");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckContest(const FieldType& field) {
  const FieldType* const state = field.contested_by;
  if (state == nullptr || state->policy != v1::STATE)
    return Contradiction(field, "contested_by needs the name of a STATE field");
  if (field.policy != v1::LAST_WRITER || field.repeated)
    return Contradiction(field, "contested_by is for a singular field with LAST_WRITER");
  const auto& states = field.rules.contested_by().states();
  if (states.empty()) return Contradiction(field, "contested_by names no state");
  for (const int32_t number : states) {
    if (state->descriptor->enum_type()->FindValueByNumber(number) == nullptr)
      return Contradiction(field, absl::StrCat("contested_by names unknown state ", number));
  }
  return absl::OkStatus();
}

absl::Status CheckRecordRules(const Descriptor& descriptor, const v1::RecordRules& rules) {
  if (rules.type_id() == 0) return Contradiction(descriptor, "type_id is missing");
  if (rules.plural().empty()) return Contradiction(descriptor, "plural is missing");
  if (!IsLowerSnakeCase(rules.plural()))
    return Contradiction(descriptor, "plural is not lower_snake_case");
  if (rules.levels().empty()) return Contradiction(descriptor, "levels are missing");
  absl::flat_hash_set<int> levels;
  for (const int level : rules.levels()) {
    if (!v1::ScopeLevel_IsValid(level) || level == v1::SCOPE_LEVEL_UNSPECIFIED)
      return Contradiction(descriptor, "levels name an unknown level");
    if (!levels.insert(level).second) return Contradiction(descriptor, "levels name a level twice");
  }
  if (rules.data_class() == v1::DATA_CLASS_UNSPECIFIED ||
      !v1::DataClass_IsValid(rules.data_class())) {
    return Contradiction(descriptor, "data_class is missing or unknown");
  }
  return absl::OkStatus();
}

absl::Status CheckFieldRules(const FieldType& field, bool append_only) {
  RETURN_IF_ERROR(CheckShape(field));
  if (!v1::DataClass_IsValid(field.data_class))
    return Contradiction(field, "data_class is unknown");
  RETURN_IF_ERROR(CheckPolicy(field, append_only));
  RETURN_IF_ERROR(CheckValueRules(field));
  RETURN_IF_ERROR(CheckFolio(field));
  return CheckLookupRules(field);
}

}  // namespace brigada
