#include "replica/schema/registry.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "brigada/v1/conflict.pb.h"
#include "brigada/v1/event.pb.h"
#include "brigada/v1/person.pb.h"
#include "brigada/v1/territory.pb.h"
#include "brigada/v1/visit.pb.h"
#include "re2/re2.h"
#include "replica/base/check.h"
#include "replica/base/status_macros.h"
#include "replica/schema/annotation_check.h"

namespace brigada {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

FieldType ReadField(const FieldDescriptor& descriptor, const v1::RecordRules& record) {
  FieldType field;
  field.number = static_cast<uint32_t>(descriptor.number());
  field.name = descriptor.name();
  field.descriptor = &descriptor;
  field.type = descriptor.type();
  field.repeated = descriptor.is_repeated();
  field.is_map = descriptor.is_map();
  if (field.is_map) {
    field.key_type = descriptor.message_type()->map_key()->type();
    field.value_type = descriptor.message_type()->map_value()->type();
  }
  field.rules = descriptor.options().GetExtension(v1::field);
  field.policy = field.rules.merge();
  if (field.policy == v1::MERGE_POLICY_UNSPECIFIED)
    field.policy = record.append_only() ? v1::FIRST_WRITER : v1::LAST_WRITER;
  field.data_class = field.rules.data_class();
  if (field.data_class == v1::DATA_CLASS_UNSPECIFIED) field.data_class = record.data_class();
  field.indexed = field.rules.index() || !field.rules.references().empty();
  if (field.policy == v1::STATE && descriptor.type() == FieldDescriptor::TYPE_ENUM)
    field.state_rules = descriptor.enum_type()->options().GetExtension(v1::state);
  if (!field.rules.pattern().empty()) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    field.pattern = std::make_shared<const re2::RE2>(field.rules.pattern(), options);
  }
  return field;
}

}  // namespace

const FieldType* RecordType::FindField(uint32_t number) const {
  // Fields are mostly numbered 1, 2, 3... without gaps.
  if (number > 0 && number <= fields_.size() && fields_[number - 1].number == number)
    return &fields_[number - 1];
  const auto found = by_number_.find(number);
  return found == by_number_.end() ? nullptr : &fields_[found->second];
}

const FieldType* RecordType::FindField(absl::string_view name) const {
  for (const FieldType& field : fields_) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

std::unique_ptr<google::protobuf::Message> RecordType::NewMessage() const {
  return std::unique_ptr<google::protobuf::Message>(prototype_->New());
}

absl::StatusOr<std::unique_ptr<RecordType>> Registry::ReadType(
    const Descriptor& descriptor, google::protobuf::MessageFactory* factory) {
  if (!descriptor.options().HasExtension(v1::record))
    return absl::InvalidArgumentError(absl::StrCat(descriptor.name(), ": no record annotation"));
  auto type = std::make_unique<RecordType>();
  type->name_ = descriptor.name();
  type->rules_ = descriptor.options().GetExtension(v1::record);
  type->descriptor_ = &descriptor;
  RETURN_IF_ERROR(CheckRecordRules(descriptor, type->rules_));
  for (int i = 0; i < descriptor.field_count(); ++i) {
    FieldType field = ReadField(*descriptor.field(i), type->rules_);
    RETURN_IF_ERROR(CheckFieldRules(field, type->rules_.append_only()));
    type->fields_.push_back(std::move(field));
  }
  std::sort(type->fields_.begin(), type->fields_.end(),
            [](const FieldType& a, const FieldType& b) { return a.number < b.number; });
  for (size_t i = 0; i < type->fields_.size(); ++i)
    type->by_number_.emplace(type->fields_[i].number, i);
  for (const FieldType& field : type->fields_) {
    if (!field.rules.folio()) continue;
    if (type->folio_ != nullptr || type->rules_.server_written()) {
      return absl::InvalidArgumentError(
          absl::StrCat(descriptor.name(), ".", field.name,
                       ": folio is for one field of a type that devices write"));
    }
    type->folio_ = &field;
  }
  type->prototype_ = factory->GetPrototype(&descriptor);
  if (type->prototype_ == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(descriptor.name(), ": the factory does not make this message"));
  }
  return type;
}

