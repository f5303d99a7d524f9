#include "replica/query/render_value.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "brigada/v1/annotations.pb.h"
#include "replica/base/ids.h"

namespace brigada {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr int kSingular = -1;
constexpr int kMaxDepth = 100;

// One value of a message: a singular field, or one element of a repeated one.
struct Place {
  const Message* message;
  const FieldDescriptor* field;
  int index;

  bool is_singular() const { return index == kSingular; }
  const Reflection& reflection() const { return *message->GetReflection(); }
};

int64_t Saturated(uint64_t value) {
  return static_cast<int64_t>(std::min(value, uint64_t{std::numeric_limits<int64_t>::max()}));
}

int64_t IntegerOf(const Place& place) {
  const Reflection& reflection = place.reflection();
  const Message& message = *place.message;
  const FieldDescriptor* field = place.field;
  const int i = place.index;
  const bool one = place.is_singular();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return one ? reflection.GetInt32(message, field)
                 : reflection.GetRepeatedInt32(message, field, i);
    case FieldDescriptor::CPPTYPE_UINT32:
      return one ? reflection.GetUInt32(message, field)
                 : reflection.GetRepeatedUInt32(message, field, i);
    case FieldDescriptor::CPPTYPE_INT64:
      return one ? reflection.GetInt64(message, field)
                 : reflection.GetRepeatedInt64(message, field, i);
    case FieldDescriptor::CPPTYPE_UINT64:
      return Saturated(one ? reflection.GetUInt64(message, field)
                           : reflection.GetRepeatedUInt64(message, field, i));
    case FieldDescriptor::CPPTYPE_BOOL:
      return (one ? reflection.GetBool(message, field)
                  : reflection.GetRepeatedBool(message, field, i))
                 ? 1
                 : 0;
    case FieldDescriptor::CPPTYPE_ENUM:
      return one ? reflection.GetEnumValue(message, field)
                 : reflection.GetRepeatedEnumValue(message, field, i);
    default:
      return 0;
  }
}

double RealOf(const Place& place) {
  const Reflection& reflection = place.reflection();
  if (place.field->cpp_type() == FieldDescriptor::CPPTYPE_FLOAT) {
    return place.is_singular()
               ? reflection.GetFloat(*place.message, place.field)
               : reflection.GetRepeatedFloat(*place.message, place.field, place.index);
  }
  return place.is_singular()
             ? reflection.GetDouble(*place.message, place.field)
             : reflection.GetRepeatedDouble(*place.message, place.field, place.index);
}

std::string TextOf(const Place& place) {
  return place.is_singular()
             ? place.reflection().GetString(*place.message, place.field)
             : place.reflection().GetRepeatedString(*place.message, place.field, place.index);
}

const Message& MessageOf(const Place& place) {
  return place.is_singular()
             ? place.reflection().GetMessage(*place.message, place.field)
             : place.reflection().GetRepeatedMessage(*place.message, place.field, place.index);
}

// By number and reflection: messages of a dynamic factory have other classes than the generated.
int64_t PartOf(const Message& message, int number) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByNumber(number);
  return field == nullptr ? 0 : IntegerOf({&message, field, kSingular});
}

SqlValue TimestampValue(const Message& time) {
  return RenderTime(absl::FromUnixSeconds(PartOf(time, 1)) + absl::Nanoseconds(PartOf(time, 2)));
}

SqlValue DateValue(const Message& date) {
  const int64_t year = PartOf(date, 1);
  const int64_t month = PartOf(date, 2);
  const int64_t day = PartOf(date, 3);
  if (year == 0) return std::monostate();
  if (month == 0) return absl::StrFormat("%04d", year);
  if (day == 0) return absl::StrFormat("%04d-%02d", year, month);
  return absl::StrFormat("%04d-%02d-%02d", year, month, day);
}

SqlValue UuidValue(std::string bytes) {
  const auto id = RecordId::FromBytes(bytes);
  if (id.ok()) return id->ToString();
  return SqlBlob{std::move(bytes)};
}

