#include "tools/brigada/field_flags.h"

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "replica/schema/validate.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/field_text.h"
#include "tools/brigada/nearest.h"
#include "tools/brigada/status_text.h"

namespace brigada {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Deeper values are for --json.
constexpr size_t kMaxDepth = 4;

std::string Dashed(absl::string_view name) { return absl::StrReplaceAll(name, {{"_", "-"}}); }

void Collect(const Descriptor& type, const FieldPath& above, std::vector<FieldPath>* paths) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* const field = type.field(i);
    FieldPath path = above;
    path.name = absl::StrCat(above.name, above.name.empty() ? "" : ".", Dashed(field->name()));
    path.fields.push_back(field);
    if (IsTextField(*field) || field->is_map()) {
      paths->push_back(std::move(path));
    } else if (!field->is_repeated() && path.fields.size() < kMaxDepth) {
      Collect(*field->message_type(), path, paths);
    }
  }
}

std::vector<std::string> NamesOf(const std::vector<FieldPath>& paths, absl::string_view prefix) {
  std::vector<std::string> names;
  names.reserve(paths.size());
  for (const FieldPath& path : paths) names.push_back(absl::StrCat(prefix, path.name));
  return names;
}

Message* Parent(Message* record, const FieldPath& path) {
  for (size_t i = 0; i + 1 < path.fields.size(); ++i)
    record = record->GetReflection()->MutableMessage(record, path.fields[i]);
  return record;
}

// The index of the map entry with the key in `probe`, or -1.
int FindEntry(const Message& message, const FieldDescriptor& map, absl::string_view key) {
  const Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < reflection.FieldSize(message, &map); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &map, i);
    if (FieldText(entry, *map.message_type()->map_key()) == key) return i;
  }
  return -1;
}

void RemoveElement(Message* message, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *message->GetReflection();
  reflection.SwapElements(message, &field, index, reflection.FieldSize(*message, &field) - 1);
  reflection.RemoveLast(message, &field);
}

absl::Status PutEntry(Message* message, const FieldDescriptor& map, absl::string_view text) {
  const size_t equals = text.find('=');
  if (equals == absl::string_view::npos || equals == 0) {
    return UsageError(
        absl::StrCat(map.name(), ": ", Say("se espera CLAVE=VALOR", "expected KEY=VALUE")));
  }
  absl::string_view key = text.substr(0, equals);
  const FieldDescriptor* value = map.message_type()->map_value();
  absl::string_view part;
  const bool is_message = !IsTextField(*value);
  if (is_message) {
    const size_t dot = key.rfind('.');
    part = dot == absl::string_view::npos ? "" : key.substr(dot + 1);
    key = key.substr(0, dot == absl::string_view::npos ? 0 : dot);
    value = value->message_type()->FindFieldByName(absl::StrReplaceAll(part, {{"-", "_"}}));
    if (key.empty() || value == nullptr || !IsTextField(*value)) {
      return UsageError(absl::StrCat(
          map.name(), ": ", Say("se espera CLAVE.parte=VALOR", "expected KEY.part=VALUE")));
    }
  }
  const Reflection& reflection = *message->GetReflection();
  const int at = FindEntry(*message, map, key);
  Message* const entry = at >= 0 ? reflection.MutableRepeatedMessage(message, &map, at)
                                 : reflection.AddMessage(message, &map);
  RETURN_IF_ERROR(SetFieldText(entry, *map.message_type()->map_key(), key));
  Message* const target =
      is_message ? entry->GetReflection()->MutableMessage(entry, map.message_type()->map_value())
                 : entry;
  return SetFieldText(target, *value, text.substr(equals + 1));
}

absl::Status RemoveText(Message* record, const FieldPath& path, absl::string_view text) {
  Message* const message = Parent(record, path);
  const FieldDescriptor& field = path.leaf();
  const Reflection& reflection = *message->GetReflection();
  if (field.is_map()) {
    const int at = FindEntry(*message, field, text);
    if (at >= 0) RemoveElement(message, field, at);
    return absl::OkStatus();
  }
  // Read into an empty message, so that "+52 951" and its stored form compare alike.
  const std::unique_ptr<Message> probe(message->New());
  RETURN_IF_ERROR(SetFieldText(probe.get(), field, text));
  const std::string wanted = FieldText(*probe, field, 0);
  for (int i = reflection.FieldSize(*message, &field) - 1; i >= 0; --i) {
    if (FieldText(*message, field, i) == wanted) RemoveElement(message, field, i);
  }
  return absl::OkStatus();
}

