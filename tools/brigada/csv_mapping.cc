#include "tools/brigada/csv_mapping.h"

#include <map>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/nearest.h"
#include "tools/brigada/scope_text.h"
#include "tools/brigada/status_text.h"

namespace brigada {
namespace {

std::string Shown(absl::string_view text) { return CutToWidth(PrintableText(text), 40); }

absl::Status BadRule(absl::string_view rule) {
  return UsageError(
      absl::Substitute(Say("--map «$0»: se espera COLUMNA=CAMPO o COLUMNA=CAMPO{palabra=valor,...}",
                           "--map \"$0\": expected COLUMN=FIELD or COLUMN=FIELD{word=value,...}"),
                       Shown(rule)));
}

bool ReadWords(absl::string_view text, absl::flat_hash_map<std::string, std::string>* words) {
  for (const absl::string_view pair : absl::StrSplit(text, ',')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(pair, absl::MaxSplits('=', 1));
    if (!absl::StrContains(pair, '=')) return false;
    (*words)[std::string(absl::StripAsciiWhitespace(parts.first))] =
        std::string(absl::StripAsciiWhitespace(parts.second));
  }
  return true;
}

}  // namespace

absl::StatusOr<CsvMapping> CsvMapping::Make(const RecordType& type,
                                            const std::vector<std::string>& header,
                                            const std::vector<std::string>& rules) {
  CsvMapping mapping;
  for (const std::string& name : header) {
    Column column;
    column.name = std::string(absl::StripAsciiWhitespace(name));
    mapping.columns_.push_back(std::move(column));
  }
  const std::vector<FieldPath> paths = FieldPathsOf(type);
  for (const std::string& rule : rules) RETURN_IF_ERROR(mapping.AddRule(type, paths, rule));
  for (Column& column : mapping.columns_) {
    if (!column.has_rule) Aim(paths, column.name, &column);
  }
  RETURN_IF_ERROR(mapping.CheckDistinct());
  return mapping;
}

bool CsvMapping::Aim(const std::vector<FieldPath>& paths, absl::string_view field, Column* column) {
  if (field == "scope") {
    column->target = Target::kScope;
    return true;
  }
  if (field == "municipality") {
    column->target = Target::kMunicipality;
    return true;
  }
  const FieldPath* const path = FindFieldPath(paths, field);
  if (path == nullptr || path->leaf().is_map()) return false;
  column->target = Target::kField;
  column->path = *path;
  return true;
}

absl::Status CsvMapping::AddRule(const RecordType& type, const std::vector<FieldPath>& paths,
                                 absl::string_view rule) {
  absl::string_view before_words = rule;
  absl::string_view words;
  const size_t brace = rule.find('{');
  if (brace != absl::string_view::npos) {
    before_words = rule.substr(0, brace);
    words = rule.substr(brace + 1);
    if (!absl::ConsumeSuffix(&words, "}")) return BadRule(rule);
  }
  // The last one: a column's name may hold a '='.
  const size_t equals = before_words.rfind('=');
  if (equals == absl::string_view::npos || equals == 0) return BadRule(rule);
  const absl::string_view name = absl::StripAsciiWhitespace(before_words.substr(0, equals));
  const absl::string_view field = absl::StripAsciiWhitespace(before_words.substr(equals + 1));
  for (Column& column : columns_) {
    if (column.name != name) continue;
    column.has_rule = true;
    if (field.empty()) return absl::OkStatus();
    if (!Aim(paths, field, &column)) return UnknownField(type, paths, field);
    if (!words.empty() && !ReadWords(words, &column.words)) return BadRule(rule);
    return absl::OkStatus();
  }
  std::vector<std::string> names;
  for (const Column& column : columns_) names.push_back(column.name);
  return UsageError(absl::StrCat(absl::Substitute(Say("--map: el archivo no tiene la columna «$0».",
                                                      "--map: the file has no column \"$0\"."),
                                                  Shown(name)),
                                 DidYouMean(name, names)));
}

absl::Status CsvMapping::CheckDistinct() const {
  absl::flat_hash_set<std::string> taken;
  for (const Column& column : columns_) {
    if (column.target == Target::kNothing) continue;
    const std::string target = column.target == Target::kField ? column.path.name : "scope";
    if (!taken.insert(target).second) {
      return UsageError(
          absl::Substitute(Say("Dos columnas van a $0; deje fuera una con --map '$1='",
                               "Two columns go to $0; leave one out with --map '$1='"),
                           target, Shown(column.name)));
    }
  }
  return absl::OkStatus();
}

std::vector<absl::string_view> CsvMapping::Values(const Column& column, absl::string_view cell) {
  const auto translated = [&column](absl::string_view text) -> absl::string_view {
    const auto word = column.words.find(text);
    return word == column.words.end() ? text : word->second;
  };
  if (!column.path.leaf().is_repeated()) return {translated(cell)};
  std::vector<absl::string_view> values;
  for (const absl::string_view part : absl::StrSplit(cell, absl::ByAnyChar(";|"))) {
    const absl::string_view element = absl::StripAsciiWhitespace(part);
    if (!element.empty()) values.push_back(translated(element));
  }
  return values;
}

absl::Status CsvMapping::ApplyCell(const Column& column, absl::string_view cell,
                                   google::protobuf::Message* record,
                                   absl::optional<Scope>* scope) {
  if (column.target == Target::kScope) {
    ASSIGN_OR_RETURN(*scope, ScopeFromPath(cell));
    return absl::OkStatus();
  }
  if (column.target == Target::kMunicipality) {
    ASSIGN_OR_RETURN(*scope, ScopeFromMunicipality(cell));
    return absl::OkStatus();
  }
  for (const absl::string_view value : Values(column, cell))
    RETURN_IF_ERROR(SetPathText(record, column.path, value));
  return absl::OkStatus();
}

absl::Status CsvMapping::Apply(const std::vector<std::string>& fields,
                               google::protobuf::Message* record,
                               absl::optional<Scope>* scope) const {
  for (size_t i = 0; i < columns_.size() && i < fields.size(); ++i) {
    if (columns_[i].target == Target::kNothing) continue;
    const absl::string_view cell = absl::StripAsciiWhitespace(fields[i]);
    if (cell.empty()) continue;
    RETURN_IF_ERROR(Annotate(ApplyCell(columns_[i], cell, record, scope),
                             absl::StrCat(Say("columna ", "column "), Shown(columns_[i].name))));
  }
  return absl::OkStatus();
}

std::vector<std::string> CsvMapping::Content(const std::vector<std::string>& fields) const {
  std::map<absl::string_view, std::string> by_name;
  for (size_t i = 0; i < columns_.size() && i < fields.size(); ++i) {
    const Column& column = columns_[i];
    if (column.target != Target::kField) continue;
    const std::string text =
        absl::StrJoin(Values(column, absl::StripAsciiWhitespace(fields[i])), ";");
    if (!text.empty()) by_name[column.path.name] = text;
  }
  std::vector<std::string> content;
  for (auto& [name, text] : by_name) {
    content.emplace_back(name);
    content.push_back(std::move(text));
  }
  return content;
}

bool CsvMapping::has_scope() const {
  for (const Column& column : columns_) {
    if (column.target == Target::kScope || column.target == Target::kMunicipality) return true;
  }
  return false;
}

std::vector<std::string> CsvMapping::ignored() const {
  std::vector<std::string> names;
  for (const Column& column : columns_) {
    if (column.target == Target::kNothing && !column.has_rule) names.push_back(column.name);
  }
  return names;
}

std::vector<std::string> MappingRules(absl::string_view file) {
  std::vector<std::string> rules;
  for (absl::string_view line : absl::StrSplit(file, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (!line.empty() && line.front() != '#') rules.emplace_back(line);
  }
  return rules;
}

}  // namespace brigada
