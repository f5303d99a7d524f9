#include "tools/brigada/change_text.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/substitute.h"
#include "replica/base/ids.h"
#include "replica/base/language.h"
#include "replica/schema/registry.h"
#include "tools/brigada/change_json.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/scope_text.h"

namespace brigada {
namespace {

std::string RecordText(const v1::Change& change) {
  const RecordType* const type = Registry::BuiltIn().Find(change.type_id());
  const absl::StatusOr<RecordId> id = RecordId::FromBytes(change.record_id());
  return absl::StrCat(type == nullptr ? absl::StrCat(change.type_id()) : type->plural(), " ",
                      id.ok() ? id->ToString() : "?");
}

// Names of the fields that an edit changes.
std::string FieldsText(const v1::Change& change) {
  const Json json = ChangeJson(change);
  std::set<std::string> names;
  for (const char* part : {"values", "removed"}) {
    if (!json.contains(part) || !json[part].is_object()) continue;
    for (const auto& item : json[part].items()) names.insert(item.key());
  }
  if (json.contains("cleared")) {
    for (const Json& name : json["cleared"]) names.insert(name.get<std::string>());
  }
  return PrintableText(absl::StrJoin(names, ", "));
}

}  // namespace

std::string PlaceText(absl::string_view path) {
  const std::string name = ScopeName(path);
  return name == path ? name : absl::StrCat(path, " (", name, ")");
}

std::string ChangeSetName(absl::string_view partition, uint64_t sequence) {
  return absl::StrCat(partition, ":", sequence);
}

std::string ChangeText(const v1::Change& change) {
  const std::string record = RecordText(change);
  const std::string place = PlaceText(PrintableText(change.scope()));
  switch (change.kind()) {
    case v1::Change::CREATE:
      return absl::Substitute(Say("registrar $0 en $1", "register $0 in $1"), record, place);
    case v1::Change::DELETE:
      return absl::Substitute(Say("borrar $0", "delete $0"), record);
    default:
      break;
  }
  const std::string fields = FieldsText(change);
  if (!change.scope().empty()) {
    return fields.empty() ? absl::Substitute(Say("llevar $0 a $1", "move $0 to $1"), record, place)
                          : absl::Substitute(Say("cambiar $2 de $0 y llevarlo a $1",
                                                 "change $2 of $0 and move it to $1"),
                                             record, place, fields);
  }
  if (fields.empty())
    return absl::Substitute(Say("decidir un conflicto de $0", "decide a conflict of $0"), record);
  return absl::Substitute(Say("cambiar $1 de $0", "change $1 of $0"), record, fields);
}

std::string ChangesText(const v1::ChangeSetBody& body) {
  if (body.changes().empty()) return std::string(Say("un cambio vacío", "an empty change"));
  const std::string first = ChangeText(body.changes(0));
  if (body.changes_size() == 1) return first;
  return absl::Substitute(
      body.changes_size() == 2
          ? Say("$0 y otro cambio que va con él", "$0 and another change with it")
          : Say("$0 y otros $1 cambios que van con él", "$0 and $1 other changes with it"),
      first, body.changes_size() - 1);
}

}  // namespace brigada
