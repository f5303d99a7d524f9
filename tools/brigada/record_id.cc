#include "tools/brigada/record_id.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/field_flags.h"
#include "tools/brigada/id_prefix.h"
#include "tools/brigada/status_text.h"
#include "tools/brigada/table_writer.h"
#include "tools/brigada/telling_columns.h"

namespace brigada {
namespace {

// More would not help anybody to choose.
constexpr size_t kListedCandidates = 8;
constexpr size_t kTellingColumns = 4;

std::string Shown(absl::string_view text) { return CutToWidth(PrintableText(text), 40); }

// Of a row that begins with id and scope.
std::string TellingWords(const SqlRow& row) {
  std::vector<std::string> words;
  for (size_t i = 2; i < row.size(); ++i) {
    const std::string word = CutToWidth(PrintableText(ValueText(row[i])), 30);
    if (!word.empty()) words.push_back(word);
  }
  return absl::StrJoin(words, " ");
}

// "01a2... Eva Luna, MX/20/067".
std::string Candidate(const SqlRow& row) {
  return absl::StrCat(ValueText(row[0]), " ", TellingWords(row), ", ", ValueText(row[1]));
}

absl::Status Ambiguous(const RecordType& type, absl::string_view text, const ResultSet& found) {
  std::vector<std::string> candidates;
  for (size_t i = 0; i < found.rows.size() && i < kListedCandidates; ++i)
    candidates.push_back(Candidate(found.rows[i]));
  if (found.rows.size() > kListedCandidates) candidates.emplace_back("…");
  return UsageError(absl::Substitute(Say("$0: «$1» es más de uno; dé el identificador: $2",
                                         "$0: \"$1\" is more than one; give the id: $2"),
                                     type.plural(), Shown(text), absl::StrJoin(candidates, "; ")));
}

absl::StatusOr<ResultSet> Look(const Replica& replica, const RecordType& type,
                               absl::string_view condition, const std::vector<SqlValue>& values) {
  std::vector<std::string> columns = TellingColumns(type, kTellingColumns);
  columns.insert(columns.begin(), {"id", "scope"});
  return replica.Query(
      absl::StrCat("SELECT ", absl::StrJoin(columns, ", "), " FROM ", type.plural(), " WHERE ",
                   condition, " LIMIT ", kListedCandidates + 1),
      values);
}

// As devices make them: OAX-D7K3-000123.
bool LooksLikeFolio(const RecordType& type, absl::string_view text) {
  return type.folio() != nullptr && std::count(text.begin(), text.end(), '-') == 2 &&
         !text.empty() && absl::ascii_isdigit(static_cast<unsigned char>(text.back()));
}

const FieldType* ReferenceField(const RecordType& type, absl::string_view name) {
  const FieldType* const field = type.FindField(absl::StrReplaceAll(name, {{"-", "_"}}));
  return field == nullptr || field->references == nullptr ? nullptr : field;
}

absl::StatusOr<std::string> WholeId(const Replica& replica, const FieldType& field,
                                    absl::string_view text) {
  if (text.empty()) return std::string();
  const absl::StatusOr<RecordId> id =
      FindRecord(replica, *field.references, text, NamedBy::kIdOrWords);
  RETURN_IF_ERROR(Annotate(id.status(), field.name));
  return id->ToString();
}

}  // namespace

absl::StatusOr<RecordId> FindRecord(const Replica& replica, const RecordType& type,
                                    absl::string_view text, NamedBy named_by) {
  const std::string prefix = PastedId(text);
  if (absl::StatusOr<RecordId> id = RecordId::Parse(prefix); id.ok()) return id;
  const bool by_words = named_by == NamedBy::kIdOrWords && HasSearch(type);
  ResultSet found;
  if (named_by == NamedBy::kIdOrWords && LooksLikeFolio(type, text)) {
    ASSIGN_OR_RETURN(found, Look(replica, type, absl::StrCat(type.folio()->name, " = ?"),
                                 {absl::AsciiStrToUpper(text)}));
    if (found.rows.size() > 1) return Ambiguous(type, text, found);
    if (found.rows.size() == 1) return RecordId::Parse(ValueText(found.rows[0][0]));
  }
  if (!IsIdPrefix(prefix) && !by_words) {
    return UsageError(absl::Substitute(
        Say("«$0» no es un identificador ni el comienzo de uno (4 letras o más). Véalos con: "
            "brigada list $1",
            "\"$0\" is no id, nor the beginning of one (4 characters or more). See them with: "
            "brigada list $1"),
        Shown(text), type.plural()));
  }
  if (IsIdPrefix(prefix)) {
    // '~' sorts after every character of an id.
    ASSIGN_OR_RETURN(
        found, Look(replica, type, "id >= ? AND id < ?", {prefix, absl::StrCat(prefix, "~")}));
  }
  if (found.rows.empty() && by_words) {
    ASSIGN_OR_RETURN(found, Look(replica, type, absl::StrCat(type.plural(), ".search = ?"),
                                 {std::string(text)}));
  }
  if (found.rows.empty()) {
    return SaidError(
        absl::StatusCode::kNotFound,
        absl::Substitute(Say("$0: aquí no hay «$1». Búsquelo con: brigada list $0",
                             "$0: there is no \"$1\" here. Look with: brigada list $0"),
                         type.plural(), Shown(text)));
  }
  if (found.rows.size() > 1) return Ambiguous(type, text, found);
  return RecordId::Parse(ValueText(found.rows[0][0]));
}

std::string WordsOf(const Replica& replica, const RecordType& type, const RecordId& id) {
  const absl::StatusOr<ResultSet> found = Look(replica, type, "id = ?", {id.ToString()});
  return found.ok() && found->rows.size() == 1 ? TellingWords(found->rows[0]) : "";
}

absl::Status ResolveReferences(const Replica& replica, const RecordType& type,
                               std::vector<std::string>* flags) {
  for (size_t i = 0; i < flags->size(); ++i) {
    absl::string_view name = (*flags)[i];
    if (!absl::ConsumePrefix(&name, "--")) continue;
    const size_t equals = name.find('=');
    const std::string flag(name.substr(0, equals));
    absl::string_view bare = flag;
    if (!absl::ConsumePrefix(&bare, "add-")) absl::ConsumePrefix(&bare, "remove-");
    const FieldType* const field = ReferenceField(type, bare);
    if (field == nullptr) continue;
    if (equals != absl::string_view::npos) {
      ASSIGN_OR_RETURN(const std::string id, WholeId(replica, *field, name.substr(equals + 1)));
      (*flags)[i] = absl::StrCat("--", flag, "=", id);
    } else if (i + 1 < flags->size() && !absl::StartsWith((*flags)[i + 1], "--")) {
      ASSIGN_OR_RETURN((*flags)[i + 1], WholeId(replica, *field, (*flags)[i + 1]));
      ++i;
    }
  }
  return absl::OkStatus();
}

absl::Status ResolveReferences(const Replica& replica, const RecordType& type, Json* object) {
  if (!object->is_object()) return absl::OkStatus();
  for (const auto& item : object->items()) {
    const FieldType* const field = ReferenceField(type, item.key());
    if (field == nullptr) continue;
    Json& value = item.value();
    if (value.is_string()) {
      ASSIGN_OR_RETURN(value, WholeId(replica, *field, value.get<std::string>()));
    } else if (value.is_array()) {
      for (Json& element : value) {
        if (!element.is_string()) continue;
        ASSIGN_OR_RETURN(element, WholeId(replica, *field, element.get<std::string>()));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace brigada