absl::Status Registry::Link(RecordType* type) const {
  for (FieldType& field : type->fields_) {
    const std::string& target = field.rules.references();
    if (target.empty()) continue;
    field.references = FindByName(target);
    if (field.references == nullptr || field.references->name() != target) {
      return absl::InvalidArgumentError(
          absl::StrCat(type->name_, ".", field.name, ": references unknown record ", target));
    }
  }
  for (FieldType& field : type->fields_) {
    if (!field.rules.has_contested_by()) continue;
    field.contested_by = type->FindField(field.rules.contested_by().field());
    RETURN_IF_ERROR(CheckContest(field));
    type->contested_.push_back(&field);
  }
  for (const std::string& part : type->rules_.derived_id()) {
    const FieldType* field = type->FindField(part);
    if (field == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat(type->name_, ": derived_id names unknown field ", part));
    }
    if (field->references == nullptr || field->repeated) {
      return absl::InvalidArgumentError(absl::StrCat(
          type->name_, ".", part, ": derived_id needs a singular field with references"));
    }
    if (std::count(type->derived_from_.begin(), type->derived_from_.end(), field) != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(type->name_, ".", part, ": derived_id names the field twice"));
    }
    type->derived_from_.push_back(field);
  }
  return absl::OkStatus();
}

absl::Status Registry::Add(std::unique_ptr<RecordType> type) {
  if (const RecordType* other = Find(type->type_id()); other != nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(type->name(), ": type_id ", type->type_id(), " is taken by ", other->name()));
  }
  for (const std::string& name : {type->name(), type->plural()}) {
    const auto [found, is_new] = by_name_.emplace(name, type.get());
    if (!is_new) {
      return absl::InvalidArgumentError(
          absl::StrCat(type->name(), ": name ", name, " is taken by ", found->second->name()));
    }
  }
  const auto place = std::lower_bound(
      types_.begin(), types_.end(), type->type_id(),
      [](const RecordType* a, uint32_t type_id) { return a->type_id() < type_id; });
  types_.insert(place, type.get());
  owned_.push_back(std::move(type));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<const Registry>> Registry::Build(
    absl::Span<const Descriptor* const> descriptors, google::protobuf::MessageFactory* factory) {
  if (factory == nullptr) factory = google::protobuf::MessageFactory::generated_factory();
  std::unique_ptr<Registry> registry(new Registry);
  for (const Descriptor* descriptor : descriptors) {
    ASSIGN_OR_RETURN(std::unique_ptr<RecordType> type, ReadType(*descriptor, factory));
    RETURN_IF_ERROR(registry->Add(std::move(type)));
  }
  for (const std::unique_ptr<RecordType>& type : registry->owned_)
    RETURN_IF_ERROR(registry->Link(type.get()));
  return std::unique_ptr<const Registry>(std::move(registry));
}

const Registry& Registry::BuiltIn() {
  static const Registry* const built_in = [] {
    auto registry =
        Build({v1::Territory::descriptor(), v1::Conflict::descriptor(), v1::Person::descriptor(),
               v1::Visit::descriptor(), v1::Event::descriptor(), v1::Attendance::descriptor(),
               v1::Headcount::descriptor()});
    if (!registry.ok()) CheckFailed(__FILE__, __LINE__, registry.status().ToString().c_str());
    return registry->release();
  }();
  return *built_in;
}

const RecordType* Registry::Find(uint32_t type_id) const {
  const auto place =
      std::lower_bound(types_.begin(), types_.end(), type_id,
                       [](const RecordType* a, uint32_t id) { return a->type_id() < id; });
  return place == types_.end() || (*place)->type_id() != type_id ? nullptr : *place;
}

const RecordType* Registry::FindByName(absl::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

}  // namespace brigada
