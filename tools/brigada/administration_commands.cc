// What administrators do: invitations, devices, grants, backups.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/substitute.h"
#include "absl/time/clock.h"
#include "brigada/administration.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/secret_file.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/headings.h"
#include "tools/brigada/id_prefix.h"
#include "tools/brigada/scope_text.h"
#include "tools/brigada/status_text.h"

namespace brigada {
namespace {

struct GrantFlags {
  std::string user;
  std::string role;
  std::vector<std::string> scopes;
  std::string out;
  int valid_days = 7;
  std::string from;
  std::string until;
};

// Places by path, key or name, as paths.
absl::StatusOr<std::vector<std::string>> Paths(const std::vector<std::string>& scopes) {
  std::vector<std::string> paths;
  for (const std::string& text : scopes) {
    ASSIGN_OR_RETURN(const Scope scope, ScopeFromText(text));
    paths.push_back(scope.path());
  }
  return paths;
}

absl::StatusOr<absl::Time> DayOf(absl::string_view text, absl::Time otherwise) {
  if (text.empty()) return otherwise;
  absl::CivilDay day;
  if (!absl::ParseCivilTime(text, &day)) {
    return UsageError(
        absl::Substitute(Say("«$0» no es una fecha AAAA-MM-DD", "\"$0\" is no date YYYY-MM-DD"),
                         PrintableText(text)));
  }
  return absl::FromCivil(day, absl::LocalTimeZone());
}

std::string DaysText(int days) {
  return CountText(static_cast<uint64_t>(days), Say("día", "day"), Say("días", "days"));
}

absl::Status Invite(const CommandLine& line, const GrantFlags& flags) {
  ASSIGN_OR_RETURN(const std::vector<std::string> scopes, Paths(flags.scopes));
  const bool to_screen = flags.out.empty() || flags.out == "-";
  // Found before the server makes anything: an invitation is also a grant.
  std::error_code error;
  if (!to_screen && std::filesystem::exists(flags.out, error)) {
    return SaidError(absl::StatusCode::kAlreadyExists,
                     absl::Substitute(Say("$0 ya existe y se dejó como estaba; use --out OTRO",
                                          "$0 exists and was left as it was; use --out OTHER"),
                                      PrintableText(flags.out)));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<Administration> server,
                   Administration::Connect(line.directory()));
  ASSIGN_OR_RETURN(
      const std::string invitation,
      server->Invite(flags.user, flags.role, scopes, absl::Hours(24) * flags.valid_days));
  if (to_screen) {
    std::cout << invitation << "\n";
    line.Note(absl::Substitute(
        Say("Invitación para $0: sirve una vez y vence en $1. Allá: brigada enrol",
            "Invitation for $0: it works once and expires in $1. There: brigada enrol"),
        flags.user, DaysText(flags.valid_days)));
    return absl::OkStatus();
  }
  if (absl::Status written = WriteSecretFile(flags.out, invitation + "\n", IfFileExists::kRefuse);
      !written.ok()) {
    // It cannot be made a second time: better on the screen than lost.
    std::cout << invitation << "\n";
    line.Note(Say("Guarde la invitación que se ve arriba", "Keep the invitation printed above"));
    return written;
  }
  line.Note(absl::Substitute(
      Say("Invitación para $0 en $1. Sirve una vez y vence en $2: entréguela en mano",
          "Invitation for $0 in $1. It works once and expires in $2: hand it over in person"),
      flags.user, flags.out, DaysText(flags.valid_days)));
  return absl::OkStatus();
}

void NoteWhenNone(const CommandLine& line, bool none) {
  if (!none) return;
  line.Note(
      Say("Ninguno que usted administre: se ven con el papel administrator en su lugar",
          "None that you administer: they show with the administrator role over their place"));
}

absl::Status Devices(const CommandLine& line) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Administration> server,
                   Administration::Connect(line.directory()));
  ASSIGN_OR_RETURN(const std::vector<v1::DeviceRecord> devices, server->Devices());
  TableWriter table = line.Table();
  table.Columns(Headings({"replica", "user", "name", "enrolled", "last_sync", "lease_until",
                          "revoked", "bytes_received", "bytes_sent", "purged_scopes", "purged"},
                         line.wants_text()));
  for (const v1::DeviceRecord& device : devices) {
    const absl::StatusOr<ReplicaId> id = ReplicaId::FromBytes(device.replica());
    table.Row({id.ok() ? id->ToString() : "", device.user(), device.name(),
               line.TimeCell(device.enrolled_ms()), line.TimeCell(device.last_sync_ms()),
               line.TimeCell(device.lease_until_ms()), line.TimeCell(device.revoked_ms()),
               static_cast<int64_t>(device.bytes_received()),
               static_cast<int64_t>(device.bytes_sent()),
               absl::StrJoin(device.purged_scopes(), " "), line.TimeCell(device.purged_ms())});
  }
  table.Finish();
  NoteWhenNone(line, devices.empty());
  return absl::OkStatus();
}

