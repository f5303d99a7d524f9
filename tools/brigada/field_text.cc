#include "tools/brigada/field_text.h"

#include <cstdint>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "brigada/v1/annotations.pb.h"
#include "brigada/v1/common.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "replica/base/ids.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "replica/schema/search_text.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/nearest.h"
#include "tools/brigada/status_text.h"

namespace brigada {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

enum class MessageForm { kNone, kTimestamp, kDate, kGeoPoint };

MessageForm MessageFormOf(const FieldDescriptor& field) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return MessageForm::kNone;
  const std::string& name = field.message_type()->full_name();
  if (name == "google.protobuf.Timestamp") return MessageForm::kTimestamp;
  if (name == "brigada.v1.Date") return MessageForm::kDate;
  if (name == "brigada.v1.GeoPoint") return MessageForm::kGeoPoint;
  return MessageForm::kNone;
}

bool IsReference(const FieldDescriptor& field) {
  return field.type() == FieldDescriptor::TYPE_BYTES &&
         !field.options().GetExtension(v1::field).references().empty();
}

absl::Status WrongValue(const FieldDescriptor& field, absl::string_view text) {
  return UsageError(absl::StrCat(field.name(), ": «", CutToWidth(PrintableText(text), 24), "» ",
                                 Say("no sirve; se espera ", "does not do; expected "),
                                 FieldForm(field)));
}

absl::StatusOr<bool> ReadBool(absl::string_view text) {
  const std::string folded = FoldText(text);
  for (const char* yes : {"true", "si", "yes", "1", "verdadero"}) {
    if (folded == yes) return true;
  }
  for (const char* no : {"false", "no", "0", "falso"}) {
    if (folded == no) return false;
  }
  return absl::InvalidArgumentError("not a boolean");
}

absl::Status ReadEnum(const FieldDescriptor& field, absl::string_view text, int* number) {
  const std::string wanted =
      absl::StrReplaceAll(absl::AsciiStrToLower(text), {{"-", "_"}, {" ", "_"}});
  const EnumDescriptor& type = *field.enum_type();
  for (int i = 0; i < type.value_count(); ++i) {
    if (EnumText(*type.value(i)) != wanted) continue;
    *number = type.value(i)->number();
    return absl::OkStatus();
  }
  absl::Status wrong = WrongValue(field, text);
  return UsageError(absl::StrCat(wrong.message(), ".", DidYouMean(text, EnumTexts(type))));
}

bool ReadDate(absl::string_view text, v1::Date* date) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '-');
  if (parts.size() > 3 || parts[0].size() != 4) return false;
  int numbers[3] = {0, 0, 0};
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].empty() || !absl::ascii_isdigit(static_cast<unsigned char>(parts[i][0])))
      return false;
    if (!absl::SimpleAtoi(parts[i], &numbers[i])) return false;
  }
  if (parts.size() > 1) {
    const int day = parts.size() > 2 ? numbers[2] : 1;
    const absl::CivilDay civil(numbers[0], numbers[1], day);
    if (civil.month() != numbers[1] || civil.day() != day) return false;
  }
  date->set_year(numbers[0]);
  date->set_month(numbers[1]);
  date->set_day(numbers[2]);
  return true;
}

bool ReadTime(absl::string_view text, google::protobuf::Timestamp* out) {
  absl::Time time;
  const std::string lower = absl::AsciiStrToLower(text);
  if (lower == "now" || lower == "ahora") {
    time = absl::Now();
  } else {
    bool read = false;
    const std::string joined = absl::StrReplaceAll(text, {{" ", "T"}});
    for (const char* form : {"%Y-%m-%dT%H:%M:%E*S%Ez", "%Y-%m-%dT%H:%M%Ez", "%Y-%m-%dT%H:%M:%E*S",
                             "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
      std::string error;
      if ((read = absl::ParseTime(form, joined, absl::LocalTimeZone(), &time, &error))) break;
    }
    if (!read) return false;
  }
  const int64_t micros = absl::ToUnixMicros(time);
  int64_t seconds = micros / 1000000;
  int64_t rest = micros % 1000000;
  if (rest < 0) {
    rest += 1000000;
    --seconds;
  }
  out->set_seconds(seconds);
  out->set_nanos(static_cast<int32_t>(rest * 1000));
  return true;
}

bool ReadGeoPoint(absl::string_view text, v1::GeoPoint* point) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ',');
  double latitude = 0;
  double longitude = 0;
  float precision = 0;
  if (parts.size() < 2 || parts.size() > 3 || !absl::SimpleAtod(parts[0], &latitude) ||
      !absl::SimpleAtod(parts[1], &longitude)) {
    return false;
  }
  if (parts.size() == 3 && !absl::SimpleAtof(parts[2], &precision)) return false;
  // Written so that NaN fails too.
  if (!(latitude >= -90 && latitude <= 90 && longitude >= -180 && longitude <= 180)) return false;
  if (!(precision >= 0 && precision <= std::numeric_limits<float>::max())) return false;
  point->set_latitude(latitude);
  point->set_longitude(longitude);
  point->set_precision_m(precision);
  return true;
}