// One run over the arguments.
class FlagReader {
 public:
  FlagReader(const RecordType& type, Message* record)
      : type_(type), paths_(FieldPathsOf(type)), record_(record) {}

  absl::Status Run(absl::Span<const std::string> arguments) {
    for (size_t i = 0; i < arguments.size(); ++i) {
      absl::string_view name = arguments[i];
      if (!absl::ConsumePrefix(&name, "--")) {
        return UsageError(absl::Substitute(Say("«$0» sobra: ¿falta un --campo delante?",
                                               "\"$0\" is too much: is a --field missing?"),
                                           CutToWidth(PrintableText(arguments[i]), 40)));
      }
      const size_t equals = name.find('=');
      const bool has_value = equals != absl::string_view::npos;
      const std::string flag(name.substr(0, equals));
      std::string value(has_value ? name.substr(equals + 1) : "");
      if (!has_value && i + 1 < arguments.size() && !IsLoneBoolean(flag, arguments[i + 1])) {
        value = arguments[++i];
      } else if (!has_value && IsBoolean(flag)) {
        value = "true";
      } else if (!has_value) {
        RETURN_IF_ERROR(CheckKnown(flag));
        return UsageError(
            absl::StrCat("--", flag, Say(": falta el valor", ": its value is missing")));
      }
      RETURN_IF_ERROR(Apply(flag, value));
    }
    return absl::OkStatus();
  }

 private:
  bool IsBoolean(absl::string_view flag) const {
    const FieldPath* const path = FindFieldPath(paths_, flag);
    return path != nullptr && path->leaf().cpp_type() == FieldDescriptor::CPPTYPE_BOOL &&
           !path->leaf().is_repeated();
  }

  // "--do-not-contact --notes x": what follows is the next flag, not a value.
  bool IsLoneBoolean(absl::string_view flag, absl::string_view next) const {
    return absl::StartsWith(next, "--") && (IsBoolean(flag) || next.size() > 2);
  }

  absl::Status CheckKnown(absl::string_view flag) const {
    absl::string_view name = flag;
    if (name == "unset" || FindFieldPath(paths_, name) != nullptr) return absl::OkStatus();
    if (!absl::ConsumePrefix(&name, "add-")) absl::ConsumePrefix(&name, "remove-");
    const FieldPath* const path = FindFieldPath(paths_, name);
    if (path == nullptr) return UnknownField(type_, paths_, flag);
    if (path->leaf().is_repeated()) return absl::OkStatus();
    return UsageError(absl::Substitute(Say("--$0: $1 guarda un solo valor; use --$1 o --unset $1",
                                           "--$0: $1 holds one value; use --$1 or --unset $1"),
                                       flag, path->name));
  }

  absl::Status Apply(absl::string_view flag, absl::string_view value) {
    RETURN_IF_ERROR(CheckKnown(flag));
    if (flag == "unset") return Unset(value);
    if (const FieldPath* const path = FindFieldPath(paths_, flag); path != nullptr) {
      // The first mention of a set starts it anew, the next ones add to it.
      if (path->leaf().is_repeated() && begun_.insert(path->name).second) ClearPath(record_, *path);
      return SetPathText(record_, *path, value);
    }
    if (absl::ConsumePrefix(&flag, "add-"))
      return SetPathText(record_, *FindFieldPath(paths_, flag), value);
    absl::ConsumePrefix(&flag, "remove-");
    return RemoveText(record_, *FindFieldPath(paths_, flag), value);
  }

  absl::Status Unset(absl::string_view name) {
    if (const FieldPath* const path = FindFieldPath(paths_, name); path != nullptr) {
      ClearPath(record_, *path);
      return absl::OkStatus();
    }
    const FieldType* const whole = type_.FindField(absl::StrReplaceAll(name, {{"-", "_"}}));
    if (whole == nullptr) return UnknownField(type_, paths_, name);
    record_->GetReflection()->ClearField(record_, whole->descriptor);
    return absl::OkStatus();
  }