absl::Status RevokeDevice(const CommandLine& line, const std::string& text) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Administration> server,
                   Administration::Connect(line.directory()));
  ASSIGN_OR_RETURN(const std::vector<v1::DeviceRecord> devices, server->Devices());
  std::vector<ReplicaId> ids;
  for (const v1::DeviceRecord& device : devices) {
    if (const auto id = ReplicaId::FromBytes(device.replica()); id.ok()) ids.push_back(*id);
  }
  ASSIGN_OR_RETURN(const ReplicaId id, OneThatBegins(ids, text, "devices"));
  RETURN_IF_ERROR(server->RevokeDevice(id));
  line.Note(absl::Substitute(
      Say("Dispositivo $0 revocado: ya no sincroniza", "Device $0 revoked: it syncs no more"),
      id.ToString()));
  return absl::OkStatus();
}

absl::Status Grant(const CommandLine& line, const GrantFlags& flags) {
  ASSIGN_OR_RETURN(const std::vector<std::string> scopes, Paths(flags.scopes));
  ASSIGN_OR_RETURN(const absl::Time from, DayOf(flags.from, absl::UnixEpoch()));
  ASSIGN_OR_RETURN(const absl::Time until, DayOf(flags.until, absl::InfiniteFuture()));
  if (until <= std::max(from, absl::Now())) {
    return UsageError(Say("El permiso terminaría antes de empezar: revise --from y --until",
                          "The grant would end before it begins: check --from and --until"));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<Administration> server,
                   Administration::Connect(line.directory()));
  ASSIGN_OR_RETURN(const RecordId id, server->Grant(flags.user, flags.role, scopes, from, until));
  line.Show({{"grant", Say("Permiso", "Grant"), id.ToString()}});
  return absl::OkStatus();
}

absl::Status RevokeGrant(const CommandLine& line, const std::string& text) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Administration> server,
                   Administration::Connect(line.directory()));
  ASSIGN_OR_RETURN(const std::vector<v1::GrantRecord> grants, server->Grants());
  std::vector<RecordId> ids;
  for (const v1::GrantRecord& grant : grants) {
    if (const auto id = RecordId::FromBytes(grant.id()); id.ok()) ids.push_back(*id);
  }
  ASSIGN_OR_RETURN(const RecordId id, OneThatBegins(ids, text, "grants"));
  RETURN_IF_ERROR(server->RevokeGrant(id));
  line.Note(
      absl::Substitute(Say("Permiso $0 revocado. Lo hecho antes se acepta; lo de después no",
                           "Grant $0 revoked. Work done before is accepted, later work is not"),
                       id.ToString()));
  return absl::OkStatus();
}

absl::Status Grants(const CommandLine& line) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Administration> server,
                   Administration::Connect(line.directory()));
  ASSIGN_OR_RETURN(const std::vector<v1::GrantRecord> grants, server->Grants());
  TableWriter table = line.Table();
  table.Columns(
      Headings({"grant", "user", "role", "scopes", "from", "until", "revoked", "granted_by"},
               line.wants_text()));
  for (const v1::GrantRecord& grant : grants) {
    const absl::StatusOr<RecordId> id = RecordId::FromBytes(grant.id());
    table.Row({id.ok() ? id->ToString() : "", grant.user(), grant.role(),
               absl::StrJoin(grant.scopes(), " "), line.TimeCell(grant.from_ms()),
               line.TimeCell(grant.until_ms()), line.TimeCell(grant.revoked_ms()),
               grant.granted_by()});
  }
  table.Finish();
  NoteWhenNone(line, grants.empty());
  return absl::OkStatus();
}

absl::Status Backup(const CommandLine& line, const std::string& name) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Administration> server,
                   Administration::Connect(line.directory()));
  ProgressBar bar(&std::cerr, line.progress_style(), std::string(Say("Respaldando", "Backing up")));
  uint64_t copied = 0;
  ASSIGN_OR_RETURN(const std::string path, server->Backup(name, [&](uint64_t bytes) {
    copied = bytes;
    bar.Update(0, 0, ByteCount(bytes));
  }));
  bar.Finish(ByteCount(copied));
  line.Show({{"path", Say("Respaldo en el servidor", "Backup on the server"), path},
             {"bytes", "Bytes", static_cast<int64_t>(copied)}});
  return absl::OkStatus();
}

