// Reading and writing the protobuf wire format over a string_view, for bytes of any origin. For
// replica/schema and replica/merge.
#ifndef REPLICA_SCHEMA_WIRE_H_
#define REPLICA_SCHEMA_WIRE_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/wire_format_lite.h"

namespace brigada {

using ProtoType = google::protobuf::FieldDescriptor::Type;

enum WireType : uint8_t { kVarint = 0, kFixed64 = 1, kDelimited = 2, kFixed32 = 5 };

inline WireType WireTypeOf(ProtoType type) {
  const auto wire = google::protobuf::internal::WireFormatLite::WireTypeForFieldType(
      static_cast<google::protobuf::internal::WireFormatLite::FieldType>(type));
  return static_cast<WireType>(wire);
}

inline void AppendVarint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

inline void AppendTag(uint32_t number, WireType wire, std::string* out) {
  AppendVarint((uint64_t{number} << 3) | wire, out);
}

inline void AppendDelimited(uint32_t number, absl::string_view content, std::string* out) {
  AppendTag(number, kDelimited, out);
  AppendVarint(content.size(), out);
  out->append(content.data(), content.size());
}

// Takes a varint of at most 64 bits off the front. False at the end of the bytes or when it is
// longer; `in` is then undefined.
inline bool ReadVarint(absl::string_view* in, uint64_t* value) {
  uint64_t result = 0;
  for (size_t i = 0; i < in->size() && i < 10; ++i) {
    const auto byte = static_cast<uint8_t>((*in)[i]);
    if (i == 9 && byte > 1) return false;
    result |= uint64_t{static_cast<uint8_t>(byte & 0x7f)} << (7 * i);
    if (byte < 0x80) {
      in->remove_prefix(i + 1);
      *value = result;
      return true;
    }
  }
  return false;
}

// One field occurrence.
struct WireField {
  uint32_t number = 0;
  WireType wire = kVarint;
  // What follows the tag: the varint, the 4 or 8 bytes, or length and content.
  absl::string_view raw;
  // Of kDelimited: the content alone.
  absl::string_view content;
  // Of kVarint.
  uint64_t varint = 0;
};

inline bool TakeFixed(size_t size, absl::string_view* in, absl::string_view* out) {
  if (in->size() < size) return false;
  *out = in->substr(0, size);
  in->remove_prefix(size);
  return true;
}

// Takes one field off the front. False when the bytes are malformed, the number is 0 or beyond 29
// bits, or it is a group.
inline bool ReadField(absl::string_view* in, WireField* field) {
  uint64_t tag = 0;
  if (!ReadVarint(in, &tag) || tag > UINT32_MAX || (tag >> 3) == 0) return false;
  field->number = static_cast<uint32_t>(tag >> 3);
  field->wire = static_cast<WireType>(tag & 7);
  const char* begin = in->data();
  switch (field->wire) {
    case kVarint:
      if (!ReadVarint(in, &field->varint)) return false;
      break;
    case kFixed64:
      if (!TakeFixed(8, in, &field->content)) return false;
      break;
    case kFixed32:
      if (!TakeFixed(4, in, &field->content)) return false;
      break;
    case kDelimited: {
      uint64_t size = 0;
      if (!ReadVarint(in, &size) || size > in->size()) return false;
      if (!TakeFixed(static_cast<size_t>(size), in, &field->content)) return false;
      break;
    }
    default:
      return false;
  }
  field->raw = absl::string_view(begin, static_cast<size_t>(in->data() - begin));
  return true;
}

// The varint that protobuf itself would write for what it reads from `value`: values beyond the
// type's width are cut like its parser cuts them.
inline uint64_t CanonicalVarint(ProtoType type, uint64_t value) {
  switch (type) {
    case google::protobuf::FieldDescriptor::TYPE_INT32:
    case google::protobuf::FieldDescriptor::TYPE_ENUM:
      return static_cast<uint64_t>(
          static_cast<int64_t>(static_cast<int32_t>(static_cast<uint32_t>(value))));
    case google::protobuf::FieldDescriptor::TYPE_UINT32:
    case google::protobuf::FieldDescriptor::TYPE_SINT32:
      return static_cast<uint32_t>(value);
    case google::protobuf::FieldDescriptor::TYPE_BOOL:
      return value != 0 ? 1 : 0;
    default:
      return value;
  }
}

// Appends the value of an occurrence in canonical form, without tag.
inline void AppendCanonicalValue(ProtoType type, const WireField& field, std::string* out) {
  if (field.wire == kVarint) {
    AppendVarint(CanonicalVarint(type, field.varint), out);
    return;
  }
  if (field.wire == kDelimited) AppendVarint(field.content.size(), out);
  out->append(field.content.data(), field.content.size());
}

// The value of an unset field, without tag.
inline void AppendDefaultValue(ProtoType type, std::string* out) {
  const WireType wire = WireTypeOf(type);
  const size_t size = wire == kFixed64 ? 8 : wire == kFixed32 ? 4 : 1;
  out->append(size, '\0');
}

}  // namespace brigada

#endif  // REPLICA_SCHEMA_WIRE_H_
