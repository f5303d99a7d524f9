// init, enrol, status.
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/error_name.h"
#include "tools/brigada/scope_text.h"
#include "tools/brigada/sql_json.h"
#include "tools/brigada/status_text.h"
#include "tools/brigada/sync_text.h"
#include "tools/brigada/time_text.h"

namespace brigada {
namespace {

constexpr size_t kMaxInvitationBytes = size_t{64} << 10;
constexpr size_t kMaxEcho = 12;

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "brigada";
}

absl::Status Init(const CommandLine& line) {
  Options options;
  options.path = line.directory();
  std::error_code error;
  const bool was_there = std::filesystem::exists(options.path + "/store/CURRENT", error);
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, Replica::Open(std::move(options)));
  line.Note(absl::Substitute(
      was_there ? Say("Ya había una réplica en $0 y sigue como estaba",
                      "There was a replica in $0 already; it stays as it was")
                : Say("Réplica lista en $0. Ya puede registrar; para sincronizar: brigada enrol",
                      "Replica ready in $0. You may register already; to sync: brigada enrol"),
      line.directory()));
  line.Show({{"replica", Say("Réplica", "Replica"), replica->replica_id().ToString()}});
  return absl::OkStatus();
}

struct EnrolFlags {
  std::string invitation = "-";
  std::string device_name = HostName();
};

// What is no file may be an invitation, copied badly: a secret, of which little is repeated.
absl::Status CheckNamesFile(const std::string& text) {
  std::error_code error;
  if (text.empty() || text == "-" || std::filesystem::exists(text, error)) return absl::OkStatus();
  return UsageError(absl::Substitute(
      Say("«$0» no es un archivo ni una invitación completa, que empieza con BRG1-. Copie el texto "
          "entero o revise la ruta",
          "\"$0\" is neither a file nor a whole invitation, which starts with BRG1-. Copy all of "
          "the "
          "text, or check the path"),
      CutToWidth(PrintableText(text), kMaxEcho)));
}

absl::Status Enrol(const CommandLine& line, const EnrolFlags& flags) {
  std::string invitation = flags.invitation;
  if (!absl::StartsWith(absl::StripLeadingAsciiWhitespace(invitation), "BRG1-")) {
    RETURN_IF_ERROR(CheckNamesFile(invitation));
    if (invitation == "-" && isatty(STDIN_FILENO) != 0) {
      line.Note(Say("Pegue la invitación y termine con Ctrl-D:",
                    "Paste the invitation and end with Ctrl-D:"));
    }
    ASSIGN_OR_RETURN(invitation, ReadText(invitation, kMaxInvitationBytes));
    if (absl::StripAsciiWhitespace(invitation).empty()) {
      return UsageError(
          Say("Falta la invitación: --invitation ARCHIVO, el texto mismo, o - y el texto por la "
              "entrada",
              "The invitation is missing: --invitation FILE, the text itself, or - and the text "
              "on stdin"));
    }
  }
  Options options;
  options.path = line.directory();
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, Replica::Open(std::move(options)));
  RETURN_IF_ERROR(replica->Enroll(invitation, flags.device_name));
  line.Note(Say("Dispositivo inscrito. Siga con: brigada sync",
                "Device enrolled. Go on with: brigada sync"));
  line.Show({{"user", Say("Usuario", "User"), replica->user()},
             {"device", Say("Dispositivo", "Device"), flags.device_name},
             {"replica", Say("Réplica", "Replica"), replica->replica_id().ToString()}});
  return absl::OkStatus();
}

std::string GrantsText(const v1::Welcome& welcome) {
  std::string text;
  for (const v1::GrantInfo& grant : welcome.grants()) {
    for (const std::string& scope : grant.scopes()) {
      absl::StrAppend(&text, text.empty() ? "" : "; ", grant.role(), " ", scope, " (",
                      ScopeName(scope), ")");
    }
  }
  return text;
}

