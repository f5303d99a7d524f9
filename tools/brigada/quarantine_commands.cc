// quarantine: change sets that the server keeps for a person, or until a record comes
// (administrator).
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/substitute.h"
#include "brigada/administration.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "tools/brigada/change_json.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/headings.h"
#include "tools/brigada/refusal_text.h"
#include "tools/brigada/status_text.h"

namespace brigada {
namespace {

constexpr size_t kShownReplicaDigits = 8;

// "3f9c1a2b/MX/20:5": its device by the beginning of its id, and the name that it has there.
std::string NameOf(const v1::QuarantinedSet& set) {
  const auto replica = ReplicaId::FromBytes(set.replica());
  return absl::StrCat(replica.value_or(ReplicaId()).ToString().substr(0, kShownReplicaDigits), "/",
                      set.partition(), ":", set.sequence());
}

std::string ReasonOf(const v1::QuarantinedSet& set) {
  if (set.waits_for_record()) {
    return std::string(
        Say("espera el alta de su registro y se aplica sola cuando llegue",
            "it waits for the creation of its record and is applied when that comes"));
  }
  std::vector<std::string> reasons;
  for (const v1::Refusal& refusal : set.refusals()) {
    const std::string text = RefusalText(refusal);
    if (reasons.empty() || reasons.back() != text) reasons.push_back(text);
  }
  return absl::StrJoin(reasons, "; ");
}

void ShowSets(const CommandLine& line, const std::vector<v1::QuarantinedSet>& sets) {
  TableWriter table = line.Table();
  table.Columns(Headings({"number", "user", "places", "quarantined", "reason"}, line.wants_text()));
  for (const v1::QuarantinedSet& set : sets) {
    table.Row({NameOf(set), set.user(), absl::StrJoin(set.scopes(), " "),
               line.TimeCell(set.quarantined_ms()), ReasonOf(set)});
  }
  table.Finish();
}

absl::Status List(const CommandLine& line) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Administration> server,
                   Administration::Connect(line.directory()));
  ASSIGN_OR_RETURN(const std::vector<v1::QuarantinedSet> sets, server->Quarantine());
  ShowSets(line, sets);
  line.Note(sets.empty()
                ? Say("Nada en cuarentena en los lugares que usted administra",
                      "Nothing in quarantine in the places you administer")
                : Say("Nada se pierde: lo que falta de un permiso lo envía otra vez el dispositivo "
                      "cuando se le dé (brigada grant); vea uno con brigada quarantine show N",
                      "Nothing is lost: what lacks a grant its device sends again once it is given "
                      "(brigada grant); see one with brigada quarantine show N"));
  return absl::OkStatus();
}

absl::Status ShowOne(const CommandLine& line, const std::string& name) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Administration> server,
                   Administration::Connect(line.directory()));
  ASSIGN_OR_RETURN(const std::vector<v1::QuarantinedSet> sets, server->Quarantine());
  for (const v1::QuarantinedSet& set : sets) {
    if (NameOf(set) != name) continue;
    v1::ShowQuarantinedRequest request;
    request.set_partition(set.partition());
    request.set_replica(set.replica());
    request.set_sequence(set.sequence());
    ASSIGN_OR_RETURN(const v1::ShowQuarantinedResponse shown, server->Quarantined(request));
    v1::ChangeSetBody body;
    if (!body.ParseFromString(shown.body()))
      return absl::DataLossError("the content in quarantine does not parse");
    ShowSets(line, {shown.set()});
    for (int i = 0; i < body.changes_size(); ++i)
      std::cout << i + 1 << "  " << JsonText(ChangeJson(body.changes(i))) << "\n";
    if (body.changes().empty()) {
      line.Note(Say("Su contenido no se puede leer en el servidor",
                    "Its content cannot be read on the server"));
    }
    return absl::OkStatus();
  }
  return SaidError(
      absl::StatusCode::kNotFound,
      absl::Substitute(Say("No hay $0 en cuarentena; véalos con: brigada quarantine",
                           "There is no $0 in quarantine; see them with: brigada quarantine"),
                       CutToWidth(PrintableText(name), 60)));
}

}  // namespace

void AddQuarantineCommands(CommandLine* line) {
  CLI::App* const quarantine =
      line->Add({"quarantine",
                 Say("Cambios que el servidor guarda aparte, y por qué (administrador)",
                     "Changes that the server keeps aside, and why (administrator)"),
                 {"brigada quarantine", "brigada quarantine show 3f9c1a2b/MX/20:5"}},
                [line] { return AtServer(List(*line)); });
  quarantine->require_subcommand(0, 1);
  line->AddUnder(quarantine, {"list", Say("Los lista", "List them"), {"brigada quarantine list"}},
                 [line] { return AtServer(List(*line)); });
  const auto name = std::make_shared<std::string>();
  line->AddUnder(quarantine,
                 {"show",
                  Say("Muestra uno con su contenido", "Show one with its content"),
                  {"brigada quarantine show 3f9c1a2b/MX/20:5"}},
                 [line, name] { return AtServer(ShowOne(*line, *name)); })
      ->add_option(std::string(Say("NUMERO", "NUMBER")), *name,
                   std::string(Say("El número que le da la lista", "Its number in the list")))
      ->required();
}

}  // namespace brigada