std::string ValueJson(const Place& place, int depth);

std::string MessageJson(const Message& message, int depth) {
  if (depth > kMaxDepth) return "null";
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  std::vector<std::string> members;
  for (const FieldDescriptor* field : fields) {
    std::string json;
    if (field->is_repeated()) {
      json = FieldJson(message, *field);
    } else {
      json = ValueJson({&message, field, kSingular}, depth + 1);
    }
    members.push_back(absl::StrCat(JsonString(field->name()), ":", json));
  }
  return absl::StrCat("{", absl::StrJoin(members, ","), "}");
}

SqlValue RenderValue(const Place& place, ValueForm form) {
  switch (form) {
    case ValueForm::kInteger:
    case ValueForm::kBool:
      return IntegerOf(place);
    case ValueForm::kReal:
      return RealOf(place);
    case ValueForm::kText:
      return TextOf(place);
    case ValueForm::kEnum: {
      auto name = EnumName(*place.field->enum_type(), static_cast<int>(IntegerOf(place)));
      if (!name.has_value()) return std::monostate();
      return *std::move(name);
    }
    case ValueForm::kTime:
      return TimestampValue(MessageOf(place));
    case ValueForm::kMillisTime: {
      const int64_t millis = IntegerOf(place);
      if (millis == 0) return std::monostate();
      return RenderTime(absl::FromUnixMillis(millis));
    }
    case ValueForm::kDate:
      return DateValue(MessageOf(place));
    case ValueForm::kUuid:
      return UuidValue(TextOf(place));
    case ValueForm::kBlob:
      return SqlBlob{TextOf(place)};
    case ValueForm::kJson:
      return ValueJson(place, 0);
  }
  return std::monostate();
}

std::string ToJson(const SqlValue& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) return absl::StrCat(*number);
  if (const auto* real = std::get_if<double>(&value)) {
    const bool is_finite = *real - *real == 0;
    return is_finite ? absl::StrFormat("%.17g", *real) : "null";
  }
  if (const auto* text = std::get_if<std::string>(&value)) return JsonString(*text);
  if (const auto* blob = std::get_if<SqlBlob>(&value))
    return JsonString(absl::Base64Escape(blob->bytes));
  return "null";
}

std::string ValueJson(const Place& place, int depth) {
  const ValueForm form = FormOf(*place.field);
  if (form == ValueForm::kJson) return MessageJson(MessageOf(place), depth);
  if (form == ValueForm::kBool) return IntegerOf(place) != 0 ? "true" : "false";
  return ToJson(RenderValue(place, form));
}

std::string MapJson(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<std::string> members;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    const FieldDescriptor* key = field.message_type()->map_key();
    std::string name = ValueJson({&entry, key, kSingular}, 0);
    if (name.empty() || name[0] != '"') name = JsonString(name);
    members.push_back(absl::StrCat(
        name, ":", ValueJson({&entry, field.message_type()->map_value(), kSingular}, 0)));
  }
  std::sort(members.begin(), members.end());
  return absl::StrCat("{", absl::StrJoin(members, ","), "}");
}

// "AXIS_" for Axis, "EVENT_KIND_" for EventKind.
std::string EnumPrefix(const EnumDescriptor& type) {
  std::string prefix;
  for (const char c : type.name()) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c)) && !prefix.empty()) prefix += '_';
    prefix += absl::ascii_toupper(static_cast<unsigned char>(c));
  }
  return prefix + '_';
}

absl::string_view WithoutPrefix(absl::string_view name, absl::string_view prefix) {
  const bool has_prefix = name.size() > prefix.size() && name.substr(0, prefix.size()) == prefix;
  return has_prefix ? name.substr(prefix.size()) : name;
}

std::string PlainName(const EnumValueDescriptor& value) {
  return absl::AsciiStrToLower(WithoutPrefix(value.name(), EnumPrefix(*value.type())));
}

}  // namespace

