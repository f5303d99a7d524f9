#include "replica/schema/index_value.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "google/protobuf/descriptor.h"
#include "replica/schema/search_text.h"

namespace brigada {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr char kValueTag = 'v';
constexpr char kTokenTag = 't';
constexpr uint64_t kSignBit = uint64_t{1} << 63;
constexpr int kMaxDepth = 100;
constexpr int kSingular = -1;

std::string BigEndian(uint64_t bits) {
  std::string bytes(1, kValueTag);
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(bits >> shift));
  return bytes;
}

std::string Escaped(char tag, absl::string_view value) {
  std::string bytes(1, tag);
  bytes.reserve(value.size() + 3);
  for (const char c : value) {
    bytes.push_back(c);
    if (c == '\0') bytes.push_back('\xff');
  }
  return bytes;
}

std::string Terminated(std::string escaped) {
  escaped.push_back('\0');
  escaped.push_back('\x01');
  return escaped;
}

int64_t Saturated(uint64_t value) {
  return static_cast<int64_t>(std::min(value, uint64_t{std::numeric_limits<int64_t>::max()}));
}

std::string EncodeTime(int64_t seconds, int32_t nanos) {
  int64_t micros = 0;
  if (__builtin_mul_overflow(seconds, int64_t{1'000'000}, &micros) ||
      __builtin_add_overflow(micros, int64_t{nanos / 1000}, &micros)) {
    micros =
        seconds < 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
  }
  return EncodeIndexInt64(micros);
}

std::string TextOf(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *message.GetReflection();
  return index == kSingular ? reflection.GetString(message, &field)
                            : reflection.GetRepeatedString(message, &field, index);
}

const Message& NestedOf(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *message.GetReflection();
  return index == kSingular ? reflection.GetMessage(message, &field)
                            : reflection.GetRepeatedMessage(message, &field, index);
}

// A Timestamp by reflection: a dynamic message has another class than the generated one.
std::string EncodeNestedTime(const Message& time) {
  const Reflection& reflection = *time.GetReflection();
  const google::protobuf::Descriptor& descriptor = *time.GetDescriptor();
  return EncodeTime(
      reflection.GetInt64(
          time, descriptor.FindFieldByNumber(google::protobuf::Timestamp::kSecondsFieldNumber)),
      reflection.GetInt32(
          time, descriptor.FindFieldByNumber(google::protobuf::Timestamp::kNanosFieldNumber)));
}

std::string EncodeValue(const Message& message, const FieldDescriptor& descriptor, int index) {
  const Reflection& reflection = *message.GetReflection();
  const FieldDescriptor* field = &descriptor;
  const bool one = index == kSingular;
  switch (descriptor.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return EncodeIndexInt64(one ? reflection.GetInt32(message, field)
                                  : reflection.GetRepeatedInt32(message, field, index));
    case FieldDescriptor::CPPTYPE_UINT32:
      return EncodeIndexInt64(one ? reflection.GetUInt32(message, field)
                                  : reflection.GetRepeatedUInt32(message, field, index));
    case FieldDescriptor::CPPTYPE_INT64:
      return EncodeIndexInt64(one ? reflection.GetInt64(message, field)
                                  : reflection.GetRepeatedInt64(message, field, index));
    case FieldDescriptor::CPPTYPE_UINT64:
      return EncodeIndexInt64(Saturated(one ? reflection.GetUInt64(message, field)
                                            : reflection.GetRepeatedUInt64(message, field, index)));
    case FieldDescriptor::CPPTYPE_BOOL:
      return EncodeIndexInt64((one ? reflection.GetBool(message, field)
                                   : reflection.GetRepeatedBool(message, field, index))
                                  ? 1
                                  : 0);
    case FieldDescriptor::CPPTYPE_ENUM:
      return EncodeIndexInt64(one ? reflection.GetEnumValue(message, field)
                                  : reflection.GetRepeatedEnumValue(message, field, index));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return EncodeIndexDouble(one ? reflection.GetFloat(message, field)
                                   : reflection.GetRepeatedFloat(message, field, index));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return EncodeIndexDouble(one ? reflection.GetDouble(message, field)
                                   : reflection.GetRepeatedDouble(message, field, index));
    case FieldDescriptor::CPPTYPE_STRING:
      return EncodeIndexString(TextOf(message, descriptor, index));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return EncodeNestedTime(NestedOf(message, descriptor, index));
  }
  return std::string();
}

