#include "replica/merge/value.h"

#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "replica/schema/wire.h"

namespace brigada {
namespace {

using google::protobuf::FieldDescriptor;

struct Scalar {
  bool is_set = false;
  uint64_t bits = 0;
  absl::string_view text;
};

uint64_t LittleEndian(absl::string_view bytes) {
  uint64_t bits = 0;
  for (size_t i = bytes.size(); i-- > 0;) bits = (bits << 8) | static_cast<uint8_t>(bytes[i]);
  return bits;
}

// Of several occurrences the last counts, as protobuf has it.
bool ReadScalar(const FieldType& field, absl::string_view fragment, Scalar* scalar) {
  const ProtoType type = field.type;
  while (!fragment.empty()) {
    WireField wire;
    if (!ReadField(&fragment, &wire)) return false;
    if (wire.number != field.number || wire.wire != WireTypeOf(type)) return false;
    scalar->is_set = true;
    if (wire.wire == kVarint) {
      scalar->bits = CanonicalVarint(type, wire.varint);
    } else if (wire.wire == kDelimited) {
      scalar->text = wire.content;
    } else {
      scalar->bits = LittleEndian(wire.content);
    }
  }
  return true;
}

template <typename T>
int Compare(T a, T b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

template <typename T>
T FromBits(uint64_t bits) {
  T value;
  if constexpr (sizeof(T) == sizeof(uint32_t)) {
    const auto low = static_cast<uint32_t>(bits);
    std::memcpy(&value, &low, sizeof(value));
  } else {
    std::memcpy(&value, &bits, sizeof(value));
  }
  return value;
}

template <typename T>
int CompareFloating(T a, T b) {
  if (std::isnan(a) || std::isnan(b)) return Compare(!std::isnan(a), !std::isnan(b));
  return Compare(a, b);
}

int64_t ZigZag(uint64_t bits) { return static_cast<int64_t>((bits >> 1) ^ (~(bits & 1) + 1)); }

int CompareScalars(ProtoType type, const Scalar& a, const Scalar& b) {
  switch (type) {
    case FieldDescriptor::TYPE_DOUBLE:
      return CompareFloating(FromBits<double>(a.bits), FromBits<double>(b.bits));
    case FieldDescriptor::TYPE_FLOAT:
      return CompareFloating(FromBits<float>(a.bits), FromBits<float>(b.bits));
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_BYTES:
      return a.text.compare(b.text);
    case FieldDescriptor::TYPE_SINT32:
    case FieldDescriptor::TYPE_SINT64:
      return Compare(ZigZag(a.bits), ZigZag(b.bits));
    case FieldDescriptor::TYPE_SFIXED32:
      return Compare(FromBits<int32_t>(a.bits), FromBits<int32_t>(b.bits));
    case FieldDescriptor::TYPE_UINT32:
    case FieldDescriptor::TYPE_UINT64:
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_FIXED64:
      return Compare(a.bits, b.bits);
    default:
      return Compare(FromBits<int64_t>(a.bits), FromBits<int64_t>(b.bits));
  }
}

}  // namespace

absl::Status CheckScalar(const FieldType& field, absl::string_view fragment) {
  Scalar scalar;
  if (ReadScalar(field, fragment, &scalar)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("field ", field.number, " does not hold a value of its type"));
}

int CompareValues(const FieldType& field, absl::string_view a, absl::string_view b,
                  bool absent_first) {
  Scalar left;
  Scalar right;
  if (!ReadScalar(field, a, &left)) left = Scalar();
  if (!ReadScalar(field, b, &right)) right = Scalar();
  if (field.descriptor->has_presence() && left.is_set != right.is_set)
    return left.is_set == absent_first ? 1 : -1;
  return CompareScalars(field.type, left, right);
}

int32_t EnumNumber(absl::string_view fragment) {
  int32_t number = 0;
  while (!fragment.empty()) {
    WireField wire;
    if (!ReadField(&fragment, &wire)) return 0;
    number = static_cast<int32_t>(static_cast<uint32_t>(wire.varint));
  }
  return number;
}

std::string EnumFragment(const FieldType& field, int32_t number) {
  std::string fragment;
  if (number == 0) return fragment;
  AppendTag(field.number, kVarint, &fragment);
  // Enums are sign-extended on the wire.
  AppendVarint(static_cast<uint64_t>(int64_t{number}), &fragment);
  return fragment;
}

}  // namespace brigada
