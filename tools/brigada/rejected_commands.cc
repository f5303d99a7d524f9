// rejected: what the server refused, with reason and content.
#include <fstream>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/secret_file.h"
#include "tools/brigada/change_json.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/status_text.h"

namespace brigada {
namespace {

// What the user calls a refused change set: "MX/20:5".
std::string NameOf(const Rejection& rejection) {
  return absl::StrCat(rejection.partition, ":", rejection.sequence);
}

std::string ReasonsOf(const Rejection& rejection) {
  std::vector<std::string> reasons;
  for (const v1::Refusal& refusal : rejection.reasons) {
    const std::string text = RefusalText(refusal);
    if (reasons.empty() || reasons.back() != text) reasons.push_back(text);
  }
  return absl::StrJoin(reasons, "; ");
}

Json ContentOf(const Rejection& rejection) {
  Json changes = Json::array();
  for (const v1::Change& change : rejection.content.changes())
    changes.push_back(ChangeJson(change));
  return changes;
}

absl::Status List(const CommandLine& line) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  ASSIGN_OR_RETURN(const std::vector<Rejection> rejections, replica->Rejections());
  TableWriter table = line.Table();
  table.Columns({"number", "refused_at", "reason", "content"});
  for (const Rejection& rejection : rejections) {
    table.Row({NameOf(rejection),
               line.wants_json() ? TimeValue(rejection.refused_at)
                                 : SqlValue(TimeText(rejection.refused_at)),
               ReasonsOf(rejection), JsonText(ContentOf(rejection))});
  }
  table.Finish();
  if (!rejections.empty()) {
    line.Note(Say("Nada se pierde: brigada rejected retry N, export ARCHIVO o discard N",
                  "Nothing is lost: brigada rejected retry N, export FILE or discard N"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Rejection> Find(const Replica& replica, const std::string& name) {
  ASSIGN_OR_RETURN(const std::vector<Rejection> rejections, replica.Rejections());
  const Rejection* found = nullptr;
  for (const Rejection& rejection : rejections) {
    if (NameOf(rejection) != name && absl::StrCat(rejection.sequence) != name) continue;
    if (found != nullptr) {
      return UsageError(absl::Substitute(Say("Hay varios con el número $0; dígalo entero: $1",
                                             "There are several with number $0; give it whole: $1"),
                                         PrintableText(name), NameOf(rejection)));
    }
    found = &rejection;
  }
  if (found != nullptr) return *found;
  return SaidError(
      absl::StatusCode::kNotFound,
      absl::Substitute(Say("No hay un rechazo $0; véalos con: brigada rejected",
                           "There is no rejection $0; see them with: brigada rejected"),
                       CutToWidth(PrintableText(name), 40)));
}

absl::Status Retry(const CommandLine& line, const std::string& name) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  ASSIGN_OR_RETURN(const Rejection rejection, Find(*replica, name));
  RETURN_IF_ERROR(replica->Resubmit(rejection.partition, rejection.sequence));
  line.Note(Say("Se enviará de nuevo en la próxima sincronización",
                "It goes out again with the next sync"));
  return absl::OkStatus();
}

absl::Status Discard(const CommandLine& line, const std::string& name) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  ASSIGN_OR_RETURN(const Rejection rejection, Find(*replica, name));
  RETURN_IF_ERROR(replica->Discard(rejection.partition, rejection.sequence));
  line.Note(absl::Substitute(Say("Descartado $0", "Discarded $0"), NameOf(rejection)));
  return absl::OkStatus();
}

absl::Status Export(const CommandLine& line, const std::string& file) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  ASSIGN_OR_RETURN(const std::vector<Rejection> rejections, replica->Rejections());
  Json all = Json::array();
  for (const Rejection& rejection : rejections) {
    all.push_back({{"number", NameOf(rejection)},
                   {"refused_at", ValueText(TimeValue(rejection.refused_at))},
                   {"reason", ReasonsOf(rejection)},
                   {"changes", ContentOf(rejection)}});
  }
  const std::string text = absl::StrCat(JsonText(all, 2), "\n");
  if (file == "-") {
    std::cout << text;
    return absl::OkStatus();
  }
  // The content is personal data: nobody else reads the file.
  RETURN_IF_ERROR(WriteSecretFile(file, text, IfFileExists::kRefuse));
  line.Note(
      absl::Substitute(Say("$0 rechazos en $1", "$0 rejections in $1"), rejections.size(), file));
  return absl::OkStatus();
}

void AddOne(CommandLine* line, CLI::App* parent, const CommandText& text,
            absl::string_view argument, absl::string_view meaning,
            absl::Status (*run)(const CommandLine&, const std::string&)) {
  const auto value = std::make_shared<std::string>();
  line->AddUnder(parent, text, [line, value, run] { return run(*line, *value); })
      ->add_option(std::string(argument), *value, std::string(meaning))
      ->required();
}

}  // namespace

void AddRejectedCommands(CommandLine* line) {
  CLI::App* const rejected = line->Add({"rejected",
                                        Say("Lo que el servidor rechazó, con motivo y contenido",
                                            "What the server refused, with reason and content"),
                                        {"brigada rejected", "brigada rejected retry MX/20:5",
                                         "brigada rejected export rechazos.json"}},
                                       [line] { return List(*line); });
  rejected->require_subcommand(0, 1);
  const absl::string_view number =
      Say("Número de la lista, como MX/20:5", "Number in the list, such as MX/20:5");
  AddOne(line, rejected,
         {"retry", Say("Envía de nuevo", "Send again"), {"brigada rejected retry MX/20:5"}}, "N",
         number, Retry);
  AddOne(line, rejected,
         {"discard",
          Say("Descarta para siempre", "Discard for good"),
          {"brigada rejected discard MX/20:5"}},
         "N", number, Discard);
  AddOne(line, rejected,
         {"export",
          Say("Guarda el contenido en un archivo", "Keep the content in a file"),
          {"brigada rejected export rechazos.json"}},
         "FILE", Say("Archivo nuevo, o -", "New file, or -"), Export);
}

}  // namespace brigada
