// The flags of a record type, made from its descriptor: `--name.given-names`, `--phones`.
//
//   register         --field VALUE                 (a boolean alone means true)
//   nested message   --field.part VALUE
//   set              --field VALUE, repeated: the whole set; --add-field, --remove-field: elements
//   map              --field KEY=VALUE, repeated: the whole map; --add-field, --remove-field KEY.
//                    A map of messages: --field KEY.part=VALUE
//   any              --unset FIELD
//
// '-' and '_' are the same in names.
#ifndef TOOLS_BRIGADA_FIELD_FLAGS_H_
#define TOOLS_BRIGADA_FIELD_FLAGS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "google/protobuf/message.h"
#include "replica/schema/registry.h"

namespace brigada {

// A place in a record that takes text.
struct FieldPath {
  // As on the command line, without dashes in front: "name.given-names".
  std::string name;
  // From the record's message down; the last takes text or is a map.
  std::vector<const google::protobuf::FieldDescriptor*> fields;

  const google::protobuf::FieldDescriptor& leaf() const { return *fields.back(); }
};

// All of them, in the descriptor's order.
std::vector<FieldPath> FieldPathsOf(const RecordType& type);

// Null when `name` (with '-' or '_') is none of them.
const FieldPath* FindFieldPath(const std::vector<FieldPath>& paths, absl::string_view name);

// "person has no field X", with the nearest.
absl::Status UnknownField(const RecordType& type, const std::vector<FieldPath>& paths,
                          absl::string_view name);

// Sets or adds the value at `path`; of a map, `text` is KEY=VALUE.
absl::Status SetPathText(google::protobuf::Message* record, const FieldPath& path,
                         absl::string_view text);

// Empties the field at `path`.
void ClearPath(google::protobuf::Message* record, const FieldPath& path);

// Applies what is left of the command line, in order: "--phones", "+52...", "--unset=notes".
// UsageError for an unknown flag (with the nearest), a missing value, a value of the wrong form.
absl::Status ApplyFieldFlags(const RecordType& type, absl::Span<const std::string> arguments,
                             google::protobuf::Message* record);

// For --help: one line per flag, with what it takes.
std::string FieldFlagsHelp(const RecordType& type);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_FIELD_FLAGS_H_
