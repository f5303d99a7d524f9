#include "tests/fuzz/message_mutator.h"

#include <array>
#include <cstdint>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "tests/support/testing_v2.pb.h"

namespace brigada {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr std::array<const char*, 14> kTexts = {
    "",       "MX", "MX/20", "MX/20/067", "MX/20/039", "MX/14",   "MX/14/039", "MX/20/067/0001",
    "MX/20/", "a",  "b",     "AB1",       "ana",       "\xc3\xb1"};
constexpr std::array<uint64_t, 16> kNumbers = {
    0,   1,           2,           3,           7,          8,         16,    127,
    128, 0xffff'ffff, 0x7fff'ffff, 0x8000'0000, UINT64_MAX, INT64_MAX, 60001, 536870911};

class Mutation {
 public:
  Mutation(Random* random, const std::function<std::string(std::string)>& mutate_bytes)
      : random_(*random), mutate_bytes_(mutate_bytes) {}

  void EditOnce(Message* message) {
    std::vector<Place> places;
    Collect(message, 0, &places);
    if (places.empty()) return;
    const Place place = places[random_.Uniform(places.size())];
    if (place.field->is_repeated()) {
      EditRepeated(place.message, place.field);
    } else {
      EditSingular(place.message, place.field);
    }
  }

 private:
  struct Place {
    Message* message;
    const FieldDescriptor* field;
  };

  void Collect(Message* message, int depth, std::vector<Place>* places) const {
    if (depth > 12) return;
    const Reflection& reflection = *message->GetReflection();
    for (int i = 0; i < message->GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor* const field = message->GetDescriptor()->field(i);
      places->push_back({message, field});
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
      if (field->is_repeated()) {
        for (int k = 0; k < reflection.FieldSize(*message, field); ++k)
          Collect(reflection.MutableRepeatedMessage(message, field, k), depth + 1, places);
      } else if (reflection.HasField(*message, field)) {
        Collect(reflection.MutableMessage(message, field), depth + 1, places);
      }
    }
  }

  uint64_t Number(uint64_t old) {
    switch (random_.Uniform(4)) {
      case 0:
        return old + 1;
      case 1:
        return old - 1;
      case 2:
        return old ^ (uint64_t{1} << random_.Uniform(64));
      default:
        return kNumbers[random_.Uniform(kNumbers.size())];
    }
  }

  std::string Text(std::string old) {
    if (random_.Uniform(3) > 0 || old.empty()) return kTexts[random_.Uniform(kTexts.size())];
    old[random_.Uniform(old.size())] = static_cast<char>('!' + random_.Uniform(90));
    return old;
  }

  // Fields of a record on the wire, as changes and states carry them.
  std::string Bytes(const FieldDescriptor* field, std::string old) {
    const std::string& name = field->name();
    const bool is_record =
        name == "values" || name == "removed" || name == "losing" || name == "value";
    testing::v2::Sample sample;
    if (is_record && random_.Uniform(4) > 0 && sample.ParseFromString(old)) {
      EditOnce(&sample);
      return sample.SerializeAsString();
    }
    switch (random_.Uniform(6)) {
      case 0:
        return "";
      case 1:
        return std::string(16, static_cast<char>('A' + random_.Uniform(3)));
      case 2:
        old.resize(old.size() / 2);
        return old;
      default:
        return mutate_bytes_(std::move(old));
    }
  }

  void EditSingular(Message* message, const FieldDescriptor* field) {
    const Reflection& r = *message->GetReflection();
    if (random_.Uniform(8) == 0) return r.ClearField(message, field);
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return r.SetInt32(
            message, field,
            static_cast<int32_t>(Number(static_cast<uint64_t>(r.GetInt32(*message, field)))));
      case FieldDescriptor::CPPTYPE_UINT32:
        return r.SetUInt32(message, field,
                           static_cast<uint32_t>(Number(r.GetUInt32(*message, field))));
      case FieldDescriptor::CPPTYPE_INT64:
        return r.SetInt64(
            message, field,
            static_cast<int64_t>(Number(static_cast<uint64_t>(r.GetInt64(*message, field)))));
      case FieldDescriptor::CPPTYPE_UINT64:
        return r.SetUInt64(message, field, Number(r.GetUInt64(*message, field)));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return r.SetDouble(message, field, static_cast<double>(Number(0)) - 3.5);
      case FieldDescriptor::CPPTYPE_FLOAT:
        return r.SetFloat(message, field, static_cast<float>(Number(0)));
      case FieldDescriptor::CPPTYPE_BOOL:
        return r.SetBool(message, field, !r.GetBool(*message, field));
      case FieldDescriptor::CPPTYPE_ENUM:
        return r.SetEnumValue(message, field, static_cast<int>(random_.Uniform(20)) - 1);
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string old = r.GetString(*message, field);
        return r.SetString(message, field,
                           field->type() == FieldDescriptor::TYPE_BYTES
                               ? Bytes(field, std::move(old))
                               : Text(std::move(old)));
      }
      case FieldDescriptor::CPPTYPE_MESSAGE:
        r.MutableMessage(message, field);
    }
  }