absl::Status SetMessage(Message* message, const FieldDescriptor& field, absl::string_view text) {
  const Reflection& reflection = *message->GetReflection();
  v1::Date date;
  v1::GeoPoint point;
  google::protobuf::Timestamp time;
  const Message* value = nullptr;
  const MessageForm form = MessageFormOf(field);
  if (form == MessageForm::kDate && ReadDate(text, &date)) value = &date;
  if (form == MessageForm::kGeoPoint && ReadGeoPoint(text, &point)) value = &point;
  if (form == MessageForm::kTimestamp && ReadTime(text, &time)) value = &time;
  if (value == nullptr) return WrongValue(field, text);
  Message* const target = field.is_repeated() ? reflection.AddMessage(message, &field)
                                              : reflection.MutableMessage(message, &field);
  // By bytes: the record's own message may come from another factory.
  return target->ParseFromString(value->SerializeAsString()) ? absl::OkStatus()
                                                             : WrongValue(field, text);
}

absl::Status SetString(Message* message, const FieldDescriptor& field, absl::string_view text) {
  std::string value;
  if (field.type() == FieldDescriptor::TYPE_STRING) {
    value = NormalizeNfc(text);
  } else if (IsReference(field)) {
    const absl::StatusOr<RecordId> id = RecordId::Parse(text);
    if (!id.ok()) return WrongValue(field, text);
    value = id->AsBytes();
  } else if (!absl::Base64Unescape(text, &value)) {
    return WrongValue(field, text);
  }
  const Reflection& reflection = *message->GetReflection();
  if (field.is_repeated()) {
    reflection.AddString(message, &field, std::move(value));
  } else {
    reflection.SetString(message, &field, std::move(value));
  }
  return absl::OkStatus();
}

template <typename T, bool (*Read)(absl::string_view, T*),
          void (Reflection::*Set)(Message*, const FieldDescriptor*, T) const,
          void (Reflection::*Add)(Message*, const FieldDescriptor*, T) const>
absl::Status SetNumber(Message* message, const FieldDescriptor& field, absl::string_view text) {
  T value{};
  if (!Read(text, &value)) return WrongValue(field, text);
  const Reflection& reflection = *message->GetReflection();
  if (field.is_repeated()) {
    (reflection.*Add)(message, &field, value);
  } else {
    (reflection.*Set)(message, &field, value);
  }
  return absl::OkStatus();
}

std::string TimeText(const Message& message) {
  google::protobuf::Timestamp time;
  time.ParseFromString(message.SerializeAsString());
  const absl::Time at = absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*S%Ez", at, absl::UTCTimeZone());
}

std::string DateText(const Message& message) {
  v1::Date date;
  date.ParseFromString(message.SerializeAsString());
  std::string text = absl::StrFormat("%04d", date.year());
  if (date.month() != 0) absl::StrAppendFormat(&text, "-%02d", date.month());
  if (date.day() != 0) absl::StrAppendFormat(&text, "-%02d", date.day());
  return text;
}

std::string GeoPointText(const Message& message) {
  v1::GeoPoint point;
  point.ParseFromString(message.SerializeAsString());
  std::string text = absl::StrFormat("%.6f,%.6f", point.latitude(), point.longitude());
  if (point.precision_m() > 0) absl::StrAppendFormat(&text, ",%g", point.precision_m());
  return text;
}

std::string BytesText(const FieldDescriptor& field, const std::string& bytes) {
  if (field.type() == FieldDescriptor::TYPE_STRING) return bytes;
  const absl::StatusOr<RecordId> id = RecordId::FromBytes(bytes);
  if (IsReference(field) && id.ok()) return id->ToString();
  return absl::Base64Escape(bytes);
}

std::string EnumNumberText(const FieldDescriptor& field, int number) {
  const EnumValueDescriptor* const value = field.enum_type()->FindValueByNumber(number);
  return value == nullptr ? absl::StrCat(number) : EnumText(*value);
}

std::string MessageText(const FieldDescriptor& field, const Message& message) {
  switch (MessageFormOf(field)) {
    case MessageForm::kTimestamp:
      return TimeText(message);
    case MessageForm::kDate:
      return DateText(message);
    case MessageForm::kGeoPoint:
      return GeoPointText(message);
    case MessageForm::kNone:
      break;
  }
  return "";
}

}  // namespace

bool IsTextField(const FieldDescriptor& field) {
  if (field.is_map()) return false;
  return field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE ||
         MessageFormOf(field) != MessageForm::kNone;
}