std::string Text(absl::string_view spanish, absl::string_view english) {
  return std::string(Say(spanish, english));
}

void AddGrantOptions(CLI::App* command, GrantFlags* flags) {
  command
      ->add_option(std::string(Say("USUARIO", "USER")), flags->user,
                   Text("Nombre de usuario", "User name"))
      ->required();
  command
      ->add_option("--role", flags->role,
                   Text("Papel en la organización", "Role in the organization"))
      ->check(OneOf(
          {"kiosk", "organizer", "coordinator", "academy", "editor", "auditor", "administrator"}))
      ->required();
  command
      ->add_option("--scope", flags->scopes,
                   Text("Lugar: MX/20/067, 20067 o nombre (repetible)",
                        "Place: MX/20/067, 20067 or name (repeatable)"))
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false)
      ->required();
}

void AddIdCommand(CommandLine* line, const CommandText& text, const char* argument,
                  absl::Status (*run)(const CommandLine&, const std::string&)) {
  const auto value = std::make_shared<std::string>();
  line->Add(text, [line, value, run] { return AtServer(run(*line, *value)); })
      ->add_option(argument, *value, Text("Identificador, o su comienzo", "Id, or its beginning"))
      ->required();
}

}  // namespace

void AddAdministrationCommands(CommandLine* line) {
  const auto invite = std::make_shared<GrantFlags>();
  CLI::App* command =
      line->Add({"invite",
                 Say("Invita un dispositivo de alguien (administrador)",
                     "Invite somebody's device (administrator)"),
                 {"brigada invite ana --role organizer --scope MX/20/067 --out ana.invitacion"}},
                [line, invite] { return AtServer(Invite(*line, *invite)); });
  AddGrantOptions(command, invite.get());
  command->add_option(
      "--out", invite->out,
      Text("Archivo nuevo; si falta, a la pantalla", "New file; else to the screen"));
  command
      ->add_option("--valid-days", invite->valid_days,
                   Text("Días que sirve", "Days it is good for"))
      ->check(NumberIn(1, 30))
      ->capture_default_str();
  line->Add({"devices",
             Say("Dispositivos y su última sincronización (administrador)",
                 "Devices and their last sync (administrator)"),
             {"brigada devices", "brigada devices --format csv"}},
            [line] { return AtServer(Devices(*line)); });
  AddIdCommand(line,
               {"revoke-device",
                Say("Impide que un dispositivo sincronice (administrador)",
                    "Stop a device from syncing (administrator)"),
                {"brigada revoke-device 3f9c1a"}},
               "REPLICA", RevokeDevice);
  const auto grant = std::make_shared<GrantFlags>();
  command = line->Add({"grant",
                       Say("Da un papel en unos lugares (administrador)",
                           "Give a role in some places (administrator)"),
                       {"brigada grant ana --role coordinator --scope MX/20 --until 2027-06-30"}},
                      [line, grant] { return AtServer(Grant(*line, *grant)); });
  AddGrantOptions(command, grant.get());
  command->add_option("--from", grant->from, Text("Desde AAAA-MM-DD", "From YYYY-MM-DD"));
  command->add_option("--until", grant->until, Text("Hasta AAAA-MM-DD", "Until YYYY-MM-DD"));
  AddIdCommand(line,
               {"revoke-grant",
                Say("Retira un permiso (administrador)", "Take a grant back (administrator)"),
                {"brigada revoke-grant 0193a5"}},
               "GRANT", RevokeGrant);
  line->Add({"grants",
             Say("Permisos dados (administrador)", "Grants given (administrator)"),
             {"brigada grants"}},
            [line] { return AtServer(Grants(*line)); });
  const auto name = std::make_shared<std::string>();
  line->Add({"backup",
             Say("Respalda el servidor en marcha (administrador)",
                 "Back the running server up (administrator)"),
             {"brigada backup", "brigada backup antes-de-la-asamblea"}},
            [line, name] { return AtServer(Backup(*line, *name)); })
      ->add_option(std::string(Say("NOMBRE", "NAME")), *name,
                   Text("Nombre; si falta, la fecha", "Name; else the date"));
}

}  // namespace brigada