void AddValues(const Message& message, const FieldDescriptor& field,
               std::vector<std::string>* values) {
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) {
    const int size = reflection.FieldSize(message, &field);
    for (int i = 0; i < size; ++i) values->push_back(EncodeValue(message, field, i));
    return;
  }
  const bool always = !field.has_presence() && field.cpp_type() != FieldDescriptor::CPPTYPE_STRING;
  if (always || reflection.HasField(message, &field))
    values->push_back(EncodeValue(message, field, kSingular));
}

// Every text in the field, at any depth, separated so that words do not run together.
void CollectTexts(const Message& message, const FieldDescriptor& field, int depth,
                  std::string* texts) {
  const Reflection& reflection = *message.GetReflection();
  const bool is_text = field.type() == FieldDescriptor::TYPE_STRING;
  if (!is_text && field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return;
  const int size = field.is_repeated() ? reflection.FieldSize(message, &field)
                                       : static_cast<int>(reflection.HasField(message, &field));
  for (int i = 0; i < size; ++i) {
    const int index = field.is_repeated() ? i : kSingular;
    if (is_text) {
      *texts += TextOf(message, field, index);
      *texts += '\n';
    } else if (depth < kMaxDepth) {
      const Message& nested = NestedOf(message, field, index);
      for (int f = 0; f < nested.GetDescriptor()->field_count(); ++f)
        CollectTexts(nested, *nested.GetDescriptor()->field(f), depth + 1, texts);
    }
  }
}

}  // namespace

std::vector<std::string> IndexValues(const FieldType& field, const Message& message) {
  std::vector<std::string> values;
  const FieldDescriptor* descriptor =
      message.GetDescriptor()->FindFieldByNumber(static_cast<int>(field.number));
  if (descriptor == nullptr) return values;
  if (field.indexed) AddValues(message, *descriptor, &values);
  if (field.rules.search()) {
    std::string texts;
    CollectTexts(message, *descriptor, 0, &texts);
    for (const std::string& token : SearchTokens(texts)) values.push_back(EncodeIndexToken(token));
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

std::string EncodeIndexInt64(int64_t value) {
  return BigEndian(static_cast<uint64_t>(value) ^ kSignBit);
}

std::string EncodeIndexDouble(double value) {
  if (std::isnan(value)) value = std::numeric_limits<double>::quiet_NaN();
  if (value == 0) value = 0;  // -0 too
  uint64_t bits = 0;
  static_assert(sizeof(bits) == sizeof(value));
  std::memcpy(&bits, &value, sizeof(bits));
  // The greater a negative number's bits, the smaller it is.
  return BigEndian((bits & kSignBit) != 0 ? ~bits : bits | kSignBit);
}

std::string EncodeIndexString(absl::string_view value) {
  return Terminated(Escaped(kValueTag, value));
}

std::string EncodeIndexTime(const google::protobuf::Timestamp& time) {
  return EncodeTime(time.seconds(), time.nanos());
}

std::string EncodeIndexToken(absl::string_view token) {
  return Terminated(Escaped(kTokenTag, token));
}

std::string EncodeIndexStringPrefix(absl::string_view prefix) { return Escaped(kValueTag, prefix); }

std::string EncodeIndexTokenPrefix(absl::string_view prefix) { return Escaped(kTokenTag, prefix); }

}  // namespace brigada
