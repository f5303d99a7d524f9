// conflicts: what two people wrote at once, and which of it stays.
#include <algorithm>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "tools/brigada/change_json.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/record_id.h"
#include "tools/brigada/scope_text.h"
#include "tools/brigada/status_text.h"

namespace brigada {
namespace {

std::string ValueOf(const RecordType* type, const v1::Conflict& entry,
                    const v1::Contender& contender) {
  if (contender.deletion()) return std::string(Say("(borrado)", "(deleted)"));
  if (contender.value().empty()) return std::string(Say("(vacío)", "(empty)"));
  return FragmentText(type, entry.about_field(), contender.value());
}

SqlRow RowOf(const ConflictInfo& conflict, int take, const v1::Contender& contender,
             bool readable) {
  const v1::Conflict& entry = conflict.entry;
  const RecordType* const type = Registry::BuiltIn().Find(entry.about_type());
  const absl::StatusOr<RecordId> record = RecordId::FromBytes(entry.about_record());
  const std::string field = FieldName(type, entry.about_field());
  return {conflict.id.ToString(),
          type == nullptr ? absl::StrCat(entry.about_type()) : type->plural(),
          record.ok() ? record->ToString() : "",
          conflict.scope.path(),
          field.empty() ? std::string(Say("(todo)", "(all)")) : field,
          int64_t{take},
          ValueOf(type, entry, contender),
          contender.user(),
          readable ? SqlValue(TimeText(contender.at_ms()))
                   : TimeValue(absl::FromUnixMillis(contender.at_ms()))};
}

absl::Status List(const CommandLine& line) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  ASSIGN_OR_RETURN(const std::vector<ConflictInfo> conflicts, replica->Conflicts());
  TableWriter table = line.Table();
  table.Columns({"conflict", "type", "record", "scope", "field", "take", "value", "user", "at"});
  for (const ConflictInfo& conflict : conflicts) {
    table.Row(RowOf(conflict, 0, conflict.entry.winner(), !line.wants_json()));
    for (int i = 0; i < conflict.entry.losers_size(); ++i)
      table.Row(RowOf(conflict, i + 1, conflict.entry.losers(i), !line.wants_json()));
  }
  table.Finish();
  if (!conflicts.empty()) {
    line.Note(
        Say("take 0 es el valor que está. Decida con: brigada conflicts resolve ID --take N",
            "take 0 is the value that stands. Decide with: brigada conflicts resolve ID --take N"));
  }
  return absl::OkStatus();
}

struct ResolveFlags {
  std::string id;
  int take = 0;
};

absl::Status Resolve(const CommandLine& line, const ResolveFlags& flags) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  ASSIGN_OR_RETURN(const std::vector<ConflictInfo> conflicts, replica->Conflicts());
  const std::string prefix = absl::AsciiStrToLower(flags.id);
  const ConflictInfo* found = nullptr;
  for (const ConflictInfo& conflict : conflicts) {
    if (!absl::StartsWith(conflict.id.ToString(), prefix)) continue;
    if (found != nullptr) {
      return UsageError(
          absl::Substitute(Say("Varios conflictos empiezan con $0; dé más letras",
                               "Several conflicts begin with $0; give more characters"),
                           PrintableText(prefix)));
    }
    found = &conflict;
  }
  if (found == nullptr) {
    return SaidError(
        absl::StatusCode::kNotFound,
        absl::Substitute(Say("No hay un conflicto abierto $0; véalos con: brigada conflicts",
                             "There is no open conflict $0; see them with: brigada conflicts"),
                         PrintableText(prefix)));
  }
  if (flags.take > found->entry.losers_size()) {
    return UsageError(absl::Substitute(
        Say("--take va de 0 a $0 en este conflicto", "--take goes from 0 to $0 in this conflict"),
        found->entry.losers_size()));
  }
  RETURN_IF_ERROR(replica->Resolve(found->id, flags.take - 1));
  line.Note(Say("Decidido; se enviará en la próxima sincronización",
                "Decided; it goes out with the next sync"));
  return absl::OkStatus();
}

}  // namespace

void AddConflictCommands(CommandLine* line) {
  CLI::App* const conflicts =
      line->Add({"conflicts",
                 Say("Valores escritos a la vez, que esperan decisión",
                     "Values written at once that wait for a decision"),
                 {"brigada conflicts", "brigada conflicts resolve 0193a5 --take 1"}},
                [line] { return List(*line); });
  conflicts->require_subcommand(0, 1);
  const auto flags = std::make_shared<ResolveFlags>();
  CLI::App* const resolve = line->AddUnder(
      conflicts,
      {"resolve",
       Say("Decide qué valor queda", "Decide which value stays"),
       {"brigada conflicts resolve 0193a5", "brigada conflicts resolve 0193a5 --take 1"}},
      [line, flags] { return Resolve(*line, *flags); });
  resolve
      ->add_option("ID", flags->id,
                   std::string(Say("Conflicto, o su comienzo", "Conflict, or its beginning")))
      ->required();
  resolve
      ->add_option("--take", flags->take,
                   std::string(Say("0: el que está; 1...: los otros",
                                   "0: the one that stands; 1...: the others")))
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
}

}  // namespace brigada