  void EditRepeated(Message* message, const FieldDescriptor* field) {
    const Reflection& r = *message->GetReflection();
    const int size = r.FieldSize(*message, field);
    const uint64_t choice = random_.Uniform(8);
    const auto any = [&] { return static_cast<int>(random_.Uniform(static_cast<uint64_t>(size))); };
    if (choice == 0 && size > 0) {
      r.SwapElements(message, field, any(), size - 1);
      return r.RemoveLast(message, field);
    }
    if (choice < 3 && size > 1) return r.SwapElements(message, field, any(), any());
    if (size < 40) AddElement(message, field, size > 0 && choice < 7 ? any() : -1);
  }

  // A copy of the element `like`, or a new one when it is negative.
  void AddElement(Message* message, const FieldDescriptor* field, int like) {
    const Reflection& r = *message->GetReflection();
    const auto at = [&](auto get, auto none) { return like < 0 ? none : get(); };
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return r.AddInt32(message, field, static_cast<int32_t>(Number(0)));
      case FieldDescriptor::CPPTYPE_UINT32:
        return r.AddUInt32(message, field, static_cast<uint32_t>(Number(0)));
      case FieldDescriptor::CPPTYPE_INT64:
        return r.AddInt64(message, field, static_cast<int64_t>(Number(0)));
      case FieldDescriptor::CPPTYPE_UINT64:
        return r.AddUInt64(message, field, Number(0));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return r.AddDouble(message, field, 0.5);
      case FieldDescriptor::CPPTYPE_FLOAT:
        return r.AddFloat(message, field, 0.5F);
      case FieldDescriptor::CPPTYPE_BOOL:
        return r.AddBool(message, field, true);
      case FieldDescriptor::CPPTYPE_ENUM:
        return r.AddEnumValue(message, field, static_cast<int>(random_.Uniform(8)));
      case FieldDescriptor::CPPTYPE_STRING:
        return r.AddString(
            message, field,
            field->type() == FieldDescriptor::TYPE_BYTES
                ? Bytes(field, at([&] { return r.GetRepeatedString(*message, field, like); },
                                  std::string()))
                : Text(""));
      case FieldDescriptor::CPPTYPE_MESSAGE: {
        Message* const element = r.AddMessage(message, field);
        if (like >= 0) element->CopyFrom(r.GetRepeatedMessage(*message, field, like));
      }
    }
  }

  Random& random_;
  const std::function<std::string(std::string)>& mutate_bytes_;
};

}  // namespace

void MutateScript(Random* random, const std::function<std::string(std::string)>& mutate_bytes,
                  Message* script) {
  Mutation mutation(random, mutate_bytes);
  for (uint64_t edits = 1 + random->Uniform(4); edits > 0; --edits) mutation.EditOnce(script);
}

}  // namespace brigada