std::string CompleteText(const SyncStatus& status) {
  if (status.last_success == absl::InfinitePast())
    return std::string(Say("no: aún no sincroniza", "no: not synced yet"));
  if (!status.consistent) return std::string(Say("no: falta recibir", "no: still receiving"));
  return std::string(Say("sí", "yes"));
}

SqlValue Number(uint64_t count) { return static_cast<int64_t>(count); }

std::vector<CommandLine::Fact> StatusForPeople(const Replica& replica, const SyncStatus& status) {
  const auto when = [](absl::Time time) {
    const std::string text = TimeText(time);
    return text.empty() ? std::string(Say("nunca", "never")) : text;
  };
  std::vector<CommandLine::Fact> facts = {
      {"user", Say("Usuario", "User"),
       replica.user().empty() ? std::string(Say("(sin inscribir)", "(not enrolled)"))
                              : replica.user()},
      {"replica", Say("Réplica", "Replica"), replica.replica_id().ToString()},
      {"grants", Say("Permisos", "Grants"), GrantsText(replica.last_welcome())},
      {"pending", Say("Por enviar", "Pending"), Number(status.pending)},
      {"rejected", Say("Rechazados", "Rejected"), Number(status.rejected)},
      {"conflicts", Say("Conflictos", "Conflicts"), Number(status.open_conflicts)},
      {"last_success", Say("Última sincronización", "Last sync"), when(status.last_success)},
      {"consistent", Say("Completa", "Complete"), CompleteText(status)},
  };
  if (status.pending > 0) {
    facts.push_back({"oldest_pending", Say("Lo más viejo por enviar", "Oldest pending"),
                     when(status.oldest_pending)});
  }
  facts.push_back({"retained",
                   Say("Guardado por si el servidor lo pierde", "Kept should the server lose it"),
                   RetainedText(status)});
  if (status.last_mismatch != absl::InfinitePast()) {
    facts.push_back(
        {"last_mismatch", Say("Última diferencia", "Last difference"), when(status.last_mismatch)});
    facts.push_back(
        {"last_repair", Say("Última reparación", "Last repair"), when(status.last_repair)});
    facts.push_back({"records_repaired", Say("Registros reparados", "Records repaired"),
                     Number(status.records_repaired)});
  }
  return facts;
}

// The same fields whatever there is to say, so that a script finds each.
std::vector<CommandLine::Fact> StatusForPrograms(const Replica& replica, const SyncStatus& status) {
  const v1::Welcome welcome = replica.last_welcome();
  std::vector<std::string> grants;
  for (const v1::GrantInfo& grant : welcome.grants()) {
    for (const std::string& scope : grant.scopes())
      grants.push_back(absl::StrCat(grant.role(), "@", scope));
  }
  std::vector<std::string> ended;
  for (const EndedPlace& place : status.ended_places)
    ended.push_back(absl::StrCat(place.scope, ":", place.records));
  const absl::Status failure(status.last_error_code, status.last_error);
  return {
      {"user", "", replica.user()},
      {"replica", "", replica.replica_id().ToString()},
      {"grants", "", absl::StrJoin(grants, " ")},
      {"pending", "", Number(status.pending)},
      {"rejected", "", Number(status.rejected)},
      {"conflicts", "", Number(status.open_conflicts)},
      {"last_success", "", TimeValue(status.last_success)},
      {"consistent", "", int64_t{status.consistent ? 1 : 0}},
      {"oldest_pending", "", TimeValue(status.oldest_pending)},
      {"retained", "", Number(status.retained)},
      {"retained_bytes", "", Number(status.retained_bytes)},
      {"retained_bytes_max", "", Number(status.retained_bytes_max)},
      {"retained_days_max", "", int64_t{absl::ToInt64Hours(status.retained_for) / 24}},
      {"stalled", "", status.stalled.empty() ? SqlValue() : SqlValue(StalledSentence(status))},
      {"last_mismatch", "", TimeValue(status.last_mismatch)},
      {"last_repair", "", TimeValue(status.last_repair)},
      {"records_repaired", "", Number(status.records_repaired)},
      {"ended_places", "", absl::StrJoin(ended, " ")},
      {"last_error_code", "", failure.ok() ? SqlValue() : SqlValue(ErrorName(failure))},
      {"last_error", "", failure.ok() ? SqlValue() : SqlValue(StatusText(failure))},
      {"last_error_at", "", TimeValue(status.last_error_at)},
  };
}

