#include "replica/schema/validate.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/timestamp.pb.h"
#include "re2/re2.h"
#include "replica/base/ids.h"
#include "replica/base/utf8.h"
#include "replica/schema/value_form.h"

namespace brigada {
namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// As deep as protobuf's own parser goes.
constexpr int kMaxDepth = 100;
constexpr int kSingular = -1;
// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, the range of google.protobuf.Timestamp.
constexpr int64_t kFirstSecond = -62135596800;
constexpr int64_t kLastSecond = 253402300799;

bool HoldsNothing(const Message& message);

bool IsTimestamp(const google::protobuf::Descriptor& descriptor) {
  return descriptor.full_name() == "google.protobuf.Timestamp";
}

bool IsMissing(const Message& message, const FieldDescriptor& descriptor) {
  const Reflection& reflection = *message.GetReflection();
  if (descriptor.is_repeated()) return reflection.FieldSize(message, &descriptor) == 0;
  if (!reflection.HasField(message, &descriptor)) return true;
  if (descriptor.type() == FieldDescriptor::TYPE_STRING) {
    std::string scratch;
    return IsBlank(reflection.GetStringReference(message, &descriptor, &scratch));
  }
  return descriptor.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         HoldsNothing(reflection.GetMessage(message, &descriptor));
}

// The start of 1970 is a time like any other; a name without any part is none. What a newer program
// put in is something.
bool HoldsNothing(const Message& message) {
  if (IsTimestamp(*message.GetDescriptor())) return false;
  const Reflection& reflection = *message.GetReflection();
  if (!reflection.GetUnknownFields(message).empty()) return false;
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  return std::all_of(fields.begin(), fields.end(),
                     [&](const FieldDescriptor* field) { return IsMissing(message, *field); });
}

// Checks one top-level field and all that is below it.
class FieldChecker {
 public:
  FieldChecker(const FieldType& field, uint32_t change, std::vector<v1::Refusal>* refusals)
      : field_(field), change_(change), refusals_(refusals) {}

  void Check(const Message& message) {
    path_ = field_.name;
    const FieldDescriptor* descriptor =
        message.GetDescriptor()->FindFieldByNumber(static_cast<int>(field_.number));
    if (descriptor == nullptr) return;
    if (field_.rules.required() && IsMissing(message, *descriptor)) Refuse("missing");
    CheckField(message, *descriptor, 0);
  }

 private:
  // All rules are worded so that "is" can stand before them.
  void Refuse(absl::string_view rule) {
    std::string detail = absl::StrCat(path_, ": ", rule);
    if (!said_.insert(detail).second) return;
    v1::Refusal& refusal = refusals_->emplace_back();
    refusal.set_reason(v1::INVALID_VALUE);
    refusal.set_change(change_);
    refusal.set_field(field_.number);
    refusal.set_detail(std::move(detail));
  }

  void CheckField(const Message& message, const FieldDescriptor& descriptor, int depth) {
    const Reflection& reflection = *message.GetReflection();
    if (descriptor.is_repeated()) {
      const int size = reflection.FieldSize(message, &descriptor);
      for (int i = 0; i < size; ++i) CheckValue(message, descriptor, i, depth);
    } else if (reflection.HasField(message, &descriptor)) {
      CheckValue(message, descriptor, kSingular, depth);
    } else if (depth == 0 && !descriptor.has_presence()) {
      // An unset number is 0, which the range may not allow.
      CheckNumber(message, descriptor, kSingular);
    }
  }

  void CheckValue(const Message& message, const FieldDescriptor& descriptor, int index, int depth) {
    switch (descriptor.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        CheckText(message, descriptor, index, depth);
        break;
      case FieldDescriptor::CPPTYPE_ENUM:
        CheckEnum(message, descriptor, index);
        break;
      case FieldDescriptor::CPPTYPE_MESSAGE:
        CheckNested(index == kSingular
                        ? message.GetReflection()->GetMessage(message, &descriptor)
                        : message.GetReflection()->GetRepeatedMessage(message, &descriptor, index),
                    depth);
        break;
      default:
        if (depth == 0) CheckNumber(message, descriptor, index);
        break;
    }
  }

