// brigada-server: makes, runs, invites to and restores an organization's server.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "replica/base/clock.h"
#include "replica/base/language.h"
#include "replica/base/log.h"
#include "replica/base/random.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/secret_file.h"
#include "replica/store/in_use.h"
#include "server/organization.h"
#include "server/tended_server.h"
#include "tools/brigada/damage_text.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/grpc_log.h"
#include "tools/brigada/parser_text.h"
#include "tools/brigada/progress_bar.h"
#include "tools/brigada/scope_text.h"
#include "tools/brigada/status_text.h"
#include "tools/server/server_text.h"

namespace brigada {
namespace {

constexpr absl::Duration kShutdownPatience = absl::Seconds(20);
constexpr absl::Duration kTendEvery = absl::Seconds(1);

std::string Text(absl::string_view spanish, absl::string_view english) {
  return std::string(Say(spanish, english));
}

int Fail(const absl::Status& status) {
  std::cerr << "brigada-server: " << ServerStatusText(status) << "\n";
  return ExitCodeOf(status);
}

struct Flags {
  std::string directory;
  InitOptions init;
  std::string invitation_file;
  UserInvitation invite{
      .user = {}, .role = "administrator", .scopes = {"MX"}, .invited_by = "brigada-server invite"};
  ServerOptions serve;
  std::string port_file;
  std::string backup;
};

// Prints the invitation, or writes it where only the owner reads it.
int HandOver(const std::string& invitation, const std::string& file) {
  if (file.empty()) {
    std::cout << invitation << "\n";
    return kExitOk;
  }
  const absl::Status written = WriteSecretFile(file, invitation + "\n", IfFileExists::kRefuse);
  if (written.ok()) return kExitOk;
  // It cannot be made a second time: better on the screen than lost.
  std::cout << invitation << "\n";
  std::cerr << Text("Guarde la invitación que se ve arriba.", "Keep the invitation printed above.")
            << "\n";
  return Fail(written);
}

// Before anything is made for it.
absl::Status CheckAbsent(const std::string& file) {
  std::error_code error;
  if (file.empty() || !std::filesystem::exists(file, error)) return absl::OkStatus();
  return SaidError(absl::StatusCode::kAlreadyExists,
                   absl::StrCat(file, Text(" ya existe: dé a --invitation-file un archivo nuevo",
                                           " exists: name a new file with --invitation-file")));
}

int Init(Flags& flags) {
  flags.init.directory = flags.directory;
  const absl::Status vacant = CheckAbsent(flags.invitation_file);
  if (!vacant.ok()) return Fail(vacant);
  const absl::StatusOr<std::string> invitation =
      InitOrganization(flags.init, SystemClock(), SystemRandom());
  if (!invitation.ok()) return Fail(invitation.status());
  const int exit_code = HandOver(*invitation, flags.invitation_file);
  std::cerr << Text(
                   "Organización lista. La invitación del primer administrador vale 30 días; úsela "
                   "con: brigada enrol",
                   "Organization ready. The first administrator's invitation is good for 30 days; "
                   "use it with: brigada enrol")
            << "\n"
            << Text("Arranque el servidor con: brigada-server serve --dir ",
                    "Start the server with: brigada-server serve --dir ")
            << flags.directory << "\n";
  return exit_code;
}

// As `brigada invite` takes them: paths, keys and names.
absl::Status MakePaths(std::vector<std::string>* scopes) {
  for (std::string& text : *scopes) {
    ASSIGN_OR_RETURN(const Scope scope, ScopeFromText(text));
    text = scope.path();
  }
  return absl::OkStatus();
}

int Invite(const Flags& flags) {
  const absl::Status vacant = CheckAbsent(flags.invitation_file);
  if (!vacant.ok()) return Fail(vacant);
  UserInvitation invite = flags.invite;
  const absl::Status places = MakePaths(&invite.scopes);
  if (!places.ok()) return Fail(places);
  absl::StatusOr<std::unique_ptr<Organization>> organization =
      OpenOrganization(flags.directory, SystemClock(), SystemRandom());
  if (IsInUse(organization.status())) {
    return Fail(SaidError(
        absl::StatusCode::kUnavailable,
        Text("un servidor usa este directorio: invite desde el dispositivo de un administrador "
             "(brigada invite); si ya no hay ninguno, detenga el servidor y repita esta orden",
             "a server runs on this directory: invite from an administrator's device (brigada "
             "invite); if there is none left, stop the server and run this again")));
  }
  if (!organization.ok()) return Fail(organization.status());
  const absl::StatusOr<std::string> invitation =
      InviteUser(**organization, invite, SystemClock().Now(), SystemRandom());
  if (!invitation.ok()) return Fail(invitation.status());
  return HandOver(*invitation, flags.invitation_file);
}

// The port that was taken, for whoever started the server with port 0. Not OK: nobody could read
// it.
absl::Status TellPort(const std::string& path, int port) {
  if (path.empty()) return absl::OkStatus();
  std::FILE* const file = std::fopen(path.c_str(), "we");
  if (file != nullptr && std::fprintf(file, "%d\n", port) >= 0 && std::fclose(file) == 0)
    return absl::OkStatus();
  return SaidError(absl::StatusCode::kFailedPrecondition,
                   absl::StrCat(Text("No se puede escribir ", "Cannot write "), path));
}

// Until one of `signals`, which is returned, or 0 after `period`.
int WaitForSignal(const sigset_t& signals, absl::Duration period) {
  const timespec longest = absl::ToTimespec(period);
  const int signal = sigtimedwait(&signals, nullptr, &longest);
  return signal < 0 ? 0 : signal;
}

int Serve(const Flags& flags) {
  // Blocked before any thread starts, so that only the wait below receives them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // Somebody who runs one of the other commands gets its sentences instead.
  SetMinLogLevel(LogLevel::kInfo);
  const auto open = [&flags] {
    return OpenOrganization(flags.directory, SystemClock(), SystemRandom());
  };
  absl::StatusOr<std::unique_ptr<TendedServer>> server =
      TendedServer::Start(open, flags.serve, TendingOptions(), SystemClock(), SystemRandom());
  if (!server.ok()) return Fail(server.status());
  std::cerr << Text("Escuchando en el puerto ", "Listening on port ") << (*server)->port() << "\n";
  const absl::Status told = TellPort(flags.port_file, (*server)->port());
  if (!told.ok()) return Fail(told);
  int signal = 0;
  while ((signal = WaitForSignal(signals, kTendEvery)) == 0) {
    const absl::Status tended = (*server)->Tend();
    if (!tended.ok()) return Fail(tended);
  }
  Log(LogLevel::kInfo, "shutting down", {{"signal", signal}});
  (*server)->Shutdown(kShutdownPatience);
  return kExitOk;
}

ProgressStyle StyleOfStderr() {
  return isatty(STDERR_FILENO) != 0 ? ProgressStyle::kBar : ProgressStyle::kLastWord;
}

int Restore(const Flags& flags) {
  absl::StatusOr<std::string> old = absl::UnknownError("not restored");
  {
    ProgressBar bar(&std::cerr, StyleOfStderr(),
                    Text("Copiando el respaldo", "Copying the backup"));
    uint64_t copied = 0;
    old = RestoreOrganization(flags.directory, flags.backup, SystemClock(), SystemRandom(),
                              [&](uint64_t done, uint64_t total) {
                                copied = done;
                                bar.Update(done, total, ByteCount(done));
                              });
    if (old.ok()) bar.Finish(ByteCount(copied));
  }
  if (!old.ok()) return Fail(old.status());
  std::cerr << Text("Respaldo en su lugar, con una época nueva: los dispositivos lo notarán solos.",
                    "Backup in place, with a new epoch: devices will notice by themselves.")
            << "\n";
  if (!old->empty()) {
    std::cerr << Text("El almacén anterior quedó en ", "The old store is at ") << *old << "\n";
  }
  return kExitOk;
}

int Verify(const Flags& flags) {
  const absl::StatusOr<StoreFindings> findings = CheckWithProgress(
      absl::StrCat(flags.directory, "/store"), StoreKind::kAuthority, StyleOfStderr());
  if (!findings.ok()) return Fail(findings.status());
  std::cout << Text("Registros: ", "Records: ") << findings->records << "\n"
            << Text("Entradas de búsqueda: ", "Index entries: ") << findings->index_entries << "\n"
            << Text("Entradas para los dispositivos: ", "Entries for devices: ")
            << findings->feed_entries << "\n"
            << Text("Bytes leídos: ", "Bytes read: ") << findings->bytes << "\n"
            << Text("Daños: ", "Damages: ") << findings->damages << "\n";
  const absl::Status judged =
      JudgeFindings(*findings, StoreKind::kAuthority,
                    [](absl::string_view sentence) { std::cerr << sentence << "\n"; });
  return judged.ok() ? kExitOk : Fail(judged);
}

void AddInit(CLI::App& app, Flags& flags, int& exit_code) {
  CLI::App* const init = app.add_subcommand(
      "init", Text("Crea la organización: almacén, autoridad y primer administrador",
                   "Make the organization: store, certificate authority and first administrator"));
  init->add_option("--organization", flags.init.organization,
                   Text("Nombre de la organización", "The organization's name"))
      ->required();
  init->add_option("--address", flags.init.public_address,
                   Text("Dirección que marcan los dispositivos, host:puerto",
                        "What devices dial, host:port"))
      ->required();
  init->add_option("--name", flags.init.names,
                   Text("Otro nombre o dirección IP del servidor (repetible)",
                        "Another name or IP address of the server (repeatable)"));
  init->add_option("--administrator", flags.init.administrator,
                   Text("Usuario del primer administrador", "User name of the first administrator"))
      ->required();
  init->add_option(
      "--invitation-file", flags.invitation_file,
      Text("Escribe la invitación en este archivo nuevo", "Write the invitation to this new file"));
  init->callback([&] { exit_code = Init(flags); });
}

void AddInvite(CLI::App& app, Flags& flags, int& exit_code) {
  CLI::App* const invite = app.add_subcommand(
      "invite", Text("Invita desde el servidor detenido: para cuando se perdió el dispositivo del "
                     "último administrador",
                     "Invite from the stopped server: for when the last administrator's device "
                     "is lost"));
  invite
      ->add_option("--user", flags.invite.user,
                   Text("Usuario del dispositivo", "User name of the device's owner"))
      ->required();
  invite->add_option("--role", flags.invite.role, Text("Papel", "Role"))->capture_default_str();
  invite
      ->add_option("--scope", flags.invite.scopes,
                   Text("Ámbito (repetible): MX/20/067, su clave o su nombre",
                        "Scope (repeatable): MX/20/067, its key or its name"))
      ->capture_default_str();
  invite->add_option(
      "--invitation-file", flags.invitation_file,
      Text("Escribe la invitación en este archivo nuevo", "Write the invitation to this new file"));
  invite->callback([&] { exit_code = Invite(flags); });
}

void AddServe(CLI::App& app, Flags& flags, int& exit_code) {
  CLI::App* const serve = app.add_subcommand(
      "serve", Text("Atiende hasta recibir SIGINT o SIGTERM", "Serve until SIGINT or SIGTERM"));
  serve
      ->add_option(
          "--listen", flags.serve.listen,
          Text("host:puerto; puerto 0 toma uno libre", "host:port; port 0 takes a free one"))
      ->capture_default_str();
  serve->add_option("--port-file", flags.port_file,
                    Text("Escribe aquí el puerto tomado", "Write the port taken to this file"));
  serve
      ->add_option("--threads", flags.serve.threads,
                   Text("Hilos de las sesiones", "Threads of the sessions"))
      ->check(NumberIn(1, 256))
      ->capture_default_str();
  serve
      ->add_option("--query-threads", flags.serve.query_threads,
                   Text("Consultas a la vez", "Queries at once"))
      ->check(NumberIn(1, 64))
      ->capture_default_str();
  serve
      ->add_option("--max-sessions", flags.serve.admission.max_sessions,
                   Text("Sesiones a la vez", "Sessions at once"))
      ->check(NumberIn(1, 1'000'000))
      ->capture_default_str();
  serve
      ->add_option("--max-new-sessions", flags.serve.admission.max_new_per_second,
                   Text("Sesiones que comienzan por segundo", "Sessions that begin in a second"))
      ->check(NumberIn(1, 100'000))
      ->capture_default_str();
  serve->add_option("--backup-dir", flags.serve.backup_directory,
                    Text("Directorio de los respaldos", "Directory of the backups"));
  serve->add_flag("--reflection", flags.serve.reflection,
                  Text("Publica la lista de servicios (solo desarrollo)",
                       "Publish the list of services (development only)"));
  serve->callback([&] { exit_code = Serve(flags); });
}

int Main(int argc, char** argv) {
  Flags flags;
  int exit_code = kExitOk;
  CLI::App app(Text("Servidor de Brigada", "Brigada's server"), "brigada-server");
  app.formatter(HelpFormatter());
  app.option_defaults()->group(Text("Opciones", "Options"));
  app.set_help_flag("-h,--help", Text("Muestra esta ayuda", "Show this help"))
      ->group(Text("Opciones", "Options"));
  app.require_subcommand(1);
  app.set_config("--config", "",
                 Text("Archivo TOML: dir, y las opciones de serve en la sección [serve]",
                      "TOML file: dir, and serve's options in the section [serve]"))
      ->group(Text("Opciones", "Options"));
  // A key that nobody reads would leave the server listening where it should not.
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.set_version_flag("--version", BRIGADA_VERSION, Text("Muestra la versión", "Show the version"))
      ->group(Text("Opciones", "Options"));
  app.add_option("--dir", flags.directory,
                 Text("Directorio de la organización", "The organization's directory"))
      ->required()
      ->envname("BRIGADA_SERVER_DIR");
  app.fallthrough();
  app.footer(Text("Ejemplos:", "Examples:") +
             "\n  brigada-server init --dir /srv/brigada --organization \"Red Municipalista\" "
             "--address brigada.example.mx:7443 "
             "--administrator ana\n  brigada-server serve --dir /srv/brigada --listen "
             "0.0.0.0:7443\n  brigada-server invite --dir /srv/brigada --user ana\n  "
             "brigada-server restore --dir "
             "/srv/brigada --backup /srv/brigada/backups/20260104T030000Z\n  brigada-server verify "
             "--dir /srv/brigada");
  AddInit(app, flags, exit_code);
  AddInvite(app, flags, exit_code);
  AddServe(app, flags, exit_code);
  CLI::App* const restore = app.add_subcommand(
      "restore", Text("Pone un respaldo en lugar del almacén, con una época nueva",
                      "Put a backup in place of the store, with a new epoch"));
  restore
      ->add_option("--backup", flags.backup,
                   Text("Directorio del respaldo", "The backup's directory"))
      ->required();
  restore->callback([&] { exit_code = Restore(flags); });
  app.add_subcommand(
         "verify", Text("Revisa que el almacén esté completo y sin daños; no cambia nada. El "
                        "servidor debe estar detenido",
                        "Check that the store is whole and undamaged; changes nothing. The server "
                        "must be stopped"))
      ->callback([&] { exit_code = Verify(flags); });
  for (CLI::App* const command : app.get_subcommands([](const CLI::App*) { return true; })) {
    command->group(Text("Comandos", "Commands"));
    for (CLI::Option* const option : command->get_options())
      option->group(Text("Opciones", "Options"));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are not errors.
    if (error.get_exit_code() == 0) return app.exit(error);
    std::cerr << "brigada-server: " << ParseErrorText(app, error) << "\n";
    return kExitUsage;
  }
  return exit_code;
}

}  // namespace
}  // namespace brigada

// CLI11 throws beyond what Main catches only when an option is declared wrongly there.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  // Whatever it writes is people's data or a secret.
  umask(S_IRWXG | S_IRWXO);
  brigada::SilenceGrpc();
  brigada::SetMinLogLevel(brigada::LogLevel::kError);
  return brigada::Main(argc, argv);
}
