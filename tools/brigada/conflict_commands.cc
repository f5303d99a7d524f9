// conflicts: what two people wrote at once, and which of it stays.
#include <algorithm>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "replica/schema/parked_edit.h"
#include "tools/brigada/change_json.h"
#include "tools/brigada/change_text.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/conflict_take.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/id_prefix.h"
#include "tools/brigada/record_id.h"
#include "tools/brigada/scope_text.h"
#include "tools/brigada/status_text.h"
#include "tools/brigada/time_text.h"

namespace brigada {
namespace {

// An edit that met a deletion: what it wrote and what it took away.
std::string ParkedText(const RecordType* type, absl::string_view value) {
  const absl::StatusOr<ParkedEdit> edit = ReadParkedValue(value);
  if (!edit.ok()) return FragmentText(type, 0, value);
  std::vector<std::string> parts;
  if (!edit->values.empty()) parts.push_back(FragmentText(type, 0, edit->values));
  if (!edit->scope.empty()) {
    parts.push_back(absl::StrCat(Say("pasa a ", "moves to "), PlaceText(edit->scope)));
  }
  if (!edit->removed.empty()) {
    parts.push_back(absl::StrCat(Say("quita ", "removes "), FragmentText(type, 0, edit->removed)));
  }
  for (const uint32_t field : edit->cleared)
    parts.push_back(absl::StrCat(Say("vacía ", "empties "), FieldName(type, field)));
  return absl::StrJoin(parts, "; ");
}

std::string ValueOf(const RecordType* type, const v1::Conflict& entry,
                    const v1::Contender& contender) {
  if (contender.deletion()) return std::string(Say("(borrado)", "(deleted)"));
  if (contender.value().empty()) return std::string(Say("(vacío)", "(empty)"));
  return entry.about_field() == 0 ? ParkedText(type, contender.value())
                                  : FragmentText(type, entry.about_field(), contender.value());
}

SqlRow RowOf(const ConflictInfo& conflict, int take, const v1::Contender& contender) {
  const v1::Conflict& entry = conflict.entry;
  const RecordType* const type = Registry::BuiltIn().Find(entry.about_type());
  const absl::StatusOr<RecordId> record = RecordId::FromBytes(entry.about_record());
  const std::string field = FieldName(type, entry.about_field());
  return {conflict.id.ToString(),
          type == nullptr ? absl::StrCat(entry.about_type()) : type->plural(),
          record.ok() ? record->ToString() : "",
          conflict.scope.path(),
          field.empty() ? std::string(Say("(todo)", "(all)")) : field,
          TakeText(entry, take),
          ValueOf(type, entry, contender),
          contender.user(),
          TimeValue(absl::FromUnixMillis(contender.at_ms())),
          int64_t{conflict.decided_here ? 1 : 0}};
}

// What is to be done about it.
std::string WayOutOf(const ConflictInfo& conflict) {
  if (conflict.decided_here) {
    return std::string(Say("Usted ya lo decidió; falta enviarlo: brigada sync",
                           "You decided it already; it waits to be sent: brigada sync"));
  }
  return absl::Substitute(
      Say("Decida con el nombre del valor que queda, como: brigada conflicts resolve $0 --take $1",
          "Decide with the name of the value that stays, such as: brigada conflicts resolve $0 "
          "--take $1"),
      conflict.id.ToString(), TakeText(conflict.entry, 0));
}

// The field whose change a move of the state `state` may contradict; null when there is none.
const FieldType* FieldContestedBy(const RecordType* type, uint32_t state) {
  if (type == nullptr) return nullptr;
  for (const FieldType* const field : type->contested())
    if (field->contested_by->number == state) return field;
  return nullptr;
}

// One sentence: what met, where, and how to decide.
std::string SentenceOf(const Replica& replica, const ConflictInfo& conflict) {
  const v1::Conflict& entry = conflict.entry;
  const RecordType* const type = Registry::BuiltIn().Find(entry.about_type());
  const absl::StatusOr<RecordId> record = RecordId::FromBytes(entry.about_record());
  const std::string words = type == nullptr || !record.ok() ? "" : WordsOf(replica, *type, *record);
  const std::string about =
      absl::StrCat(type == nullptr ? absl::StrCat(entry.about_type()) : type->plural(),
                   words.empty() ? "" : absl::StrCat(" «", words, "»"), " ",
                   record.ok() ? record->ToString() : "?");
  const std::string field = FieldName(type, entry.about_field());
  if (const FieldType* const contested = FieldContestedBy(type, entry.about_field())) {
    return absl::Substitute(
        Say("«$0» de $1, en $2: se escribió a la vez de $4 maneras, o alguien cambió a la vez "
            "«$5», que no va con ello (vea cómo está con: brigada show). $3",
            "\"$0\" of $1, in $2: written at once in $4 ways, or somebody changed \"$5\" at once, "
            "which does not go with it (see how it stands with: brigada show). $3"),
        field, about, PlaceText(conflict.scope.path()), WayOutOf(conflict), entry.losers_size() + 1,
        contested->name);
  }
  return absl::Substitute(
      field.empty() ? Say("$1, en $2: alguien lo borró y alguien lo cambió a la vez. $3",
                          "$1, in $2: somebody deleted it and somebody changed it at once. $3")
                    : Say("«$0» de $1, en $2: se escribió a la vez de $4 maneras. $3",
                          "\"$0\" of $1, in $2: written at once in $4 ways. $3"),
      field, about, PlaceText(conflict.scope.path()), WayOutOf(conflict), entry.losers_size() + 1);
}

void ShowValue(const ConflictInfo& conflict, int take, const v1::Contender& contender) {
  const RecordType* const type = Registry::BuiltIn().Find(conflict.entry.about_type());
  std::cout << "  " << TakeText(conflict.entry, take) << "  "
            << PrintableText(ValueOf(type, conflict.entry, contender)) << "  "
            << PrintableText(contender.user()) << ", " << TimeText(contender.at_ms())
            << (take == 0 ? Say("  (el que está)", "  (stands now)") : "") << "\n";
}

void ShowForPeople(const Replica& replica, const ConflictInfo& conflict) {
  std::cout << SentenceOf(replica, conflict) << "\n";
  ShowValue(conflict, 0, conflict.entry.winner());
  for (int i = 0; i < conflict.entry.losers_size(); ++i)
    ShowValue(conflict, i + 1, conflict.entry.losers(i));
}

void ShowConflicts(const CommandLine& line, const Replica& replica,
                   const std::vector<ConflictInfo>& conflicts) {
  if (line.wants_text()) {
    for (const ConflictInfo& conflict : conflicts) ShowForPeople(replica, conflict);
    if (conflicts.empty()) line.Note(Say("Nada espera decisión", "Nothing waits for a decision"));
    return;
  }
  TableWriter table = line.Table();
  table.Columns({"conflict", "type", "record", "scope", "field", "take", "value", "user", "at",
                 "decided_here"});
  for (const ConflictInfo& conflict : conflicts) {
    table.Row(RowOf(conflict, 0, conflict.entry.winner()));
    for (int i = 0; i < conflict.entry.losers_size(); ++i)
      table.Row(RowOf(conflict, i + 1, conflict.entry.losers(i)));
  }
  table.Finish();
}

absl::Status List(const CommandLine& line) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  ASSIGN_OR_RETURN(const std::vector<ConflictInfo> conflicts, replica->Conflicts());
  ShowConflicts(line, *replica, conflicts);
  return absl::OkStatus();
}

// The open conflict that `text` names or begins.
absl::StatusOr<ConflictInfo> Find(const Replica& replica, const std::string& text) {
  ASSIGN_OR_RETURN(const std::vector<ConflictInfo> conflicts, replica.Conflicts());
  std::vector<RecordId> ids;
  ids.reserve(conflicts.size());
  for (const ConflictInfo& conflict : conflicts) ids.push_back(conflict.id);
  ASSIGN_OR_RETURN(const RecordId id, OneThatBegins(ids, text, "conflicts"));
  return *std::find_if(conflicts.begin(), conflicts.end(),
                       [&](const ConflictInfo& conflict) { return conflict.id == id; });
}

absl::Status ShowOne(const CommandLine& line, const std::string& id) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  ASSIGN_OR_RETURN(const ConflictInfo conflict, Find(*replica, id));
  ShowConflicts(line, *replica, {conflict});
  return absl::OkStatus();
}

