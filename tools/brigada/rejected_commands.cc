// rejected: what the server refused, with reason and content.
#include <algorithm>
#include <fstream>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/secret_file.h"
#include "tools/brigada/change_json.h"
#include "tools/brigada/change_text.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/field_flags.h"
#include "tools/brigada/record_check.h"
#include "tools/brigada/record_id.h"
#include "tools/brigada/rejection_text.h"
#include "tools/brigada/scope_text.h"
#include "tools/brigada/status_text.h"

namespace brigada {
namespace {

constexpr size_t kMaxJsonBytes = size_t{16} << 20;

Json ContentOf(const v1::ChangeSetBody& content) {
  Json changes = Json::array();
  for (const v1::Change& change : content.changes()) changes.push_back(ChangeJson(change));
  return changes;
}

absl::Status CheckNotKept(const Rejection& rejection) {
  if (!rejection.waits_for_record) return absl::OkStatus();
  return SaidError(absl::StatusCode::kFailedPrecondition, RejectionWayOut(rejection));
}

void ShowRejections(const CommandLine& line, const std::vector<Rejection>& rejections) {
  TableWriter table = line.Table();
  table.Columns(
      {"number", "refused_at", "reason", "way_out", "depends_on", "waits_for_grant", "content"});
  for (const Rejection& rejection : rejections) {
    table.Row({RejectionName(rejection), TimeValue(rejection.refused_at),
               RejectionReasons(rejection), RejectionWayOut(rejection),
               RejectionDependsOn(rejection), int64_t{rejection.waits_for_grant ? 1 : 0},
               JsonText(ContentOf(rejection.content))});
  }
  table.Finish();
}

absl::Status List(const CommandLine& line) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  ASSIGN_OR_RETURN(const std::vector<Rejection> rejections, replica->Rejections());
  if (!line.wants_text()) {
    ShowRejections(line, rejections);
    return absl::OkStatus();
  }
  for (const Rejection& rejection : rejections) std::cout << RejectionSentence(rejection) << "\n";
  if (rejections.empty()) {
    line.Note(Say("El servidor aceptó todo lo que recibió", "The server accepted all it received"));
  } else {
    line.Note(Say(
        "Nada se pierde: vea el contenido con brigada rejected show N; retry lo envía otra vez, "
        "edit lo corrige y lo envía, export lo guarda, discard lo quita",
        "Nothing is lost: see the content with brigada rejected show N; retry sends it again, "
        "edit corrects and sends it, export keeps it, discard drops it"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Rejection> Find(const Replica& replica, const std::string& name) {
  ASSIGN_OR_RETURN(const std::vector<Rejection> rejections, replica.Rejections());
  const Rejection* found = nullptr;
  for (const Rejection& rejection : rejections) {
    if (RejectionName(rejection) != name && absl::StrCat(rejection.sequence) != name) continue;
    if (found != nullptr) {
      return UsageError(absl::Substitute(Say("Hay varios con el número $0; dígalo entero: $1",
                                             "There are several with number $0; give it whole: $1"),
                                         PrintableText(name), RejectionName(rejection)));
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

absl::Status ShowOne(const CommandLine& line, const std::string& name) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  ASSIGN_OR_RETURN(const Rejection rejection, Find(*replica, name));
  if (!line.wants_text()) {
    ShowRejections(line, {rejection});
    return absl::OkStatus();
  }
  std::cout << RejectionSentence(rejection) << "\n";
  for (int i = 0; i < rejection.content.changes_size(); ++i)
    std::cout << i + 1 << "  " << JsonText(ChangeJson(rejection.content.changes(i))) << "\n";
  return absl::OkStatus();
}

absl::Status Retry(const CommandLine& line, const std::string& name) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  ASSIGN_OR_RETURN(const Rejection rejection, Find(*replica, name));
  RETURN_IF_ERROR(CheckNotKept(rejection));
  RETURN_IF_ERROR(replica->Resubmit(rejection.partition, rejection.sequence));
  line.Note(Say("Se enviará de nuevo en la próxima sincronización",
                "It goes out again with the next sync"));
  return absl::OkStatus();
}

absl::Status Discard(const CommandLine& line, const std::string& name) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  ASSIGN_OR_RETURN(const Rejection rejection, Find(*replica, name));
  RETURN_IF_ERROR(replica->Discard(rejection.partition, rejection.sequence));
  line.Note(absl::Substitute(Say("Descartado $0", "Discarded $0"), RejectionName(rejection)));
  return absl::OkStatus();
}

absl::StatusOr<Json> RejectedJson(const Replica& replica) {
  ASSIGN_OR_RETURN(const std::vector<Rejection> rejections, replica.Rejections());
  Json all = Json::array();
  for (const Rejection& rejection : rejections) {
    all.push_back({{"number", RejectionName(rejection)},
                   {"refused_at", ValueText(TimeValue(rejection.refused_at))},
                   {"reason", RejectionReasons(rejection)},
                   {"changes", ContentOf(rejection.content)}});
  }
  return all;
}

absl::StatusOr<Json> PendingJson(const Replica& replica) {
  Json all = Json::array();
  RETURN_IF_ERROR(replica.VisitPending([&](const PendingChangeSet& pending) {
    all.push_back({{"number", ChangeSetName(pending.partition, pending.sequence)},
                   {"made_at", ValueText(TimeValue(pending.made_at))},
                   {"changes", ContentOf(pending.content)}});
    return absl::OkStatus();
  }));
  return all;
}

struct ExportFlags {
  std::string file;
  bool pending = false;
};

absl::Status Export(const CommandLine& line, const ExportFlags& flags) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  ASSIGN_OR_RETURN(const Json all, flags.pending ? PendingJson(*replica) : RejectedJson(*replica));
  const std::string text = absl::StrCat(JsonText(all, 2), "\n");
  if (flags.file == "-") {
    std::cout << text;
    return absl::OkStatus();
  }
  // The content is personal data: nobody else reads the file.
  RETURN_IF_ERROR(WriteSecretFile(flags.file, text, IfFileExists::kRefuse));
  line.Note(absl::Substitute(
      Say("$0 en $1", "$0 in $1"),
      flags.pending
          ? CountText(all.size(), Say("grupo de cambios sin enviar", "unsent change set"),
                      Say("grupos de cambios sin enviar", "unsent change sets"))
          : CountText(all.size(), Say("rechazo", "rejection"), Say("rechazos", "rejections")),
      flags.file));
  return absl::OkStatus();
}

struct EditFlags {
  std::string number;
  int change = 0;
  std::string scope;
  std::string json;
  CLI::App* command = nullptr;
};

// The change of `rejection` that the flags name, edited. An edit's values hold only what it
// changes.
absl::Status EditChange(const Replica& replica, const EditFlags& flags, v1::Change* change) {
  const RecordType* const type = Registry::BuiltIn().Find(change->type_id());
  if (type == nullptr || change->kind() == v1::Change::DELETE) {
    return UsageError(Say("Ese cambio no tiene campos que corregir: use retry o discard",
                          "That change has no fields to correct: use retry or discard"));
  }
  const std::unique_ptr<google::protobuf::Message> record = type->NewMessage();
  if (!record->ParsePartialFromString(change->values()))
    return absl::DataLossError("a rejected change does not parse");
  if (!flags.json.empty()) {
    ASSIGN_OR_RETURN(const std::string text, ReadText(flags.json, kMaxJsonBytes));
    ASSIGN_OR_RETURN(Json json, ParseJson(text));
    RETURN_IF_ERROR(ResolveReferences(replica, *type, &json));
    RETURN_IF_ERROR(MergeJson(json, *type, record.get()));
  }
  std::vector<std::string> arguments = flags.command->remaining();
  RETURN_IF_ERROR(ResolveReferences(replica, *type, &arguments));
  RETURN_IF_ERROR(ApplyFieldFlags(*type, arguments, record.get()));
  if (!flags.scope.empty()) {
    ASSIGN_OR_RETURN(const Scope scope, ScopeFromText(flags.scope));
    RETURN_IF_ERROR(CheckRecordScope(*type, scope));
    change->set_scope(scope.path());
  }
  if (change->kind() == v1::Change::CREATE) {
    ASSIGN_OR_RETURN(const Scope scope, Scope::Parse(change->scope()));
    RETURN_IF_ERROR(change->resolves_size() == 0 ? CheckNewRecord(*type, scope, *record)
                                                 : CheckRecordValues(*type, *record));
  }
  change->set_values(record->SerializePartialAsString());
  return absl::OkStatus();
}

absl::Status Edit(const CommandLine& line, const EditFlags& flags) {
  if (flags.json.empty() && flags.scope.empty() && flags.command->remaining().empty()) {
    return UsageError(Say("¿Qué se corrige? Dé campos (--notes 'x'), --json o --scope",
                          "What is corrected? Give fields (--notes 'x'), --json or --scope"));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  ASSIGN_OR_RETURN(const Rejection rejection, Find(*replica, flags.number));
  RETURN_IF_ERROR(CheckNotKept(rejection));
  v1::ChangeSetBody content = rejection.content;
  if (flags.change == 0 && content.changes_size() != 1) {
    return UsageError(
        absl::Substitute(Say("$0 tiene $1 cambios: diga cuál con --change N; véalos con: brigada "
                             "rejected show $0",
                             "$0 has $1 changes: say which with --change N; see them with: brigada "
                             "rejected show $0"),
                         RejectionName(rejection), content.changes_size()));
  }
  const int index = std::max(flags.change, 1) - 1;
  if (index >= content.changes_size()) {
    return UsageError(absl::Substitute(Say("--change va de 1 a $0", "--change goes from 1 to $0"),
                                       content.changes_size()));
  }
  RETURN_IF_ERROR(EditChange(*replica, flags, content.mutable_changes(index)));
  RETURN_IF_ERROR(replica->ResubmitAs(rejection.partition, rejection.sequence, content));
  line.Note(Say("Corregido; se enviará en la próxima sincronización",
                "Corrected; it goes out with the next sync"));
  return absl::OkStatus();
}

void AddEdit(CommandLine* line, CLI::App* parent, absl::string_view number) {
  const auto flags = std::make_shared<EditFlags>();
  CLI::App* const edit =
      line->AddUnder(parent,
                     {"edit",
                      Say("Corrige y envía de nuevo", "Correct and send again"),
                      {"brigada rejected edit MX/20:5 --phones +529511234567",
                       "brigada rejected edit MX/20:5 --scope 20208",
                       "brigada rejected edit MX/20:5 --change 2 --json corregido.json"}},
                     [line, flags] { return Edit(*line, *flags); });
  flags->command = edit;
  edit->allow_extras();
  edit->add_option("N", flags->number, std::string(number))->required();
  edit->add_option("--scope", flags->scope, std::string(Say("Otro lugar", "Another place")));
  edit->add_option("--json", flags->json,
                   std::string(Say("Campos en JSON: archivo o -", "Fields as JSON: file or -")));
  edit->add_option("--change", flags->change,
                   std::string(Say("Cuál de sus cambios, como los numera show",
                                   "Which of its changes, as show numbers them")))
      ->check(NumberIn(1, 1'000'000'000));
}

void AddExport(CommandLine* line, CLI::App* parent) {
  const auto flags = std::make_shared<ExportFlags>();
  CLI::App* const command =
      line->AddUnder(parent,
                     {"export",
                      Say("Guarda el contenido en un archivo", "Keep the content in a file"),
                      {"brigada rejected export rechazos.json",
                       "brigada rejected export --pending sin-enviar.json"}},
                     [line, flags] { return Export(*line, *flags); });
  command
      ->add_option(std::string(Say("ARCHIVO", "FILE")), flags->file,
                   std::string(Say("Archivo nuevo, o -", "New file, or -")))
      ->required();
  command->add_flag("--pending", flags->pending,
                    std::string(Say("Lo que falta enviar, en lugar de lo rechazado",
                                    "What is still to be sent, in place of what was refused")));
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
         {"show",
          Say("Muestra uno con su contenido", "Show one with its content"),
          {"brigada rejected show MX/20:5"}},
         "N", number, ShowOne);
  AddEdit(line, rejected, number);
  AddOne(line, rejected,
         {"retry", Say("Envía de nuevo", "Send again"), {"brigada rejected retry MX/20:5"}}, "N",
         number, Retry);
  AddOne(line, rejected,
         {"discard",
          Say("Descarta para siempre", "Discard for good"),
          {"brigada rejected discard MX/20:5"}},
         "N", number, Discard);
  AddExport(line, rejected);
}

}  // namespace brigada