  void CheckNested(const Message& message, int depth) {
    if (depth >= kMaxDepth) {
      Refuse("nested too deeply");
      return;
    }
    if (IsTimestamp(*message.GetDescriptor())) {
      CheckTime(message);
      return;
    }
    const size_t path_size = path_.size();
    CheckValueForm(message, [&](absl::string_view part, absl::string_view rule) {
      if (!part.empty()) absl::StrAppend(&path_, ".", part);
      Refuse(rule);
      path_.resize(path_size);
    });
    const bool holds_nothing = HoldsNothing(message);
    for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor& descriptor = *message.GetDescriptor()->field(i);
      absl::StrAppend(&path_, ".", descriptor.name());
      if (!holds_nothing && IsRequiredPart(descriptor) && IsMissing(message, descriptor))
        Refuse("missing");
      CheckField(message, descriptor, depth + 1);
      path_.resize(path_size);
    }
  }

  void CheckText(const Message& message, const FieldDescriptor& descriptor, int index, int depth) {
    const Reflection& reflection = *message.GetReflection();
    std::string scratch;
    const std::string& text =
        index == kSingular
            ? reflection.GetStringReference(message, &descriptor, &scratch)
            : reflection.GetRepeatedStringReference(message, &descriptor, index, &scratch);
    size_t length = text.size();
    const bool is_text = descriptor.type() == FieldDescriptor::TYPE_STRING;
    if (is_text) {
      const absl::optional<size_t> points = CountCodePoints(text);
      if (!points.has_value()) {
        Refuse("not valid UTF-8");
        return;
      }
      length = *points;
    }
    if (field_.rules.max_length() > 0 && length > field_.rules.max_length())
      Refuse(absl::StrCat("longer than ", field_.rules.max_length()));
    if (depth > 0) return;
    if (field_.pattern != nullptr && !text.empty() && !re2::RE2::FullMatch(text, *field_.pattern))
      Refuse(absl::StrCat("not of the form ", field_.rules.pattern()));
    if (field_.references != nullptr && length != RecordId::kSize &&
        !(text.empty() && index == kSingular)) {
      Refuse("not an id of 16 bytes");
    }
  }

  void CheckEnum(const Message& message, const FieldDescriptor& descriptor, int index) {
    const Reflection& reflection = *message.GetReflection();
    const int value = index == kSingular
                          ? reflection.GetEnumValue(message, &descriptor)
                          : reflection.GetRepeatedEnumValue(message, &descriptor, index);
    const EnumValueDescriptor* known = descriptor.enum_type()->FindValueByNumber(value);
    if (known == nullptr) Refuse("not a declared value");
  }

  void CheckTime(const Message& time) {
    const Reflection& reflection = *time.GetReflection();
    const google::protobuf::Descriptor& descriptor = *time.GetDescriptor();
    const int64_t seconds = reflection.GetInt64(
        time, descriptor.FindFieldByNumber(google::protobuf::Timestamp::kSecondsFieldNumber));
    const int32_t nanos = reflection.GetInt32(
        time, descriptor.FindFieldByNumber(google::protobuf::Timestamp::kNanosFieldNumber));
    if (seconds < kFirstSecond || seconds > kLastSecond || nanos < 0 || nanos > 999'999'999)
      Refuse("not a time between the years 1 and 9999");
  }

  void CheckNumber(const Message& message, const FieldDescriptor& descriptor, int index) {
    const double min = field_.rules.range().min();
    const double max = field_.rules.range().max();
    if (!field_.rules.has_range() || (min == 0 && max == 0)) return;
    const absl::optional<double> number = Number(message, descriptor, index);
    // Not a number compares false with everything, so the test is for being inside.
    const bool inside = !number.has_value() || (*number >= min && *number <= max);
    if (!inside) Refuse(absl::StrCat("not between ", min, " and ", max));
  }

  static absl::optional<double> Number(const Message& message, const FieldDescriptor& descriptor,
                                       int index) {
    const Reflection& reflection = *message.GetReflection();
    const bool one = index == kSingular;
    const FieldDescriptor* field = &descriptor;
    switch (descriptor.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return one ? reflection.GetInt32(message, field)
                   : reflection.GetRepeatedInt32(message, field, index);
      case FieldDescriptor::CPPTYPE_UINT32:
        return one ? reflection.GetUInt32(message, field)
                   : reflection.GetRepeatedUInt32(message, field, index);
      case FieldDescriptor::CPPTYPE_INT64:
        return static_cast<double>(one ? reflection.GetInt64(message, field)
                                       : reflection.GetRepeatedInt64(message, field, index));
      case FieldDescriptor::CPPTYPE_UINT64:
        return static_cast<double>(one ? reflection.GetUInt64(message, field)
                                       : reflection.GetRepeatedUInt64(message, field, index));
      case FieldDescriptor::CPPTYPE_FLOAT:
        return one ? reflection.GetFloat(message, field)
                   : reflection.GetRepeatedFloat(message, field, index);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return one ? reflection.GetDouble(message, field)
                   : reflection.GetRepeatedDouble(message, field, index);
      default:
        return absl::nullopt;
    }
  }

