#include "tools/brigada/sync_text.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "replica/base/language.h"
#include "tools/brigada/change_text.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/status_text.h"
#include "tools/brigada/time_text.h"

namespace brigada {
namespace {

// So long ago that nobody wonders any more where the records went.
constexpr absl::Duration kOldNews = absl::Hours(24 * 30);

absl::string_view TakenText(uint64_t records) {
  switch (records) {
    case 0:
      return Say("Lo que aquí hubiera de ahí sale de este dispositivo",
                 "Whatever was here of it leaves this device");
    case 1:
      return Say("Salió de este dispositivo 1 registro, que el servidor conserva",
                 "1 record left this device; the server keeps it");
    default:
      return Say("Salieron de este dispositivo $0 registros, que el servidor conserva",
                 "$0 records left this device; the server keeps them");
  }
}

std::string EndedSentence(const EndedPlace& place, bool has_refused_work) {
  return absl::StrCat(
      absl::Substitute(Say("Su permiso en $0 terminó ($1). ", "Your grant for $0 has ended ($1). "),
                       PlaceText(place.scope), TimeText(place.at)),
      absl::Substitute(TakenText(place.records), WithThousands(place.records)),
      has_refused_work
          ? Say(". Lo suyo que no se aceptó sigue guardado aquí: brigada rejected",
                ". Your own work that was not accepted is still kept here: brigada rejected")
          : "");
}

}  // namespace

std::vector<std::string> EndedSentences(const SyncStatus& status,
                                        absl::Span<const EndedPlace> before) {
  std::vector<std::string> sentences;
  for (const EndedPlace& place : status.ended_places) {
    if (std::find(before.begin(), before.end(), place) == before.end())
      sentences.push_back(EndedSentence(place, status.rejected > 0));
  }
  return sentences;
}

std::vector<std::string> WaitingSentences(const SyncStatus& status) {
  std::vector<std::string> sentences;
  if (status.rejected > 0) {
    sentences.push_back(absl::Substitute(
        status.rejected == 1
            ? Say("El servidor no aceptó 1 cambio suyo; está guardado. Vea por qué y qué hacer: "
                  "brigada rejected",
                  "The server did not accept 1 of your changes; it is kept. See why and what to "
                  "do: "
                  "brigada rejected")
            : Say("El servidor no aceptó $0 cambios suyos; están guardados. Vea por qué y qué "
                  "hacer: "
                  "brigada rejected",
                  "The server did not accept $0 of your changes; they are kept. See why and what "
                  "to "
                  "do: brigada rejected"),
        WithThousands(status.rejected)));
  }
  if (status.open_conflicts > 0) {
    sentences.push_back(absl::Substitute(
        status.open_conflicts == 1
            ? Say("1 dato lo escribieron dos personas a la vez y alguien debe decidir: brigada "
                  "conflicts",
                  "1 value was written by two people at once and somebody has to decide: brigada "
                  "conflicts")
            : Say("$0 datos los escribieron dos personas a la vez y alguien debe decidir: brigada "
                  "conflicts",
                  "$0 values were written by two people at once and somebody has to decide: "
                  "brigada "
                  "conflicts"),
        WithThousands(status.open_conflicts)));
  }
  return sentences;
}

std::string StalledSentence(const SyncStatus& status) {
  return StatusText(absl::UnavailableError(absl::StrCat("STALLED: ", status.stalled)));
}

std::string RetainedText(const SyncStatus& status) {
  if (status.retained == 0) return std::string(Say("nada", "nothing"));
  return absl::Substitute(
      Say("$0, $1 (hasta $2 por estado y $3 días)", "$0, $1 (up to $2 per state and $3 days)"),
      CountText(status.retained, Say("cambio", "change"), Say("cambios", "changes")),
      ByteCount(status.retained_bytes), ByteCount(status.retained_bytes_max),
      absl::ToInt64Hours(status.retained_for) / 24);
}

std::vector<std::string> StatusSentences(const SyncStatus& status, bool is_enrolled) {
  std::vector<std::string> sentences;
  if (!is_enrolled) {
    sentences.emplace_back(
        Say("Este dispositivo aún no está inscrito: lo que registre se guarda aquí. Para "
            "sincronizar pida una invitación y use: brigada enrol",
            "This device is not enrolled yet: what you register is saved here. To sync, ask for an "
            "invitation and use: brigada enrol"));
  }
  if (!status.last_error.empty()) {
    sentences.push_back(absl::Substitute(
        Say("La última sincronización falló ($0): $1", "The last sync failed ($0): $1"),
        TimeText(status.last_error_at),
        StatusText(absl::Status(status.last_error_code, status.last_error))));
  }
  // What failed since hides why the session before was given up.
  if (!status.stalled.empty() && !absl::StartsWith(status.last_error, "STALLED"))
    sentences.push_back(StalledSentence(status));
  for (std::string& sentence : WaitingSentences(status)) sentences.push_back(std::move(sentence));
  // A revoked device cannot send: its last failure says what to do.
  const bool is_revoked = absl::StrContains(status.last_error, "REVOKED") ||
                          absl::StrContains(status.last_error, "revoked this device");
  if (is_enrolled && is_revoked && status.pending > 0) {
    sentences.push_back(absl::Substitute(
        Say("Cambios guardados aquí que ya no se pueden enviar: $0; cópielos a un "
            "archivo con: brigada rejected export --pending ARCHIVO",
            "Changes that are kept here and can no longer be sent: $0; copy them to "
            "a file with: brigada rejected export --pending FILE"),
        WithThousands(status.pending)));
    return sentences;
  }
  if (is_enrolled && status.pending > 0) {
    sentences.push_back(absl::Substitute(
        status.pending == 1
            ? Say("Falta enviar 1 cambio, hecho el $1: brigada sync",
                  "1 change is still to be sent, made on $1: brigada sync")
            : Say("Falta enviar $0 cambios, el más viejo del $1: brigada sync",
                  "$0 changes are still to be sent, the oldest from $1: brigada sync"),
        WithThousands(status.pending), TimeText(status.oldest_pending)));
  }
  if (is_enrolled && !status.consistent && status.last_success != absl::InfinitePast()) {
    sentences.emplace_back(Say("Falta recibir parte de lo de los demás: brigada sync",
                               "Part of the others' work is still to come: brigada sync"));
  }
  if (is_enrolled && status.repair_due) {
    sentences.emplace_back(
        Say("Algo de aquí difiere del servidor; la próxima sincronización lo repara: brigada sync",
            "Something here differs from the server; the next sync repairs it: brigada sync"));
  }
  const auto is_news = [&](const EndedPlace& place) { return absl::Now() - place.at < kOldNews; };
  SyncStatus news = status;
  std::erase_if(news.ended_places, [&](const EndedPlace& place) { return !is_news(place); });
  std::vector<std::string> ended = EndedSentences(news);
  if (sentences.empty()) {
    sentences.emplace_back(status.last_success == absl::InfinitePast()
                               ? Say("Listo para la primera sincronización: brigada sync",
                                     "Ready for the first sync: brigada sync")
                               : Say("Todo lo suyo está en el servidor y nada espera",
                                     "All of your work is on the server and nothing waits"));
  }
  sentences.insert(sentences.begin(), ended.begin(), ended.end());
  return sentences;
}

absl::string_view PhaseText(SyncPhase phase) {
  switch (phase) {
    case SyncPhase::kIdle:
      return Say("terminando", "ending");
    case SyncPhase::kConnecting:
      return Say("conectando", "connecting");
    case SyncPhase::kPushing:
      return Say("enviando", "sending");
    case SyncPhase::kPulling:
      return Say("recibiendo", "receiving");
    case SyncPhase::kLive:
      return Say("en vivo", "live");
    case SyncPhase::kWaiting:
      return Say("en espera del próximo intento", "waiting for the next try");
  }
  return "";
}

std::string MovedText(const SyncState& state) {
  std::string text = absl::Substitute(Say("enviados $0, confirmados $1", "sent $0, confirmed $1"),
                                      WithThousands(state.change_sets_sent),
                                      WithThousands(state.change_sets_confirmed));
  if (state.change_sets_refused > 0) {
    absl::StrAppend(&text, absl::Substitute(Say(", no aceptados $0", ", not accepted $0"),
                                            WithThousands(state.change_sets_refused)));
  }
  absl::StrAppend(
      &text, absl::Substitute(Say(", registros recibidos $0, $1 arriba, $2 abajo",
                                  ", records received $0, $1 up, $2 down"),
                              WithThousands(state.records_received), ByteCount(state.bytes_sent),
                              ByteCount(state.bytes_received)));
  return text;
}

}  // namespace brigada
