// The record types a program knows, read from the annotations of their descriptors at start.
#ifndef REPLICA_SCHEMA_REGISTRY_H_
#define REPLICA_SCHEMA_REGISTRY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "brigada/v1/annotations.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace re2 {
class RE2;
}

namespace brigada {

class RecordType;

// The record's scope merges like a field; it travels under the highest field number there is.
inline constexpr uint32_t kScopeFieldNumber = 536870911;

// One top-level field of a record type: the unit of merging.
struct FieldType {
  uint32_t number = 0;
  std::string name;
  const google::protobuf::FieldDescriptor* descriptor = nullptr;
  // How the content looks on the wire, copied from the descriptor because splitting a record asks
  // for every field. Of a MAP: TYPE_MESSAGE, and the types of its keys and values.
  google::protobuf::FieldDescriptor::Type type = google::protobuf::FieldDescriptor::TYPE_INT32;
  google::protobuf::FieldDescriptor::Type key_type = google::protobuf::FieldDescriptor::TYPE_INT32;
  google::protobuf::FieldDescriptor::Type value_type =
      google::protobuf::FieldDescriptor::TYPE_INT32;
  bool repeated = false;  // a map is repeated too
  bool is_map = false;
  // Never MERGE_POLICY_UNSPECIFIED: the default is filled in.
  v1::MergePolicy policy = v1::LAST_WRITER;
  // Never DATA_CLASS_UNSPECIFIED.
  v1::DataClass data_class = v1::PERSONAL;
  v1::FieldRules rules;
  // Compiled `rules.pattern`; null without one.
  std::shared_ptr<const re2::RE2> pattern;
  // True for `index` and for every reference.
  bool indexed = false;
  // Type named by `references`; null for other fields.
  const RecordType* references = nullptr;
  // Field named by `contested_by`; null for other fields.
  const FieldType* contested_by = nullptr;
  // STATE fields only.
  v1::StateRules state_rules;
};

// Immutable; thread safe.
class RecordType {
 public:
  uint32_t type_id() const { return rules_.type_id(); }
  // The message's name: "Person".
  const std::string& name() const { return name_; }
  // The plural name: SQL table and command-line noun, "people".
  const std::string& plural() const { return rules_.plural(); }
  const v1::RecordRules& rules() const { return rules_; }
  v1::DataClass data_class() const { return rules_.data_class(); }
  const google::protobuf::Descriptor* descriptor() const { return descriptor_; }
  const std::vector<FieldType>& fields() const { return fields_; }
  // Null when this program does not know the field.
  const FieldType* FindField(uint32_t number) const;
  const FieldType* FindField(absl::string_view name) const;
  // The field with the `folio` annotation; null for a type without.
  const FieldType* folio() const { return folio_; }
  // The fields with `contested_by`.
  const std::vector<const FieldType*>& contested() const { return contested_; }
  // Fields the id is derived from, in order; empty for random ids.
  const std::vector<const FieldType*>& derived_from() const { return derived_from_; }
  // An empty message of this type, from the generated or a dynamic factory.
  std::unique_ptr<google::protobuf::Message> NewMessage() const;

 private:
  friend class Registry;
  std::string name_;
  v1::RecordRules rules_;
  const google::protobuf::Descriptor* descriptor_ = nullptr;
  const google::protobuf::Message* prototype_ = nullptr;
  std::vector<FieldType> fields_;
  absl::flat_hash_map<uint32_t, size_t> by_number_;
  const FieldType* folio_ = nullptr;
  std::vector<const FieldType*> contested_;
  std::vector<const FieldType*> derived_from_;
};

// Immutable after Build; thread safe.
class Registry {
 public:
  // Reads and checks the annotations of `descriptors` (each a record message; those without
  // `record` are refused). kInvalidArgument names message, field and contradiction: "Person.phones:
  // SET needs a repeated scalar or enum field". Messages are made with `factory` (default: the
  // generated factory); it and the descriptors outlive the registry.
  static absl::StatusOr<std::unique_ptr<const Registry>> Build(
      absl::Span<const google::protobuf::Descriptor* const> descriptors,
      google::protobuf::MessageFactory* factory = nullptr);

  // The types of proto/brigada/v1. Aborts at first use when their annotations contradict each
  // other: that is our bug.
  static const Registry& BuiltIn();

  // Null when unknown.
  const RecordType* Find(uint32_t type_id) const;
  // By message name ("Person") or plural ("people").
  const RecordType* FindByName(absl::string_view name) const;
  // In order of type_id.
  const std::vector<const RecordType*>& types() const { return types_; }

 private:
  Registry() = default;
  // One type, its annotations checked but its references not resolved.
  static absl::StatusOr<std::unique_ptr<RecordType>> ReadType(
      const google::protobuf::Descriptor& descriptor, google::protobuf::MessageFactory* factory);
  absl::Status Add(std::unique_ptr<RecordType> type);
  // Resolves the references of `type` and the parts of its derived id.
  absl::Status Link(RecordType* type) const;

  std::vector<std::unique_ptr<RecordType>> owned_;
  std::vector<const RecordType*> types_;
  absl::flat_hash_map<std::string, const RecordType*> by_name_;
};

}  // namespace brigada

#endif  // REPLICA_SCHEMA_REGISTRY_H_