  const FieldType& field_;
  const uint32_t change_;
  std::vector<v1::Refusal>* const refusals_;
  std::string path_;
  // Details given already: a thousand bad elements are one violation.
  absl::flat_hash_set<std::string> said_;
};

v1::ScopeLevel LevelOf(const Scope& scope) {
  switch (scope.depth()) {
    case 0:
      return v1::SCOPE_LEVEL_UNSPECIFIED;
    case 1:
      return v1::NATION;
    case 2:
      return v1::STATE_LEVEL;
    case 3:
      return v1::MUNICIPALITY;
    default:
      return v1::LOCALITY;
  }
}

// Names of states in lower case, without the one that says nothing.
std::vector<std::string> NamesOf(const FieldType& field,
                                 const google::protobuf::RepeatedField<int32_t>& states) {
  std::vector<std::string> names;
  for (const int32_t state : states) {
    const EnumValueDescriptor* const value =
        field.descriptor->enum_type()->FindValueByNumber(state);
    if (state != 0 && value != nullptr) names.push_back(absl::AsciiStrToLower(value->name()));
  }
  return names;
}

}  // namespace

bool IsRequiredPart(const FieldDescriptor& part) {
  return part.options().HasExtension(v1::field) &&
         part.options().GetExtension(v1::field).required();
}

std::vector<v1::Refusal> ValidateMessage(const RecordType& type, const Message& message,
                                         const absl::flat_hash_set<uint32_t>* numbers,
                                         uint32_t change) {
  std::vector<v1::Refusal> refusals;
  for (const FieldType& field : type.fields()) {
    if (numbers == nullptr || numbers->contains(field.number))
      FieldChecker(field, change, &refusals).Check(message);
  }
  return refusals;
}

std::vector<v1::Refusal> ValidateStart(const RecordType& type, const Message& message,
                                       uint32_t change) {
  std::vector<v1::Refusal> refusals;
  for (const FieldType& field : type.fields()) {
    if (field.policy != v1::STATE) continue;
    const FieldDescriptor* const descriptor =
        message.GetDescriptor()->FindFieldByNumber(static_cast<int>(field.number));
    if (descriptor == nullptr) continue;
    const int32_t state = message.GetReflection()->GetEnumValue(message, descriptor);
    const auto& initial = field.state_rules.initial();
    if (std::find(initial.begin(), initial.end(), state) != initial.end()) continue;
    v1::Refusal& refusal = refusals.emplace_back();
    refusal.set_reason(v1::INVALID_VALUE);
    refusal.set_change(change);
    refusal.set_field(field.number);
    refusal.set_detail(absl::StrCat(field.name, ": not a state to start in (",
                                    absl::StrJoin(NamesOf(field, initial), ", "), ")"));
  }
  return refusals;
}

absl::optional<v1::Refusal> ValidateScope(const RecordType& type, const Scope& scope,
                                          uint32_t change) {
  const v1::ScopeLevel level = LevelOf(scope);
  for (const int allowed : type.rules().levels()) {
    if (allowed == level) return absl::nullopt;
  }
  v1::Refusal refusal;
  refusal.set_reason(v1::WRONG_SCOPE);
  refusal.set_change(change);
  refusal.set_detail(scope.empty() ? std::string("scope: missing")
                                   : absl::StrCat("scope: not a level for ", type.plural()));
  return refusal;
}

std::string Describe(const RecordType& type, const std::vector<v1::Refusal>& refusals) {
  std::string sentence = absl::StrCat(type.plural(), ": ");
  absl::string_view separator;
  for (const v1::Refusal& refusal : refusals) {
    const absl::string_view detail = refusal.detail();
    const size_t colon = detail.find(": ");
    absl::StrAppend(&sentence, separator);
    const bool is_ours =
        refusal.reason() == v1::INVALID_VALUE || refusal.reason() == v1::WRONG_SCOPE;
    if (is_ours && colon != absl::string_view::npos) {
      absl::StrAppend(&sentence, detail.substr(0, colon), " is ", detail.substr(colon + 2));
    } else if (!detail.empty()) {
      absl::StrAppend(&sentence, detail);
    } else {
      absl::StrAppend(&sentence, v1::RefusalReason_Name(refusal.reason()));
    }
    separator = "; ";
  }
  return sentence;
}

}  // namespace brigada
