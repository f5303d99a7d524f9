#include "replica/schema/fragment.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/wire_format_lite.h"
#include "replica/base/check.h"
#include "replica/base/status_macros.h"
#include "replica/schema/wire.h"

namespace brigada {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;

constexpr uint32_t kMapKeyNumber = 1;
constexpr uint32_t kMapValueNumber = 2;

absl::Status Malformed() { return absl::InvalidArgumentError("malformed message bytes"); }

absl::Status WrongWireType(const FieldType& field) {
  return absl::InvalidArgumentError(
      absl::StrCat("malformed message bytes: field ", field.number, " has a wrong wire type"));
}

bool IsElementField(const FieldType* field) {
  return field != nullptr && (field->policy == v1::SET || field->policy == v1::MAP);
}

bool IsPackable(const FieldType& field) {
  return field.repeated && WireTypeOf(field.type) != kDelimited;
}

bool WireTypeFits(const FieldType& field, WireType wire) {
  return wire == WireTypeOf(field.type) || (wire == kDelimited && IsPackable(field));
}

// The parts of a MAP entry in canonical form, both without tag.
struct MapEntry {
  std::string key;
  std::string value;
};

absl::StatusOr<MapEntry> ReadMapEntry(const FieldType& field, absl::string_view content) {
  MapEntry entry;
  std::string message;  // content of a message value: its occurrences merge
  bool has_message = false;
  while (!content.empty()) {
    WireField part;
    if (!ReadField(&content, &part)) return Malformed();
    // Protobuf drops what else is in an entry.
    if (part.number != kMapKeyNumber && part.number != kMapValueNumber) continue;
    const bool is_key = part.number == kMapKeyNumber;
    const ProtoType type = is_key ? field.key_type : field.value_type;
    if (part.wire != WireTypeOf(type)) return WrongWireType(field);
    if (type == FieldDescriptor::TYPE_MESSAGE) {
      message.append(part.content.data(), part.content.size());
      has_message = true;
      continue;
    }
    std::string& target = is_key ? entry.key : entry.value;
    target.clear();
    AppendCanonicalValue(type, part, &target);
  }
  if (has_message) {
    AppendVarint(message.size(), &entry.value);
    entry.value += message;
  }
  if (entry.key.empty()) AppendDefaultValue(field.key_type, &entry.key);
  if (entry.value.empty()) AppendDefaultValue(field.value_type, &entry.value);
  return entry;
}

std::string EncodeMapEntry(const FieldType& field, const MapEntry& entry) {
  std::string content;
  content.reserve(entry.key.size() + entry.value.size() + 2);
  AppendTag(kMapKeyNumber, WireTypeOf(field.key_type), &content);
  content += entry.key;
  AppendTag(kMapValueNumber, WireTypeOf(field.value_type), &content);
  content += entry.value;
  std::string fragment;
  fragment.reserve(content.size() + 8);
  AppendDelimited(field.number, content, &fragment);
  return fragment;
}

class Splitter {
 public:
  explicit Splitter(const RecordType* type) : type_(type) {}

  absl::Status Split(absl::string_view message) {
    while (!message.empty()) {
      WireField wire;
      if (!ReadField(&message, &wire)) return Malformed();
      const FieldType* field = type_ == nullptr ? nullptr : type_->FindField(wire.number);
      if (field != nullptr && !WireTypeFits(*field, wire.wire)) return WrongWireType(*field);
      if (!IsElementField(field)) {
        AddRegister(wire);
      } else if (field->policy == v1::MAP) {
        RETURN_IF_ERROR(AddMapEntry(*field, wire));
      } else {
        RETURN_IF_ERROR(AddElements(*field, wire));
      }
    }
    return absl::OkStatus();
  }

  std::vector<Fragment> Take() { return std::move(fragments_); }

 private:
  void AddRegister(const WireField& wire) {
    Fragment& fragment = RegisterOf(wire.number);
    if (fragment.bytes.empty()) fragment.bytes.reserve(wire.raw.size() + 2);
    AppendTag(wire.number, wire.wire, &fragment.bytes);
    fragment.bytes.append(wire.raw.data(), wire.raw.size());
  }

  // Serializers write fields in order of number, so the map of registers is made only for bytes
  // that are out of order. Without it such bytes would cost a scan for each field.
  Fragment& RegisterOf(uint32_t number) {
    if (number == last_register_) return fragments_[last_index_];
    size_t index = fragments_.size();
    if (number <= greatest_register_) {
      if (registers_.empty()) IndexRegisters();
      const auto found = registers_.find(number);
      if (found != registers_.end()) index = found->second;
    }
    if (index == fragments_.size()) {
      fragments_.push_back(Fragment{number, "", ""});
      if (!registers_.empty()) registers_.emplace(number, index);
    }
    if (number > greatest_register_) greatest_register_ = number;
    last_register_ = number;
    last_index_ = index;
    return fragments_[index];
  }

  void IndexRegisters() {
    for (size_t i = 0; i < fragments_.size(); ++i) {
      if (fragments_[i].key.empty()) registers_.emplace(fragments_[i].number, i);
    }
  }

  absl::Status AddMapEntry(const FieldType& field, const WireField& wire) {
    ASSIGN_OR_RETURN(const MapEntry entry, ReadMapEntry(field, wire.content));
    AddElement(field.number, entry.key, EncodeMapEntry(field, entry));
    return absl::OkStatus();
  }