ValueForm FormOf(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return ValueForm::kBool;
    case FieldDescriptor::CPPTYPE_ENUM:
      return ValueForm::kEnum;
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return ValueForm::kReal;
    case FieldDescriptor::CPPTYPE_STRING:
      if (field.type() == FieldDescriptor::TYPE_STRING) return ValueForm::kText;
      return field.options().GetExtension(v1::field).references().empty() ? ValueForm::kBlob
                                                                          : ValueForm::kUuid;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (field.message_type()->full_name() == "google.protobuf.Timestamp") return ValueForm::kTime;
      if (field.message_type()->full_name() == "brigada.v1.Date") return ValueForm::kDate;
      return ValueForm::kJson;
    default:
      return ValueForm::kInteger;
  }
}

SqlValue RenderField(const Message& message, const FieldDescriptor& field, ValueForm form) {
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) {
    if (reflection.FieldSize(message, &field) == 0) return std::monostate();
    return FieldJson(message, field);
  }
  // Without presence, HasField tells an empty text from one that is not empty; a zero is a value.
  const bool zero_counts =
      !field.has_presence() && field.cpp_type() != FieldDescriptor::CPPTYPE_STRING;
  if (!zero_counts && !reflection.HasField(message, &field)) return std::monostate();
  return RenderValue({&message, &field, kSingular}, form);
}

SqlValue RenderElement(const Message& message, const FieldDescriptor& field, int index,
                       ValueForm form) {
  return RenderValue({&message, &field, index}, form);
}

SqlValue RenderPath(const Message& message, absl::Span<const FieldDescriptor* const> path,
                    ValueForm form) {
  const Message* at = &message;
  for (size_t i = 0; i < path.size(); ++i) {
    if (i + 1 == path.size()) return RenderField(*at, *path[i], form);
    const Reflection& reflection = *at->GetReflection();
    if (!reflection.HasField(*at, path[i])) return std::monostate();
    at = &reflection.GetMessage(*at, path[i]);
  }
  return std::monostate();
}

SqlValue RenderTime(absl::Time time) {
  const auto civil = absl::ToCivilSecond(time, absl::UTCTimeZone());
  if (civil.year() < 1 || civil.year() > 9999) return std::monostate();
  const int64_t millis = absl::ToUnixMillis(time);
  const int64_t within_second = (millis % 1000 + 1000) % 1000;
  return absl::StrFormat("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", civil.year(), civil.month(),
                         civil.day(), civil.hour(), civil.minute(), civil.second(), within_second);
}

std::optional<std::string> EnumName(const EnumDescriptor& type, int number) {
  const EnumValueDescriptor* value = type.FindValueByNumber(number);
  if (value == nullptr) return absl::StrCat(number);
  std::string name = PlainName(*value);
  if (number == 0 && name == "unspecified") return std::nullopt;
  return name;
}

std::optional<int> EnumNumber(const EnumDescriptor& type, absl::string_view name) {
  for (int i = 0; i < type.value_count(); ++i) {
    if (PlainName(*type.value(i)) == name) return type.value(i)->number();
  }
  int number = 0;
  if (absl::SimpleAtoi(name, &number)) return number;
  return std::nullopt;
}

std::string FieldJson(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  if (field.is_map()) return MapJson(message, field);
  if (!field.is_repeated()) {
    if (field.has_presence() && !reflection.HasField(message, &field)) return "null";
    return ValueJson({&message, &field, kSingular}, 0);
  }
  std::vector<std::string> elements;
  const int size = reflection.FieldSize(message, &field);
  elements.reserve(static_cast<size_t>(size));
  for (int i = 0; i < size; ++i) elements.push_back(ValueJson({&message, &field, i}, 0));
  return absl::StrCat("[", absl::StrJoin(elements, ","), "]");
}

std::string JsonString(absl::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&json, "\\u%04x", static_cast<unsigned char>(c));
    } else {
      json += c;
    }
  }
  return json + '"';
}

}  // namespace brigada
