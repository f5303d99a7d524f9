// sync: one round, or a live session until Ctrl-C.
#include <unistd.h>
#include <csignal>
#include <ctime>
#include <iostream>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/error_name.h"
#include "tools/brigada/status_text.h"
#include "tools/brigada/sync_text.h"
#include "tools/brigada/verdict_text.h"

namespace brigada {
namespace {

constexpr int64_t kPollNanoseconds = 200'000'000;
constexpr int64_t kSpreadSeconds = 30;

struct SyncFlags {
  bool watch = false;
  bool strict = false;
  std::string server;
  int64_t timeout_seconds = 0;
  uint64_t byte_budget = 0;
  std::optional<int64_t> spread_seconds;
};

// What became of the work that was judged since the last call.
void SayVerdicts(VerdictNews* news, const CommandLine& line) {
  const absl::StatusOr<NewVerdicts> verdicts = news->Take();
  if (!verdicts.ok()) {
    line.Note(StatusText(verdicts.status()));
    return;
  }
  const std::string counts = CountsSentence(verdicts->counts);
  if (!counts.empty()) line.Note(counts);
  for (const std::string& sentence : verdicts->sentences) line.Note(sentence);
  if (verdicts->left_out > 0) {
    line.Note(
        absl::Substitute(Say("Y $0 más así: brigada log", "And $0 more of these: brigada log"),
                         WithThousands(verdicts->left_out)));
  }
}

// And of `before`, what ended since.
absl::Status SayWhatWaits(const Replica& replica, const SyncStatus& before, bool strict,
                          const CommandLine& line) {
  const SyncStatus status = replica.GetSyncStatus();
  for (const std::string& sentence : EndedSentences(status, before.ended_places))
    line.Note(sentence);
  const std::vector<std::string> sentences = WaitingSentences(status);
  for (const std::string& sentence : sentences) line.Note(sentence);
  if (!strict || sentences.empty()) return absl::OkStatus();
  return UnfinishedError(Say("Sincronizado, pero queda algo por resolver",
                             "Synced, but something is left to resolve"));
}

// What cannot be dialled is a mistake, not a lost link.
CLI::Validator HostAndPort() {
  return CLI::Validator(
      [](std::string& value) -> std::string {
        const size_t colon = value.rfind(':');
        uint32_t port = 0;
        const bool is_address = colon != std::string::npos && colon > 0 &&
                                absl::SimpleAtoi(value.substr(colon + 1), &port) && port > 0 &&
                                port <= UINT16_MAX;
        if (is_address) return "";
        return absl::Substitute(
            Say("«$0» no es una dirección: se espera host:puerto, como brigada.example.mx:7443",
                "\"$0\" is not an address: expected host:port, such as brigada.example.mx:7443"),
            CutToWidth(PrintableText(value), 40));
      },
      "");
}

absl::Status SyncOnce(const CommandLine& line, const SyncFlags& flags) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  ProgressBar bar(&std::cerr, line.progress_style(), std::string(Say("Sincronizando", "Syncing")));
  SyncOptions options;
  options.server = flags.server;
  options.byte_budget = flags.byte_budget;
  if (flags.timeout_seconds > 0) options.deadline = absl::Seconds(flags.timeout_seconds);
  const SyncStatus before = replica->GetSyncStatus();
  VerdictNews verdicts(replica.get());
  options.on_progress = [&](const SyncState& state) {
    // Both ways in one measure: verdicts that come and entries that come.
    bar.Update(state.change_sets_confirmed + state.change_sets_refused + state.pulled,
               before.pending + state.pull_total,
               absl::StrCat(PhaseText(state.phase), ", ", MovedText(state)));
  };
  const absl::StatusOr<SyncReport> report = replica->Sync(options);
  if (!report.ok()) {
    // What was judged before the link broke is judged.
    SayVerdicts(&verdicts, line);
    return report.status();
  }
  const SyncState& totals = report->totals;
  bar.Finish(absl::Substitute(Say("listo en $0 ms", "done in $0 ms"),
                              absl::ToInt64Milliseconds(report->elapsed)));
  const auto number = [](uint64_t count) { return SqlValue(static_cast<int64_t>(count)); };
  line.Show(
      {{"change_sets_sent", Say("Cambios enviados", "Change sets sent"),
        number(totals.change_sets_sent)},
       {"change_sets_confirmed", Say("Confirmados", "Confirmed"),
        number(totals.change_sets_confirmed)},
       {"change_sets_refused", Say("No aceptados", "Not accepted"),
        number(totals.change_sets_refused)},
       {"records_received", Say("Registros recibidos", "Records received"),
        number(totals.records_received)},
       {"bytes_sent", Say("Bytes enviados", "Bytes sent"), number(totals.bytes_sent)},
       {"bytes_received", Say("Bytes recibidos", "Bytes received"), number(totals.bytes_received)},
       {"milliseconds", Say("Milisegundos", "Milliseconds"),
        absl::ToInt64Milliseconds(report->elapsed)},
       {"connections", Say("Conexiones", "Connections"), int64_t{report->connections}}});
  SayVerdicts(&verdicts, line);
  return SayWhatWaits(*replica, before, flags.strict, line);
}

// Whether trying again by itself cannot help: somebody has to do something first. A lapsed lease is
// renewed by one of the next tries.
bool NeedsSomebody(const absl::Status& failure) {
  return !failure.ok() && ExitCodeOf(failure) == kExitRefused &&
         ErrorName(failure) != "LEASE_EXPIRED";
}

// A live session until one of `signals` comes. The failure that ended it, if one did.
absl::Status Watch(Replica* replica, const SyncOptions& options, const sigset_t& signals,
                   const CommandLine& line) {
  // What failed before this program ran is no news.
  absl::Time last_error_at = replica->GetSyncStatus().last_error_at;
  replica->StartSync(options);
  line.Note(Say("Sincronización en vivo; Ctrl-C para terminar", "Live sync; Ctrl-C to end"));
  ProgressBar bar(&std::cerr, line.progress_style(), std::string(Say("En vivo", "Live")));
  SyncPhase last_phase = SyncPhase::kIdle;
  SyncState session;
  VerdictNews verdicts(replica);
  uint64_t judged = 0;
  absl::Status failure;
  const timespec pause = {0, kPollNanoseconds};
  while (!NeedsSomebody(failure) && sigtimedwait(&signals, nullptr, &pause) < 0) {
    const SyncStatus status = replica->GetSyncStatus();
    bar.Update(0, 0,
               absl::StrCat(PhaseText(status.phase), ", ", MovedText(status.session), ", ",
                            Say("por enviar ", "pending "), status.pending));
    // Where there is no bar, a line per change of phase.
    if (line.progress_style() != ProgressStyle::kBar && status.phase != last_phase)
      line.Note(absl::StrCat(PhaseText(status.phase), ": ", MovedText(status.session)));
    last_phase = status.phase;
    session = status.session;
    const uint64_t judged_now = session.change_sets_confirmed + session.change_sets_refused;
    if (judged_now != std::exchange(judged, judged_now)) SayVerdicts(&verdicts, line);
    if (status.last_error.empty()) failure = absl::OkStatus();
    if (status.last_error.empty() || status.last_error_at == last_error_at) continue;
    last_error_at = status.last_error_at;
    absl::Status latest(status.last_error_code, status.last_error);
    if (latest != failure && !NeedsSomebody(latest)) line.Note(StatusText(latest));
    failure = std::move(latest);
  }
  replica->StopSync();
  bar.Finish(MovedText(session));
  SayVerdicts(&verdicts, line);
  return NeedsSomebody(failure) ? failure : absl::OkStatus();
}

absl::Status SyncWatch(const CommandLine& line, const SyncFlags& flags) {
  if (flags.timeout_seconds > 0 || flags.byte_budget > 0) {
    return UsageError(
        Say("--timeout y --byte-budget limitan una ronda y no van con --watch, que sigue hasta "
            "Ctrl-C: quite uno u otro",
            "--timeout and --byte-budget bound one round and do not go with --watch, which goes on "
            "until Ctrl-C: leave out one or the other"));
  }
  // Blocked before the library starts threads, so that only the wait below receives them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  SyncOptions options;
  options.server = flags.server;
  // Somebody at a terminal waits for it. What a program starts may start everywhere at once, when
  // the power comes back.
  const bool is_watched = isatty(STDERR_FILENO) != 0;
  options.initial_spread =
      absl::Seconds(flags.spread_seconds.value_or(is_watched ? 0 : kSpreadSeconds));
  options.begins_at_once = options.initial_spread == absl::ZeroDuration();
  const SyncStatus before = replica->GetSyncStatus();
  RETURN_IF_ERROR(Watch(replica.get(), options, signals, line));
  return SayWhatWaits(*replica, before, flags.strict, line);
}

}  // namespace

