// Which column of a spreadsheet goes into which field.
//
// A rule is COLUMN=FIELD, optionally with words to translate:
// "sexo=registered_sex{H=male,M=female}". FIELD is a field as in the flags ("name.given-names"), or
// `scope`, or `municipality` (name or key). A column without a rule goes to the field of its own
// name, if there is one; COLUMN= (empty) leaves it out. Cells of a set hold its elements parted by
// ';' or '|'.
#ifndef TOOLS_BRIGADA_CSV_MAPPING_H_
#define TOOLS_BRIGADA_CSV_MAPPING_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "google/protobuf/message.h"
#include "replica/schema/registry.h"
#include "replica/schema/scope.h"
#include "tools/brigada/field_flags.h"

namespace brigada {

class CsvMapping {
 public:
  // `header` is the first row; `rules` as above. UsageError: a rule names a column or field that is
  // not there (with the nearest), two columns go to one field. `type` outlives the mapping.
  static absl::StatusOr<CsvMapping> Make(const RecordType& type,
                                         const std::vector<std::string>& header,
                                         const std::vector<std::string>& rules);

  // Fills `record` from a row and sets `scope` when the row says it. UsageError names the column.
  absl::Status Apply(const std::vector<std::string>& fields, google::protobuf::Message* record,
                     absl::optional<Scope>* scope) const;

  // What the row says of the record, however its columns are ordered and called: the name of each
  // field that gets something, by name, and what it gets after the rules' words, in turn. The place
  // is left out.
  std::vector<std::string> Content(const std::vector<std::string>& fields) const;

  size_t column_count() const { return columns_.size(); }
  bool has_scope() const;
  // Columns that go nowhere, to be told to the user.
  std::vector<std::string> ignored() const;

 private:
  enum class Target { kNothing, kField, kScope, kMunicipality };
  struct Column {
    std::string name;
    Target target = Target::kNothing;
    FieldPath path;
    absl::flat_hash_map<std::string, std::string> words;
    bool has_rule = false;
  };

  absl::Status AddRule(const RecordType& type, const std::vector<FieldPath>& paths,
                       absl::string_view rule);
  static bool Aim(const std::vector<FieldPath>& paths, absl::string_view field, Column* column);
  absl::Status CheckDistinct() const;
  // The elements of a cell of a set, or the cell, as the rule translates them.
  static std::vector<absl::string_view> Values(const Column& column, absl::string_view cell);
  static absl::Status ApplyCell(const Column& column, absl::string_view cell,
                                google::protobuf::Message* record, absl::optional<Scope>* scope);

  std::vector<Column> columns_;
};

// The rules in a mapping file: one per line, '#' starts a comment.
std::vector<std::string> MappingRules(absl::string_view file);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_CSV_MAPPING_H_
