// quarantine: change sets that the server keeps for a person, or until a record comes
// (administrator).
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/substitute.h"
#include "brigada/administration.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "tools/brigada/change_json.h"
#include "tools/brigada/change_text.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/headings.h"
#include "tools/brigada/refusal_text.h"
#include "tools/brigada/status_text.h"

namespace brigada {
namespace {

constexpr size_t kShownReplicaDigits = 8;

std::string ReplicaText(const std::string& bytes) {
  return ReplicaId::FromBytes(bytes).value_or(ReplicaId()).ToString();
}

// "3f9c1a2b/MX/20:5": its device by the beginning of its id, and the name that it has there.
std::string NameOf(const v1::QuarantinedSet& set) {
  return absl::StrCat(ReplicaText(set.replica()).substr(0, kShownReplicaDigits), "/",
                      ChangeSetName(set.partition(), set.sequence()));
}

std::string TextOf(const google::protobuf::RepeatedPtrField<v1::Refusal>& refusals) {
  return RefusalsText({refusals.begin(), refusals.end()});
}

std::string ReasonOf(const v1::QuarantinedSet& set) {
  if (set.waits_for_record()) {
    return std::string(
        Say("espera el alta de su registro y se aplica sola cuando llegue",
            "it waits for the creation of its record and is applied when that comes"));
  }
  return TextOf(set.refusals());
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
                      "cuando se le dé (brigada grant); vea uno con brigada quarantine show N, y "
                      "aplíquelo bajo su "
                      "responsabilidad con brigada quarantine release N",
                      "Nothing is lost: what lacks a grant its device sends again once it is given "
                      "(brigada grant); see one with brigada quarantine show N, and apply it on "
                      "your own responsibility with brigada quarantine release N"));
  return absl::OkStatus();
}

absl::Status NoSuchSet(const std::string& name) {
  return SaidError(
      absl::StatusCode::kNotFound,
      absl::Substitute(Say("No hay $0 en cuarentena; véalos con: brigada quarantine",
                           "There is no $0 in quarantine; see them with: brigada quarantine"),
                       CutToWidth(PrintableText(name), 60)));
}

template <typename Request>
Request RequestFor(const v1::QuarantinedSet& set) {
  Request request;
  request.set_partition(set.partition());
  request.set_replica(set.replica());
  request.set_sequence(set.sequence());
  return request;
}

absl::StatusOr<v1::QuarantinedSet> FindSet(Administration& server, const std::string& name) {
  ASSIGN_OR_RETURN(const std::vector<v1::QuarantinedSet> sets, server.Quarantine());
  for (const v1::QuarantinedSet& set : sets)
    if (NameOf(set) == name) return set;
  return NoSuchSet(name);
}

absl::Status ShowOne(const CommandLine& line, const std::string& name) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Administration> server,
                   Administration::Connect(line.directory()));
  ASSIGN_OR_RETURN(const v1::QuarantinedSet set, FindSet(*server, name));
  ASSIGN_OR_RETURN(const v1::ShowQuarantinedResponse shown,
                   server->Quarantined(RequestFor<v1::ShowQuarantinedRequest>(set)));
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

// What was released is in no list any more, and the same command may be given again: then the list
// of devices tells whose it was.
absl::StatusOr<v1::ReleaseQuarantinedRequest> ReleaseOf(Administration& server,
                                                        const std::string& name) {
  const absl::StatusOr<v1::QuarantinedSet> set = FindSet(server, name);
  if (set.ok()) return RequestFor<v1::ReleaseQuarantinedRequest>(*set);
  if (!absl::IsNotFound(set.status())) return set.status();
  v1::ReleaseQuarantinedRequest request;
  const size_t slash = name.find('/');
  const size_t colon = name.rfind(':');
  uint64_t sequence = 0;
  if (slash == std::string::npos || colon == std::string::npos || colon < slash ||
      !absl::SimpleAtoi(name.substr(colon + 1), &sequence))
    return set.status();
  request.set_partition(name.substr(slash + 1, colon - slash - 1));
  request.set_sequence(sequence);
  ASSIGN_OR_RETURN(const std::vector<v1::DeviceRecord> devices, server.Devices());
  for (const v1::DeviceRecord& device : devices) {
    if (ReplicaText(device.replica()).substr(0, kShownReplicaDigits) != name.substr(0, slash))
      continue;
    // Of two devices that begin alike nobody can say which is meant.
    if (!request.replica().empty()) return set.status();
    request.set_replica(device.replica());
  }
  return request.replica().empty() ? set.status()
                                   : absl::StatusOr<v1::ReleaseQuarantinedRequest>(request);
}

absl::Status Release(const CommandLine& line, const std::string& name) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Administration> server,
                   Administration::Connect(line.directory()));
  ASSIGN_OR_RETURN(const v1::ReleaseQuarantinedRequest request, ReleaseOf(*server, name));
  absl::StatusOr<v1::ReleaseQuarantinedResponse> answer = server->ReleaseQuarantined(request);
  if (absl::IsNotFound(answer.status())) return NoSuchSet(name);
  RETURN_IF_ERROR(answer.status());
  if (answer->outcome() == v1::QUARANTINED) {
    return SaidError(
        absl::StatusCode::kFailedPrecondition,
        absl::Substitute(Say("$0 sigue en cuarentena: $1", "$0 stays in quarantine: $1"), name,
                         TextOf(answer->refusals())));
  }
  SqlValue was_released = int64_t{answer->was_released() ? 1 : 0};
  if (line.wants_text())
    was_released = std::string(answer->was_released() ? Say("sí", "yes") : Say("no", "no"));
  line.Show(
      {{"number", Say("Número", "Number"), name},
       {"released_by", Say("Lo liberó", "Released by"), answer->released_by()},
       {"released", Say("Cuándo", "When"), line.TimeCell(answer->released_ms())},
       {"was_released", Say("Ya estaba liberado", "Was released before"), was_released},
       {"applied_along", Say("Se aplicaron con él", "Applied along"),
        static_cast<int64_t>(answer->applied_along())},
       {"dependents",
        Say("Siguen en cuarentena, del mismo registro", "Still in quarantine, of the same record"),
        static_cast<int64_t>(answer->dependents())}});
  line.Note(answer->outcome() == v1::MERGED
                ? Say("Aplicado; algo se encontró con lo que otros escribieron: vea los conflictos "
                      "después de sincronizar",
                      "Applied; something met what others wrote: see the conflicts after a sync")
                : Say("Aplicado; quien lo escribió lo sabrá al sincronizar",
                      "Applied; who wrote it learns of it with the next sync"));
  return absl::OkStatus();
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
  line->AddUnder(quarantine,
                 {"release",
                  Say("Aplica uno: se revisa con los permisos de usted, no con los de quien lo "
                      "escribió",
                      "Apply one: it is judged by your grants, not by those of who wrote it"),
                  {"brigada quarantine release 3f9c1a2b/MX/20:5"}},
                 [line, name] { return AtServer(Release(*line, *name)); })
      ->add_option(std::string(Say("NUMERO", "NUMBER")), *name,
                   std::string(Say("El número que le da la lista", "Its number in the list")))
      ->required();
}

}  // namespace brigada
