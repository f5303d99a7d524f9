#include "tools/brigada/change_json.h"

#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "replica/base/ids.h"
#include "replica/schema/fragment.h"

namespace brigada {
namespace {

std::string IdText(const std::string& bytes) {
  const absl::StatusOr<RecordId> id = RecordId::FromBytes(bytes);
  return id.ok() ? id->ToString() : absl::BytesToHexString(bytes);
}

Json PartialJson(const RecordType* type, const std::string& bytes) {
  if (type == nullptr) return absl::Base64Escape(bytes);
  const std::unique_ptr<google::protobuf::Message> message = type->NewMessage();
  return message->ParsePartialFromString(bytes) ? RecordJson(*message)
                                                : Json(absl::Base64Escape(bytes));
}

const char* KindText(v1::Change::Kind kind) {
  if (kind == v1::Change::CREATE) return "create";
  return kind == v1::Change::DELETE ? "delete" : "edit";
}

}  // namespace

std::string FieldName(const RecordType* type, uint32_t field) {
  if (field == 0) return "";
  if (field == kScopeFieldNumber) return "scope";
  const FieldType* const found = type == nullptr ? nullptr : type->FindField(field);
  return found == nullptr ? absl::StrCat(field) : found->name;
}

Json ChangeJson(const v1::Change& change) {
  const RecordType* const type = Registry::BuiltIn().Find(change.type_id());
  Json json = {{"kind", KindText(change.kind())},
               {"type", type == nullptr ? absl::StrCat(change.type_id()) : type->plural()},
               {"id", IdText(change.record_id())}};
  if (!change.scope().empty()) json["scope"] = change.scope();
  if (!change.values().empty()) json["values"] = PartialJson(type, change.values());
  if (!change.removed().empty()) json["removed"] = PartialJson(type, change.removed());
  for (const uint32_t field : change.cleared()) json["cleared"].push_back(FieldName(type, field));
  return json;
}

std::string FragmentText(const RecordType* type, uint32_t field, absl::string_view fragment) {
  if (fragment.empty()) return "";
  if (field == kScopeFieldNumber) return std::string(ScopeOfFragment(fragment));
  const Json json = PartialJson(type, std::string(fragment));
  const std::string name = FieldName(type, field);
  if (field == 0 || !json.is_object() || !json.contains(name)) return JsonText(json);
  const Json& value = json[name];
  return value.is_string() ? value.get<std::string>() : JsonText(value);
}

}  // namespace brigada