// As the facts are, with what JSON has types for.
void ShowStatusJson(const Replica& replica, const SyncStatus& status) {
  Json object = Json::object();
  for (const CommandLine::Fact& fact : StatusForPrograms(replica, status))
    object[fact.name] = SqlJson(fact.value);
  object["consistent"] = status.consistent;
  object["ended_places"] = Json::array();
  for (const EndedPlace& place : status.ended_places) {
    object["ended_places"].push_back(
        {{"scope", place.scope}, {"records", place.records}, {"at", SqlJson(TimeValue(place.at))}});
  }
  object["grants"] = Json::array();
  const v1::Welcome welcome = replica.last_welcome();
  for (const v1::GrantInfo& grant : welcome.grants()) {
    Json scopes = Json::array();
    for (const std::string& scope : grant.scopes()) scopes.push_back(scope);
    object["grants"].push_back({{"role", grant.role()}, {"scopes", std::move(scopes)}});
  }
  std::cout << "[\n" << JsonText(object) << "\n]\n";
}

absl::Status Status(const CommandLine& line, bool strict) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  const SyncStatus status = replica->GetSyncStatus();
  if (line.wants_json()) {
    ShowStatusJson(*replica, status);
  } else {
    line.Show(line.wants_text() ? StatusForPeople(*replica, status)
                                : StatusForPrograms(*replica, status));
  }
  for (const std::string& sentence : StatusSentences(status, !replica->user().empty()))
    line.Note(sentence);
  if (strict && status.rejected + status.open_conflicts > 0) {
    return UnfinishedError(Say("Hay rechazos o conflictos por resolver",
                               "Rejections or conflicts wait to be resolved"));
  }
  return absl::OkStatus();
}

}  // namespace

void AddReplicaCommands(CommandLine* line) {
  line->Add({"init",
             Say("Crea la réplica de este dispositivo", "Make this device's replica"),
             {"brigada init", "brigada --dir /media/tarjeta/brigada init"}},
            [line] { return Init(*line); });
  const auto enrol = std::make_shared<EnrolFlags>();
  CLI::App* const command = line->Add(
      {"enrol",
       Say("Inscribe el dispositivo con una invitación", "Enrol the device with an invitation"),
       {"brigada enrol --invitation invitacion.txt --name 'Teléfono de Ana'",
        "brigada enrol < invitacion.txt"}},
      [line, enrol] { return Enrol(*line, *enrol); });
  command->alias("enroll");
  command->add_option("--invitation", enrol->invitation,
                      std::string(Say("Archivo, el texto mismo, o - para la entrada",
                                      "File, the text itself, or - for stdin")));
  command->add_option(
      "--name", enrol->device_name,
      std::string(Say("Nombre con que se verá el dispositivo", "Name the device is shown by")));
  const auto strict = std::make_shared<bool>(false);
  CLI::App* const status = line->Add({"status",
                                      Say("Qué hay por enviar, rechazado y en conflicto",
                                          "What is pending, rejected, in conflict"),
                                      {"brigada status", "brigada status --format json",
                                       "brigada status --strict || brigada rejected"}},
                                     [line, strict] { return Status(*line, *strict); });
  status->add_flag("--strict", *strict,
                   std::string(Say("Sale con 6 si hay rechazos o conflictos",
                                   "Exit with 6 when there are rejections or conflicts")));
}

}  // namespace brigada
