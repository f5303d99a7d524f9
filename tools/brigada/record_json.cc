#include "tools/brigada/record_json.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
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

std::string PlaceOf(absl::string_view text, size_t byte) {
  size_t line = 1;
  size_t column = 1;
  for (size_t i = 0; i + 1 < byte && i < text.size(); ++i) {
    ++column;
    if (text[i] == '\n') {
      ++line;
      column = 1;
    }
  }
  return absl::Substitute(Say("línea $0, columna $1", "line $0, column $1"), line, column);
}

// Where the first number of `text`, which is JSON, that no double holds ends.
size_t EndOfHugeNumber(absl::string_view text) {
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (in_string && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      in_string = !in_string;
    } else if (!in_string &&
               (absl::ascii_isdigit(static_cast<unsigned char>(text[i])) != 0 || text[i] == '-')) {
      const size_t end = std::min(text.find_first_not_of("+-.eE0123456789", i), text.size());
      double number = 0;
      if (!absl::SimpleAtod(text.substr(i, end - i), &number) || std::isinf(number)) return end;
      i = end - 1;
    }
  }
  return text.size();
}

absl::Status Misfit(absl::string_view path, absl::string_view expected) {
  return UsageError(absl::StrCat("JSON, ", path, ": ", Say("se espera ", "expected "), expected));
}

// What a scalar in JSON is as the text of a flag; nothing for arrays and objects.
bool ScalarText(const Json& value, std::string* text) {
  if (value.is_string()) {
    *text = value.get<std::string>();
  } else if (value.is_boolean()) {
    *text = value.get<bool>() ? "true" : "false";
  } else if (value.is_number()) {
    *text = value.dump();
  } else {
    return false;
  }
  return true;
}

absl::Status MergeMessage(const Json& object, const std::string& path, Message* message);

absl::Status MergeScalar(const Json& value, const std::string& path, const FieldDescriptor& field,
                         Message* message) {
  std::string text;
  // {"year": 1990, ...} is as good as "1990".
  if (value.is_object() && field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    const Reflection& reflection = *message->GetReflection();
    return MergeMessage(value, path,
                        field.is_repeated() ? reflection.AddMessage(message, &field)
                                            : reflection.MutableMessage(message, &field));
  }
  if (!ScalarText(value, &text)) return Misfit(path, FieldForm(field));
  return Annotate(SetFieldText(message, field, text), absl::StrCat("JSON, ", path));
}

absl::Status MergeArray(const Json& value, const std::string& path, const FieldDescriptor& field,
                        Message* message) {
  if (!value.is_array()) return Misfit(path, Say("una lista: [...]", "a list: [...]"));
  const Reflection& reflection = *message->GetReflection();
  reflection.ClearField(message, &field);
  for (size_t i = 0; i < value.size(); ++i) {
    const std::string element = absl::StrCat(path, "[", i, "]");
    if (IsTextField(field)) {
      RETURN_IF_ERROR(MergeScalar(value[i], element, field, message));
    } else {
      RETURN_IF_ERROR(MergeMessage(value[i], element, reflection.AddMessage(message, &field)));
    }
  }
  return absl::OkStatus();
}

absl::Status MergeMap(const Json& value, const std::string& path, const FieldDescriptor& field,
                      Message* message) {
  if (!value.is_object()) return Misfit(path, Say("un objeto: {...}", "an object: {...}"));
  const Reflection& reflection = *message->GetReflection();
  const FieldDescriptor& key = *field.message_type()->map_key();
  const FieldDescriptor& content = *field.message_type()->map_value();
  reflection.ClearField(message, &field);
  for (const auto& item : value.items()) {
    const std::string place = absl::StrCat(path, ".", PrintableText(item.key()));
    Message* const entry = reflection.AddMessage(message, &field);
    RETURN_IF_ERROR(SetFieldText(entry, key, item.key()));
    if (IsTextField(content)) {
      RETURN_IF_ERROR(MergeScalar(item.value(), place, content, entry));
    } else {
      RETURN_IF_ERROR(MergeMessage(item.value(), place,
                                   entry->GetReflection()->MutableMessage(entry, &content)));
    }
  }
  return absl::OkStatus();
}

std::vector<std::string> FieldNames(const Descriptor& type) {
  std::vector<std::string> names;
  names.reserve(static_cast<size_t>(type.field_count()));
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
  return names;
}

absl::Status MergeField(const Json& value, const std::string& path, const FieldDescriptor& field,
                        Message* message) {
  const Reflection& reflection = *message->GetReflection();
  if (value.is_null()) {
    reflection.ClearField(message, &field);
    return absl::OkStatus();
  }
  if (field.is_map()) return MergeMap(value, path, field, message);
  if (field.is_repeated()) return MergeArray(value, path, field, message);
  if (IsTextField(field)) return MergeScalar(value, path, field, message);
  return MergeMessage(value, path, reflection.MutableMessage(message, &field));
}