void AddSyncCommand(CommandLine* line) {
  const auto flags = std::make_shared<SyncFlags>();
  CLI::App* const command = line->Add(
      {"sync",
       Say("Envía lo de aquí y recibe lo de allá", "Send what is here, receive what is there"),
       {"brigada sync", "brigada sync --watch", "brigada sync --timeout 60 --strict"}},
      [line, flags] { return flags->watch ? SyncWatch(*line, *flags) : SyncOnce(*line, *flags); });
  const auto text = [](absl::string_view spanish, absl::string_view english) {
    return std::string(Say(spanish, english));
  };
  command->add_flag("--watch", flags->watch,
                    text("Sigue en vivo hasta Ctrl-C", "Stay live until Ctrl-C"));
  command->add_flag("--strict", flags->strict,
                    text("Sale con 6 si queda algo por resolver",
                         "Exit with 6 when something is left to resolve"));
  command
      ->add_option("--spread", flags->spread_seconds,
                   text("Con --watch: el primer intento, en algún momento de estos segundos "
                        "(30; 0 en una terminal)",
                        "With --watch: the first try at some time within these seconds (30; 0 on "
                        "a terminal)"))
      ->check(NumberIn(0, 86'400));
  command
      ->add_option("--server", flags->server,
                   text("host:puerto en lugar del de la invitación",
                        "host:port instead of the invitation's"))
      ->check(HostAndPort());
  command
      ->add_option("--timeout", flags->timeout_seconds,
                   text("Segundos como máximo", "Seconds at most"))
      ->check(NumberIn(1, 1'000'000'000));
  command
      ->add_option("--byte-budget", flags->byte_budget,
                   text("Se detiene tras estos bytes", "Stop after this many bytes"))
      ->check(NumberIn(1, 1'000'000'000'000));
}

}  // namespace brigada