absl::Status SetFieldText(Message* message, const FieldDescriptor& field, absl::string_view text) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return SetNumber<int32_t, absl::SimpleAtoi<int32_t>, &Reflection::SetInt32,
                       &Reflection::AddInt32>(message, field, text);
    case FieldDescriptor::CPPTYPE_INT64:
      return SetNumber<int64_t, absl::SimpleAtoi<int64_t>, &Reflection::SetInt64,
                       &Reflection::AddInt64>(message, field, text);
    case FieldDescriptor::CPPTYPE_UINT32:
      return SetNumber<uint32_t, absl::SimpleAtoi<uint32_t>, &Reflection::SetUInt32,
                       &Reflection::AddUInt32>(message, field, text);
    case FieldDescriptor::CPPTYPE_UINT64:
      return SetNumber<uint64_t, absl::SimpleAtoi<uint64_t>, &Reflection::SetUInt64,
                       &Reflection::AddUInt64>(message, field, text);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return SetNumber<double, absl::SimpleAtod, &Reflection::SetDouble, &Reflection::AddDouble>(
          message, field, text);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return SetNumber<float, absl::SimpleAtof, &Reflection::SetFloat, &Reflection::AddFloat>(
          message, field, text);
    case FieldDescriptor::CPPTYPE_STRING:
      return SetString(message, field, text);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return SetMessage(message, field, text);
    case FieldDescriptor::CPPTYPE_BOOL: {
      const absl::StatusOr<bool> value = ReadBool(text);
      if (!value.ok()) return WrongValue(field, text);
      const Reflection& reflection = *message->GetReflection();
      field.is_repeated() ? reflection.AddBool(message, &field, *value)
                          : reflection.SetBool(message, &field, *value);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_ENUM: {
      int number = 0;
      RETURN_IF_ERROR(ReadEnum(field, text, &number));
      const Reflection& reflection = *message->GetReflection();
      field.is_repeated() ? reflection.AddEnumValue(message, &field, number)
                          : reflection.SetEnumValue(message, &field, number);
      return absl::OkStatus();
    }
  }
  return WrongValue(field, text);
}

std::string FieldText(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& r = *message.GetReflection();
  const bool one = index < 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(one ? r.GetInt32(message, &field)
                              : r.GetRepeatedInt32(message, &field, index));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(one ? r.GetInt64(message, &field)
                              : r.GetRepeatedInt64(message, &field, index));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(one ? r.GetUInt32(message, &field)
                              : r.GetRepeatedUInt32(message, &field, index));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(one ? r.GetUInt64(message, &field)
                              : r.GetRepeatedUInt64(message, &field, index));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return absl::StrFormat("%.17g", one ? r.GetDouble(message, &field)
                                          : r.GetRepeatedDouble(message, &field, index));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return absl::StrFormat(
          "%.9g", one ? r.GetFloat(message, &field) : r.GetRepeatedFloat(message, &field, index));
    case FieldDescriptor::CPPTYPE_BOOL:
      return (one ? r.GetBool(message, &field) : r.GetRepeatedBool(message, &field, index))
                 ? "true"
                 : "false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumNumberText(field, one ? r.GetEnumValue(message, &field)
                                       : r.GetRepeatedEnumValue(message, &field, index));
    case FieldDescriptor::CPPTYPE_STRING:
      return BytesText(
          field, one ? r.GetString(message, &field) : r.GetRepeatedString(message, &field, index));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return MessageText(field, one ? r.GetMessage(message, &field)
                                    : r.GetRepeatedMessage(message, &field, index));
  }
  return "";
}

std::string EnumText(const EnumValueDescriptor& value) {
  std::string prefix;
  for (const char c : value.type()->name()) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c)) && !prefix.empty()) prefix += '_';
    prefix += absl::ascii_toupper(static_cast<unsigned char>(c));
  }
  absl::string_view name = value.name();
  if (name.size() > prefix.size() + 1) absl::ConsumePrefix(&name, prefix + "_");
  return absl::AsciiStrToLower(name);
}

std::vector<std::string> EnumTexts(const EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0) names.push_back(EnumText(*type.value(i)));
  }
  return names;
}

std::string FieldForm(const FieldDescriptor& field) {
  switch (MessageFormOf(field)) {
    case MessageForm::kTimestamp:
      return std::string(
          Say("AAAA-MM-DDTHH:MM (hora local) o ahora", "YYYY-MM-DDTHH:MM (local time) or now"));
    case MessageForm::kDate:
      return std::string(Say("AAAA, AAAA-MM o AAAA-MM-DD", "YYYY, YYYY-MM or YYYY-MM-DD"));
    case MessageForm::kGeoPoint:
      return std::string(
          Say("latitud,longitud[,metros], de -90 a 90 y de -180 a 180, como 17.06,-96.72",
              "latitude,longitude[,metres], -90 to 90 and -180 to 180, such as 17.06,-96.72"));
    case MessageForm::kNone:
      break;
  }
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return std::string(Say("true o false", "true or false"));
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrJoin(EnumTexts(*field.enum_type()), "|");
    case FieldDescriptor::CPPTYPE_STRING:
      if (field.type() == FieldDescriptor::TYPE_STRING) return std::string(Say("texto", "text"));
      return IsReference(field) ? "ID" : "base64";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return std::string(Say("texto", "text"));
    default:
      return std::string(Say("número", "number"));
  }
}

}  // namespace brigada