  const RecordType& type_;
  const std::vector<FieldPath> paths_;
  Message* const record_;
  absl::flat_hash_set<std::string> begun_;
};

bool HasRequiredPart(const google::protobuf::Descriptor& message) {
  for (int i = 0; i < message.field_count(); ++i) {
    if (IsRequiredPart(*message.field(i))) return true;
  }
  return false;
}

// Which of a nested value's parts have to be there: those that the schema names, else any one.
std::string NecessityText(const FieldPath& path, bool top_is_required) {
  if (path.fields.size() == 1)
    return std::string(top_is_required ? Say(" (obligatorio)", " (required)") : "");
  const FieldDescriptor& top = *path.fields.front();
  if (IsRequiredPart(path.leaf())) {
    return top_is_required
               ? std::string(Say(" (obligatorio)", " (required)"))
               : absl::Substitute(Say(" (obligatorio si hay $0)", " (required with any $0)"),
                                  top.name());
  }
  if (!top_is_required || HasRequiredPart(*top.message_type())) return "";
  return absl::Substitute(Say(" (obligatoria alguna parte de $0)", " (required: some part of $0)"),
                          top.name());
}

}  // namespace

std::vector<FieldPath> FieldPathsOf(const RecordType& type) {
  std::vector<FieldPath> paths;
  Collect(*type.descriptor(), FieldPath(), &paths);
  return paths;
}

const FieldPath* FindFieldPath(const std::vector<FieldPath>& paths, absl::string_view name) {
  const std::string dashed = Dashed(name);
  for (const FieldPath& path : paths) {
    if (path.name == dashed) return &path;
  }
  return nullptr;
}

absl::Status UnknownField(const RecordType& type, const std::vector<FieldPath>& paths,
                          absl::string_view name) {
  return UsageError(absl::StrCat(
      absl::Substitute(Say("$0 no tiene el campo «$1».", "$0 has no field \"$1\"."), type.plural(),
                       CutToWidth(PrintableText(name), 40)),
      DidYouMean(name, NamesOf(paths, "")),
      absl::Substitute(
          Say(" Véalos con: brigada add $0 --help", " See them with: brigada add $0 --help"),
          type.plural())));
}

absl::Status SetPathText(Message* record, const FieldPath& path, absl::string_view text) {
  Message* const message = Parent(record, path);
  if (path.leaf().is_map()) return PutEntry(message, path.leaf(), text);
  return SetFieldText(message, path.leaf(), text);
}

void ClearPath(Message* record, const FieldPath& path) {
  for (size_t i = 0; i + 1 < path.fields.size(); ++i) {
    if (!record->GetReflection()->HasField(*record, path.fields[i])) return;
    record = record->GetReflection()->MutableMessage(record, path.fields[i]);
  }
  record->GetReflection()->ClearField(record, &path.leaf());
}

absl::Status ApplyFieldFlags(const RecordType& type, absl::Span<const std::string> arguments,
                             Message* record) {
  return FlagReader(type, record).Run(arguments);
}

std::string FieldFlagsHelp(const RecordType& type) {
  std::string help = absl::Substitute(Say("Campos de $0:\n", "Fields of $0:\n"), type.plural());
  for (const FieldPath& path : FieldPathsOf(type)) {
    const FieldType* const top = type.FindField(path.fields.front()->name());
    std::string line = absl::StrCat("  --", path.name);
    line.append(line.size() < 28 ? 28 - line.size() : 1, ' ');
    if (path.leaf().is_map()) {
      absl::StrAppend(&line, Say("CLAVE=VALOR", "KEY=VALUE"));
    } else {
      absl::StrAppend(&line, FieldForm(path.leaf()));
    }
    if (path.leaf().is_repeated()) absl::StrAppend(&line, Say(", repetible", ", repeatable"));
    absl::StrAppend(&help, line, NecessityText(path, top != nullptr && top->rules.required()),
                    "\n");
  }
  return help;
}

}  // namespace brigada
