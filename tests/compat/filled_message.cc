#include "tests/compat/filled_message.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "replica/base/check.h"

namespace brigada {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;

constexpr int kElements = 2;  // of repeated fields
constexpr int kMaxDepth = 6;  // of messages that contain themselves

void FillMessage(int depth, const FieldDescriptor* chosen, Message* message);

// The `index`-th value of a field: differs from those of its neighbours.
uint64_t NumberFor(const FieldDescriptor& field, int index) {
  return static_cast<uint64_t>(field.number()) * 10 + static_cast<uint64_t>(index) + 1;
}

std::string TextFor(const FieldDescriptor& field, int index) {
  std::string text = absl::StrCat(field.name(), index);
  // Bytes that are no text, and a zero among them.
  if (field.type() == FieldDescriptor::TYPE_BYTES) text.append("\0\xff\x80", 3);
  return text;
}

void SetSingular(const FieldDescriptor& field, int depth, Message* message) {
  const Reflection& reflection = *message->GetReflection();
  const uint64_t number = NumberFor(field, 0);
  constexpr uint64_t kBig = uint64_t{1} << 40;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection.SetInt32(message, &field, -static_cast<int32_t>(number));
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection.SetUInt32(message, &field, static_cast<uint32_t>(number));
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection.SetInt64(message, &field, -static_cast<int64_t>(kBig + number));
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection.SetUInt64(message, &field, kBig + number);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection.SetDouble(message, &field, static_cast<double>(number) + 0.5);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return reflection.SetFloat(message, &field, static_cast<float>(number) + 0.25F);
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.SetBool(message, &field, true);
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection.SetEnum(message, &field,
                                field.enum_type()->value(field.enum_type()->value_count() - 1));
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.SetString(message, &field, TextFor(field, 0));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (depth < kMaxDepth)
        FillMessage(depth + 1, nullptr, reflection.MutableMessage(message, &field));
  }
}

void AddElement(const FieldDescriptor& field, int index, int depth, Message* message) {
  const Reflection& reflection = *message->GetReflection();
  const uint64_t number = NumberFor(field, index);
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection.AddInt32(message, &field, static_cast<int32_t>(number));
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection.AddUInt32(message, &field, static_cast<uint32_t>(number));
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection.AddInt64(message, &field, static_cast<int64_t>(number));
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection.AddUInt64(message, &field, number);
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.AddBool(message, &field, index == 0);
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection.AddEnum(message, &field, field.enum_type()->value(index));
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.AddString(message, &field, TextFor(field, index));
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      if (depth >= kMaxDepth) return;
      Message* const element = reflection.AddMessage(message, &field);
      FillMessage(depth + 1, nullptr, element);
      // Two map entries need two keys.
      if (field.is_map() && index > 0) {
        const FieldDescriptor* const key = element->GetDescriptor()->map_key();
        CHECK(key->cpp_type() == FieldDescriptor::CPPTYPE_STRING);
        element->GetReflection()->SetString(element, key, TextFor(*key, index));
      }
      return;
    }
    default:
      CHECK(false);  // no message repeats such a field yet
  }
}

// `chosen`: the alternative to fill of the message's oneof.
void FillMessage(int depth, const FieldDescriptor* chosen, Message* message) {
  const Descriptor& type = *message->GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (const OneofDescriptor* const oneof = field.real_containing_oneof(); oneof != nullptr) {
      if (&field != (chosen != nullptr ? chosen : oneof->field(0))) continue;
    }
    if (!field.is_repeated()) {
      SetSingular(field, depth, message);
    } else {
      for (int index = 0; index < kElements; ++index) AddElement(field, index, depth, message);
    }
  }
}

}  // namespace

std::vector<std::pair<std::string, std::unique_ptr<Message>>> FilledMessages(
    const Descriptor* type) {
  const Message* const prototype =
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type);
  CHECK(prototype != nullptr && type->real_oneof_decl_count() <= 1);
  std::vector<std::pair<std::string, std::unique_ptr<Message>>> filled;
  if (type->real_oneof_decl_count() == 0) {
    filled.emplace_back(type->full_name(), prototype->New());
    FillMessage(0, nullptr, filled.back().second.get());
    return filled;
  }
  const OneofDescriptor& oneof = *type->oneof_decl(0);
  for (int i = 0; i < oneof.field_count(); ++i) {
    filled.emplace_back(absl::StrCat(type->full_name(), " ", oneof.field(i)->name()),
                        prototype->New());
    FillMessage(0, oneof.field(i), filled.back().second.get());
  }
  return filled;
}

std::string DeterministicBytes(const Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  CHECK(message.SerializeToCodedStream(&coded));
  coded.Trim();
  return bytes;
}

}  // namespace brigada