  absl::Status AddElements(const FieldType& field, const WireField& wire) {
    if (wire.wire == WireTypeOf(field.type)) {
      AddSetElement(field, wire);
      return absl::OkStatus();
    }
    absl::string_view packed = wire.content;
    WireField element;
    element.wire = WireTypeOf(field.type);
    while (!packed.empty()) {
      if (element.wire == kVarint) {
        if (!ReadVarint(&packed, &element.varint)) return Malformed();
      } else if (!TakeFixed(element.wire == kFixed64 ? 8 : 4, &packed, &element.content)) {
        return Malformed();
      }
      AddSetElement(field, element);
    }
    return absl::OkStatus();
  }

  void AddSetElement(const FieldType& field, const WireField& element) {
    std::string key;
    AppendCanonicalValue(field.type, element, &key);
    std::string bytes;
    bytes.reserve(key.size() + 2);
    AppendTag(field.number, element.wire, &bytes);
    bytes += key;
    AddElement(field.number, key, std::move(bytes));
  }

  void AddElement(uint32_t number, const std::string& key, std::string bytes) {
    const auto [found, is_new] = elements_.emplace(std::make_pair(number, key), fragments_.size());
    if (is_new) {
      fragments_.push_back(Fragment{number, std::move(bytes), key});
    } else {
      fragments_[found->second].bytes = std::move(bytes);
    }
  }

  const RecordType* const type_;
  std::vector<Fragment> fragments_;
  uint32_t last_register_ = 0;
  size_t last_index_ = 0;
  uint32_t greatest_register_ = 0;
  absl::flat_hash_map<uint32_t, size_t> registers_;
  absl::flat_hash_map<std::pair<uint32_t, std::string>, size_t> elements_;
};

}  // namespace

absl::StatusOr<std::vector<Fragment>> SplitFragments(const RecordType* type,
                                                     absl::string_view message) {
  Splitter splitter(type);
  RETURN_IF_ERROR(splitter.Split(message));
  return splitter.Take();
}

absl::StatusOr<std::string> FragmentKey(const FieldType& field, absl::string_view fragment) {
  if (!IsElementField(&field)) return std::string();
  WireField wire;
  if (!ReadField(&fragment, &wire) || !fragment.empty() || wire.number != field.number)
    return Malformed();
  if (wire.wire != WireTypeOf(field.type)) return WrongWireType(field);
  if (field.policy == v1::MAP) {
    ASSIGN_OR_RETURN(MapEntry entry, ReadMapEntry(field, wire.content));
    return std::move(entry.key);
  }
  std::string key;
  AppendCanonicalValue(field.type, wire, &key);
  return key;
}

std::string MapKeyFragment(const FieldType& field, absl::string_view key) {
  CHECK(field.policy == v1::MAP);
  std::string content;
  AppendTag(kMapKeyNumber, WireTypeOf(field.key_type), &content);
  content.append(key.data(), key.size());
  std::string fragment;
  AppendDelimited(field.number, content, &fragment);
  return fragment;
}

std::string CounterFragment(const FieldType& field, int64_t amount) {
  CHECK(field.policy == v1::COUNTER && CounterFits(field, amount));
  std::string fragment;
  AppendTag(field.number, WireTypeOf(field.type), &fragment);
  uint64_t bits = static_cast<uint64_t>(amount);
  size_t fixed_size = 0;
  switch (field.type) {
    case FieldDescriptor::TYPE_SINT32:
    case FieldDescriptor::TYPE_SINT64:
      bits = WireFormatLite::ZigZagEncode64(amount);
      break;
    case FieldDescriptor::TYPE_SFIXED32:
      fixed_size = 4;
      break;
    case FieldDescriptor::TYPE_SFIXED64:
      fixed_size = 8;
      break;
    default:
      break;
  }
  if (fixed_size == 0) AppendVarint(bits, &fragment);
  for (size_t i = 0; i < fixed_size; ++i) fragment.push_back(static_cast<char>(bits >> (8 * i)));
  return fragment;
}

absl::StatusOr<int64_t> CounterAmount(const FieldType& field, absl::string_view fragment) {
  int64_t amount = 0;
  while (!fragment.empty()) {
    WireField wire;
    if (!ReadField(&fragment, &wire) || wire.number != field.number) return Malformed();
    if (wire.wire != WireTypeOf(field.type)) return WrongWireType(field);
    uint64_t bits = CanonicalVarint(field.type, wire.varint);
    if (wire.wire != kVarint) {
      bits = 0;
      for (size_t i = wire.content.size(); i-- > 0;)
        bits = (bits << 8) | static_cast<uint8_t>(wire.content[i]);
    }
    switch (field.type) {
      case FieldDescriptor::TYPE_SINT32:
      case FieldDescriptor::TYPE_SINT64:
        amount = WireFormatLite::ZigZagDecode64(bits);
        break;
      case FieldDescriptor::TYPE_SFIXED32:
        amount = static_cast<int32_t>(static_cast<uint32_t>(bits));
        break;
      default:
        amount = static_cast<int64_t>(bits);
        break;
    }
  }
  return amount;
}

bool CounterFits(const FieldType& field, int64_t amount) {
  switch (field.type) {
    case FieldDescriptor::TYPE_INT32:
    case FieldDescriptor::TYPE_SINT32:
    case FieldDescriptor::TYPE_SFIXED32:
      return amount >= INT32_MIN && amount <= INT32_MAX;
    default:
      return true;
  }
}

std::string ScopeFragment(absl::string_view path) {
  std::string fragment;
  AppendDelimited(kScopeFieldNumber, path, &fragment);
  return fragment;
}

absl::string_view ScopeOfFragment(absl::string_view fragment) {
  absl::string_view path;
  while (!fragment.empty()) {
    WireField wire;
    if (!ReadField(&fragment, &wire) || wire.number != kScopeFieldNumber ||
        wire.wire != kDelimited) {
      return absl::string_view();
    }
    path = wire.content;
  }
  return path;
}

}  // namespace brigada