absl::Status MergeMessage(const Json& object, const std::string& path, Message* message) {
  if (!object.is_object()) {
    return Misfit(path.empty() ? std::string("$") : path,
                  Say("un objeto: {...}", "an object: {...}"));
  }
  const Descriptor& type = *message->GetDescriptor();
  for (const auto& item : object.items()) {
    const FieldDescriptor* field =
        type.FindFieldByName(absl::StrReplaceAll(item.key(), {{"-", "_"}}));
    if (field == nullptr) field = type.FindFieldByCamelcaseName(item.key());
    if (field == nullptr) {
      return UsageError(absl::StrCat(
          absl::Substitute(Say("JSON: $0 no tiene el campo «$1».", "JSON: $0 has no field \"$1\"."),
                           path.empty() ? type.name() : path,
                           CutToWidth(PrintableText(item.key()), 40)),
          DidYouMean(item.key(), FieldNames(type))));
    }
    const std::string place = path.empty() ? field->name() : absl::StrCat(path, ".", field->name());
    RETURN_IF_ERROR(MergeField(item.value(), place, *field, message));
  }
  return absl::OkStatus();
}

Json ValueJson(const Message& message, const FieldDescriptor& field, int index) {
  if (!IsTextField(field)) {
    const Reflection& reflection = *message.GetReflection();
    return RecordJson(index < 0 ? reflection.GetMessage(message, &field)
                                : reflection.GetRepeatedMessage(message, &field, index));
  }
  std::string text = FieldText(message, field, index);
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return text == "true";
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64: {
      int64_t number = 0;
      return absl::SimpleAtoi(text, &number) ? Json(number) : Json(text);
    }
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64: {
      uint64_t number = 0;
      return absl::SimpleAtoi(text, &number) ? Json(number) : Json(text);
    }
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      double number = 0;
      const bool finite = absl::SimpleAtod(text, &number) && std::isfinite(number);
      return finite ? Json(number) : Json(text);
    }
    default:
      return text;
  }
}

Json MapJson(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  Json object = Json::object();
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    object[FieldText(entry, *field.message_type()->map_key())] =
        ValueJson(entry, *field.message_type()->map_value(), -1);
  }
  return object;
}

}  // namespace

absl::StatusOr<Json> ParseJson(absl::string_view text) {
  // The only way the parser tells where it stopped is by an exception, which ends here.
  try {
    std::vector<std::set<std::string>> open;
    std::string twice;
    const Json::parser_callback_t note_keys = [&](int, Json::parse_event_t event, Json& parsed) {
      if (event == Json::parse_event_t::object_start) open.emplace_back();
      if (event == Json::parse_event_t::object_end) open.pop_back();
      if (event == Json::parse_event_t::key &&
          !open.back().insert(parsed.get<std::string>()).second)
        twice = parsed.get<std::string>();
      return true;
    };
    Json json = Json::parse(text.begin(), text.end(), note_keys);
    if (twice.empty()) return json;
    return UsageError(absl::Substitute(Say("JSON: «$0» está dos veces en el mismo objeto; deje una",
                                           "JSON: \"$0\" is twice in the same object; leave one"),
                                       CutToWidth(PrintableText(twice), 40)));
  } catch (const Json::parse_error& error) {
    return UsageError(absl::StrCat(Say("El JSON está mal escrito: ", "The JSON is malformed: "),
                                   PlaceOf(text, error.byte)));
  } catch (const Json::out_of_range&) {
    return UsageError(
        absl::StrCat(Say("JSON: un número es demasiado grande: ", "JSON: a number is too large: "),
                     PlaceOf(text, EndOfHugeNumber(text))));
  } catch (const Json::exception&) {
    return UsageError(Say("El JSON está mal escrito", "The JSON is malformed"));
  }
}

absl::Status MergeJson(const Json& object, const RecordType& type, Message* record) {
  if (!object.is_object()) {
    return UsageError(absl::Substitute(Say("JSON: se espera un objeto con los campos de $0: {...}",
                                           "JSON: expected an object with the fields of $0: {...}"),
                                       type.plural()));
  }
  return MergeMessage(object, "", record);
}

Json RecordJson(const Message& record) {
  const Reflection& reflection = *record.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(record, &fields);
  Json object = Json::object();
  for (const FieldDescriptor* const field : fields) {
    if (field->is_map()) {
      object[field->name()] = MapJson(record, *field);
    } else if (field->is_repeated()) {
      Json array = Json::array();
      for (int i = 0; i < reflection.FieldSize(record, field); ++i)
        array.push_back(ValueJson(record, *field, i));
      object[field->name()] = std::move(array);
    } else {
      object[field->name()] = ValueJson(record, *field, -1);
    }
  }
  return object;
}

std::string JsonText(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace brigada