struct ResolveFlags {
  std::string id;
  std::string take;
};

absl::Status Resolve(const CommandLine& line, const ResolveFlags& flags) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  ASSIGN_OR_RETURN(const ConflictInfo found, Find(*replica, flags.id));
  ASSIGN_OR_RETURN(const int number, ParseTake(found.entry, flags.take, flags.id));
  RETURN_IF_ERROR(replica->Resolve(found, number - 1));
  line.Note(
      Say("Decidido; se enviará en la próxima sincronización, y hasta entonces sigue en la lista",
          "Decided; it goes out with the next sync, and stays in the list until then"));
  return absl::OkStatus();
}

}  // namespace

void AddConflictCommands(CommandLine* line) {
  CLI::App* const conflicts =
      line->Add({"conflicts",
                 Say("Valores escritos a la vez, que esperan decisión",
                     "Values written at once that wait for a decision"),
                 {"brigada conflicts", "brigada conflicts resolve 0193a5 --take 1-7c2e0b"}},
                [line] { return List(*line); });
  conflicts->require_subcommand(0, 1);
  const auto shown = std::make_shared<std::string>();
  line->AddUnder(conflicts,
                 {"show",
                  Say("Muestra uno, con sus valores", "Show one, with its values"),
                  {"brigada conflicts show 0193a5"}},
                 [line, shown] { return ShowOne(*line, *shown); })
      ->add_option("ID", *shown,
                   std::string(Say("Conflicto, o su comienzo", "Conflict, or its beginning")))
      ->required();
  const auto flags = std::make_shared<ResolveFlags>();
  CLI::App* const resolve =
      line->AddUnder(conflicts,
                     {"resolve",
                      Say("Decide qué valor queda", "Decide which value stays"),
                      {"brigada conflicts resolve 0193a5 --take 1-7c2e0b"}},
                     [line, flags] { return Resolve(*line, *flags); });
  resolve
      ->add_option("ID", flags->id,
                   std::string(Say("Conflicto, o su comienzo", "Conflict, or its beginning")))
      ->required();
  resolve
      ->add_option("--take", flags->take,
                   std::string(Say("El valor que queda, con el nombre que le da la lista: 0-... el "
                                   "que está, 1-... los otros",
                                   "The value that stays, by its name in the list: 0-... the one "
                                   "that stands, 1-... the others")))
      ->required();
}

}  // namespace brigada
