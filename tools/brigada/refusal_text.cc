#include "tools/brigada/refusal_text.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/base/language.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/phrase_match.h"
#include "tools/brigada/scope_text.h"

namespace brigada {
namespace {

struct Reason {
  v1::RefusalReason reason;
  const char* spanish;
  const char* english;
  // What to do next; $0 is the change set's number.
  const char* spanish_way;
  const char* english_way;
};

constexpr char kCorrectEs[] = "Corríjalo y envíelo: brigada rejected edit $0 --json -";
constexpr char kCorrectEn[] = "Correct it and send it: brigada rejected edit $0 --json -";
constexpr char kDropEs[] =
    "Guárdelo con brigada rejected export, regístrelo de nuevo si hace falta, y quítelo: brigada "
    "rejected discard $0";
constexpr char kDropEn[] =
    "Keep it with brigada rejected export, register it anew if needed, and drop it: brigada "
    "rejected discard $0";

constexpr Reason kReasons[] = {
    {v1::NOT_GRANTED, "usted no tiene permiso en ese lugar", "you have no grant for that place",
     "Pida el permiso a quien administra y envíelo otra vez: brigada rejected retry $0",
     "Ask your administrator for the grant and send it again: brigada rejected retry $0"},
    {v1::UNKNOWN_RECORD, "el servidor no tiene ese registro, o usted no puede verlo",
     "the server does not have that record, or you may not see it",
     "Si su alta también está en esta lista, resuélvala primero; si perdió el permiso de su lugar, "
     "se envía solo cuando lo tenga otra vez; o a mano: brigada rejected retry $0",
     "If its creation is in this list too, settle that first; if you lost the grant for its place, "
     "it goes by itself once you have it again; or by hand: brigada rejected retry $0"},
    {v1::DELETED_RECORD, "el registro ya estaba borrado", "the record was deleted already", kDropEs,
     kDropEn},
    {v1::INVALID_VALUE, "un valor no sirve", "a value will not do", kCorrectEs, kCorrectEn},
    {v1::UNKNOWN_REFERENCE, "apunta a un registro que no existe",
     "it points to a record that does not exist",
     "Registre primero aquello a lo que apunta, o corríjalo: brigada rejected edit $0 --json -",
     "Register what it points to first, or correct it: brigada rejected edit $0 --json -"},
    {v1::ILLEGAL_TRANSITION, "desde el estado en que está no se puede pasar a ese",
     "it cannot go to that state from the one it is in",
     "Sincronice, vea el estado con brigada show, y quítelo: brigada rejected discard $0",
     "Sync, see the state with brigada show, and drop it: brigada rejected discard $0"},
    {v1::ALREADY_SET, "ese dato se escribe una sola vez y ya estaba escrito",
     "that value is written once and was written already",
     "Si el que está es el equivocado, avise a su coordinación; si no: brigada rejected discard $0",
     "If the one that stands is wrong, tell your coordinator; else: brigada rejected discard $0"},
    {v1::WRONG_SCOPE, "el lugar no existe o no es de un nivel permitido para ese tipo",
     "the place does not exist or is not of a level that this type allows",
     "Búsquelo con brigada territories y corríjalo: brigada rejected edit $0 --scope LUGAR",
     "Look it up with brigada territories and correct it: brigada rejected edit $0 --scope PLACE"},
    {v1::SERVER_WRITTEN, "ese tipo solo lo escribe el servidor", "only the server writes that type",
     "Quítelo: brigada rejected discard $0", "Drop it: brigada rejected discard $0"},
    {v1::TOO_LARGE, "es demasiado grande para el servidor", "it is too large for the server",
     "Repártalo en varios registros, o acórtelo: brigada rejected edit $0 --json -",
     "Split it into several records, or shorten it: brigada rejected edit $0 --json -"},
    {v1::UNREADABLE_BODY, "el servidor no pudo leer el contenido",
     "the server could not read the content",
     "Actualice brigada y envíelo otra vez: brigada rejected retry $0; si vuelve, pida ayuda",
     "Update brigada and send it again: brigada rejected retry $0; if it comes back, ask for help"},
    {v1::WRONG_ID, "su identificador no corresponde a lo que une",
     "its id does not belong to what it joins", kDropEs, kDropEn},
    {v1::COUNTER_OVERFLOW, "la cuenta no cabe: pasaría del máximo",
     "the count does not fit: it would pass the maximum", kDropEs, kDropEn},
    {v1::LATE_AFTER_REVOCATION, "se hizo cuando su permiso ya había terminado",
     "it was made when your grant had ended already",
     "Pida que le renueven el permiso y envíelo otra vez: brigada rejected retry $0",
     "Ask for the grant to be renewed and send it again: brigada rejected retry $0"},
    {v1::ERASED_RECORD, "el registro se borró para siempre y no se guarda nada de él",
     "the record was erased for good and nothing of it is kept",
     "Quítelo de la lista: brigada rejected discard $0",
     "Take it off the list: brigada rejected discard $0"},
    {v1::NOT_JUDGED, "el servidor falló al revisarlo y lo guarda aparte; no es culpa suya",
     "the server failed at it and keeps it aside; it is no fault of yours",
     "Avise a quien administra (brigada quarantine list); cuando lo arreglen: brigada rejected "
     "retry $0",
     "Tell your administrator (brigada quarantine list); once it is mended: brigada rejected retry "
     "$0"},
    {v1::RELEASED,
     "quien administra ya aplicó lo que usted había enviado antes (lo liberó de la cuarentena)",
     "an administrator has applied what you had sent before (it was released from quarantine)",
     "Si no lo había corregido, quítelo: brigada rejected discard $0; si lo corrigió, haga el "
     "cambio de nuevo con brigada edit",
     "If you had not corrected it, drop it: brigada rejected discard $0; if you had, make the "
     "change anew with brigada edit"},
};

// Details of refusals, as the library words them.
struct Rule {
  const char* pattern;
  const char* spanish;
  const char* english;
};

constexpr Rule kRules[] = {
    {"no grant of this user covers * in the place of this record", "$0", "$0"},
    {"no grant of this user covers * in *", "$0, $1", "$0, $1"},
    {"written after the grant had ended", "", ""},
    {"the server holds too many change sets in quarantine",
     "el servidor ya guarda demasiados aparte", "the server keeps too many aside already"},
    {"the change set is of schema version *, which the server does not know yet",
     "el servidor es más viejo que este programa: se envía solo cuando lo actualicen",
     "the server is older than this program: it goes by itself once the server is updated"},
    {"scope: missing", "falta el lugar", "the place is missing"},
    {"*: missing", "falta $0", "$0 is missing"},
    {"*: longer than *", "$0: pasa de $1 caracteres", "$0: longer than $1 characters"},
    {"*: not a declared value", "$0: no es uno de los valores posibles",
     "$0: not one of the possible values"},
    {"*: not between * and *", "$0: debe estar entre $1 y $2", "$0: must be between $1 and $2"},
    {"*: not an id of 16 bytes", "$0: no es un identificador", "$0: not an id"},
    {"*: not valid UTF-8", "$0: no es texto UTF-8", "$0: not UTF-8 text"},
    {"*: nested too deeply", "$0: tiene demasiados niveles", "$0: has too many levels"},
    {"*: not a time between the years 1 and 9999", "$0: la fecha no existe",
     "$0: there is no such time"},
    {"*: not a local time of the form YYYY-MM-DDTHH:MM",
     "$0: se espera una fecha y hora que exista, como 2026-11-22T18:00",
     "$0: expected a date and time that exists, such as 2026-11-22T18:00"},
    {"*: before the start", "$0: es anterior al inicio", "$0: before the start"},
    {"*: not a time zone such as *", "$0: se espera una zona horaria, como $1",
     "$0: expected a time zone, such as $1"},
    {"*: not a state to start in (*)",
     "$0: un registro nuevo empieza en $1; después se cambia con edit",
     "$0: a new record starts in $1; change it later with edit"},
    {"*: not a date of the calendar", "$0: la fecha no existe", "$0: there is no such date"},
    {"*: not a position on the globe", "$0: la latitud va de -90 a 90 y la longitud de -180 a 180",
     "$0: latitude goes from -90 to 90, longitude from -180 to 180"},
    {"scope: not a level for *", "$0 no se registra en un lugar de ese nivel",
     "$0 is not registered in a place of that level"},
    {"a new record needs a scope", "falta el lugar", "the place is missing"},
    {"the scope is no path", "el lugar está mal escrito", "the place is misspelt"},
    {"the scope lies in another partition than the change set", "el lugar es de otro estado",
     "the place is in another state"},
    {"the scope is in no state", "ese lugar no está en ningún estado", "the place is in no state"},
    {"the other state has a record of this id",
     "en el otro estado hay, o hubo, un registro con el mismo identificador; este sigue donde "
     "estaba",
     "the other state has, or had, a record of the same id; this one stays where it was"},
    {"only the server writes this type", "", ""},
    {"a record of this type is written once", "una corrección es un registro nuevo que lo nombra",
     "a correction is a new record that names it"},
    {"the id is not the one its parts give", "", ""},
    {"a part of the id cannot change", "lo que forma el identificador no cambia",
     "what makes the id never changes"},
    {"field *: more than * elements", "un campo tiene más de $1 elementos",
     "a field has more than $1 elements"},
    {"too many elements", "demasiados elementos en un campo", "too many elements in a field"},
    {"the record would be too large", "", ""},
    {"*: already set", "$0", "$0"},
    {"*: the sum does not fit", "$0", "$0"},
    {"*: no such transition", "$0", "$0"},
};

struct PatternWords {
  const char* pattern;
  const char* spanish;
  const char* english;
};

constexpr PatternWords kPatterns[] = {
    {"\\+[1-9][0-9]{7,14}", "un teléfono con + y lada del país, como +529511234567",
     "a phone number with + and the country's code, such as +529511234567"},
    {"[^@\\s]+@[^@\\s]+\\.[^@\\s]+", "un correo, como ana@ejemplo.mx",
     "an e-mail address, such as ana@example.mx"},
    {"[a-z]{3}", "un código de lengua de tres letras, como spa, mix o zap",
     "a language's code of three letters, such as spa, mix or zap"},
    {"[0-9]{1,4}", "de una a cuatro cifras, como 0412", "one to four digits, such as 0412"},
    {"[A-Z]{4}[0-9]{6}[HMX][A-Z]{5}[0-9A-Z][0-9]", "una CURP de 18 letras mayúsculas y cifras",
     "a CURP of 18 capital letters and digits"},
    {"[A-Z]{6}[0-9]{8}[HMX][0-9]{3}", "una clave de elector de 18 letras mayúsculas y cifras",
     "a voter's key of 18 capital letters and digits"},
    {"[0-9]{2}([0-9]{3}([0-9]{4})?)?", "una clave de INEGI de 2, 5 o 9 cifras",
     "an INEGI key of 2, 5 or 9 digits"},
};

// $0: when to come back.
struct SessionEnd {
  v1::Refused::Reason reason;
  const char* spanish;
  const char* english;
};

constexpr SessionEnd kSessionEnds[] = {
    {v1::Refused::UNKNOWN_DEVICE,
     "El servidor no conoce este dispositivo; su trabajo sigue guardado aquí. Pida otra invitación "
     "a quien administra",
     "The server does not know this device; your work is still saved here. Ask your administrator "
     "for another invitation"},
    {v1::Refused::REVOKED,
     "Quien administra dio de baja este dispositivo: ya no sincroniza, pero lo que hay en él no se "
     "borra. Hable con su coordinación",
     "An administrator revoked this device: it syncs no more, but what it holds is not deleted. "
     "Talk to your coordinator"},
    {v1::Refused::LEASE_EXPIRED,
     "El registro de este dispositivo venció y no se pudo renovar. Repita brigada sync; si sigue "
     "igual, pida ayuda a quien administra",
     "This device's enrolment lapsed and could not be renewed. Repeat brigada sync; if it stays, "
     "ask your administrator"},
    {v1::Refused::PROTOCOL_VERSION,
     "El servidor y este programa hablan versiones distintas. Actualice brigada; su trabajo está "
     "guardado",
     "The server and this program speak different versions. Update brigada; your work is saved"},
    {v1::Refused::MALFORMED_FRAME,
     "El servidor no entendió lo que se le envió. Actualice brigada y repita; si sigue igual, pida "
     "ayuda: nada se perdió",
     "The server did not understand what was sent. Update brigada and repeat; if it stays, ask for "
     "help: nothing is lost"},
    {v1::Refused::FRAME_TOO_LARGE,
     "Lo que se quiso enviar es más grande de lo que el servidor acepta. Actualice brigada y pida "
     "ayuda: nada se perdió",
     "What was to be sent is larger than the server takes. Update brigada and ask for help: "
     "nothing "
     "is lost"},
    {v1::Refused::BAD_SIGNATURE,
     "El servidor no reconoce la firma de este dispositivo: su llave no es la que se inscribió. "
     "Pida "
     "ayuda a quien administra; nada se perdió",
     "The server does not accept this device's signature: its key is not the enrolled one. Ask "
     "your "
     "administrator; nothing is lost"},
    {v1::Refused::FORKED,
     "Este directorio es una copia de otro que ya sincronizó. Repita brigada sync: sigue como un "
     "dispositivo propio, con lo que solo está aquí; si sigue igual, pida ayuda a quien administra",
     "This directory is a copy of another that has synced. Repeat brigada sync: it goes on as a "
     "device of its own, with what is only here; if it stays, ask your administrator"},
    {v1::Refused::BUSY,
     "El servidor está atendiendo a muchos dispositivos. Su trabajo está guardado; repita $0",
     "The server is busy with many devices. Your work is saved; repeat $0"},
    {v1::Refused::SHUTTING_DOWN,
     "El servidor se está deteniendo por mantenimiento. Su trabajo está guardado; repita $0",
     "The server is stopping for maintenance. Your work is saved; repeat $0"},
    {v1::Refused::STALLED,
     "La conexión se atoró y no avanza. Lo que llegó está guardado; repita con mejor señal",
     "The connection stalled and does not move. What arrived is saved; repeat with a better link"},
    {v1::Refused::INTERNAL,
     "El servidor tuvo una falla suya. Su trabajo está guardado; repita más tarde y avise a quien "
     "administra",
     "The server had a fault of its own. Your work is saved; repeat later and tell your "
     "administrator"},
    {v1::Refused::WRONG_REPLICA,
     "El certificado de este directorio es de otro dispositivo. No copie archivos entre "
     "dispositivos: inscriba este con su propia invitación",
     "This directory's certificate is another device's. Do not copy files between devices: enrol "
     "this one with an invitation of its own"},
};

// Where one reason has several causes: what the server says of it, and the sentence in place of the
// reason's.
struct SessionEndCause {
  const char* words;
  const char* spanish;
  const char* english;
};

constexpr SessionEndCause kSessionEndCauses[] = {
    {"BUSY: the server's disk is full",
     "El disco del servidor está lleno: avise a quien administra. Su trabajo está guardado; repita "
     "$0",
     "The server's disk is full: tell your administrator. Your work is saved; repeat $0"},
    {"SHUTTING_DOWN: the server's store failed",
     "Falló el almacén del servidor, que lo abre otra vez; si sigue así, avise a quien administra. "
     "Su trabajo está guardado; repita $0",
     "The server's store failed and is being opened again; if this goes on, tell your "
     "administrator. Your work is saved; repeat $0"},
    {"SHUTTING_DOWN: grants have changed",
     "Cambió lo que se permite a usted o a este dispositivo, y hay que empezar otra vez. Su "
     "trabajo "
     "está guardado; repita $0",
     "What you or this device may do has changed, and the session has to begin again. Your work is "
     "saved; repeat $0"},
    {"SHUTTING_DOWN: another session of this device has begun",
     "Este dispositivo empezó otra sincronización y el servidor cerró esta (si no fue usted, hay "
     "otra copia de este directorio). Su trabajo está guardado; repita $0",
     "This device began another sync and the server closed this one (if it was not you, there is "
     "another copy of this directory). Your work is saved; repeat $0"},
    {"SHUTTING_DOWN: the server went back",
     "El servidor volvió a un respaldo y hay que empezar otra vez. Su trabajo está guardado; "
     "repita "
     "$0",
     "The server went back to a backup and the session has to begin again. Your work is saved; "
     "repeat $0"},
    {"SHUTTING_DOWN: the session has lasted its time",
     "La sesión duró lo que dura una y hay que empezar otra. Su trabajo está guardado; repita $0",
     "The session has lasted its time and another one has to begin. Your work is saved; repeat $0"},
};

// Why a session ended, as the device (a stall) or the server words it.
constexpr Rule kCauses[] = {
    {"the connection takes no frame", "no sale nada", "nothing gets out"},
    {"no welcome from the server", "el servidor no contesta", "the server does not answer"},
    {"no answer to pings", "el servidor dejó de contestar", "the server stopped answering"},
    {"no answer to a repair", "el servidor no contesta qué difiere",
     "the server does not answer what differs"},
    {"no verdicts from the server", "el servidor no confirma lo enviado",
     "the server does not confirm what was sent"},
    {"no batches from the server", "no llega lo de los demás", "others' work does not arrive"},
    {"change sets wait though the server answers", "el servidor contesta, pero su trabajo no sale",
     "the server answers, but your work does not get out"},
};

// Of "... (retry after 4500 ms)".
std::string WhenText(absl::string_view message) {
  uint64_t ms = 0;
  const auto parts = MatchPhrase(message, "(retry after * ms)");
  if (!parts.has_value() || !absl::SimpleAtoi(parts->front(), &ms))
    return std::string(Say("en unos minutos", "in some minutes"));
  const uint64_t seconds = (ms + 999) / 1000;
  if (seconds <= 1) return std::string(Say("en un segundo", "in a second"));
  if (seconds < 100)
    return FillPhrase(Say("en $0 segundos", "in $0 seconds"), {absl::StrCat(seconds)});
  return FillPhrase(Say("en $0 minutos", "in $0 minutes"), {absl::StrCat((seconds + 59) / 60)});
}

const Reason* Find(v1::RefusalReason reason) {
  for (const Reason& known : kReasons) {
    if (known.reason == reason) return &known;
  }
  return nullptr;
}

// A number as people write it: bounds come as 1e+06.
std::string Written(std::string part) {
  double number = 0;
  const bool has_exponent = part.find('e') != std::string::npos;
  if (!has_exponent || !absl::SimpleAtod(part, &number)) return part;
  return absl::StrFormat("%.15g", number).find('e') == std::string::npos
             ? absl::StrFormat("%.15g", number)
             : part;
}

// "MX/20/208" with its name behind.
std::string Named(std::string part) {
  if (!absl::StartsWith(part, "MX/")) return part;
  const std::string name = ScopeName(part);
  return name == part ? part : absl::StrCat(part, ", ", name);
}

}  // namespace

std::string RuleText(absl::string_view detail) {
  if (const auto parts = MatchPhrase(detail, "*: not of the form *"); parts.has_value()) {
    const absl::optional<std::string> words = PatternText((*parts)[1]);
    return absl::StrCat((*parts)[0], Say(": se espera ", ": expected "),
                        words.value_or((*parts)[1]));
  }
  for (const Rule& rule : kRules) {
    absl::optional<std::vector<std::string>> parts = MatchPhrase(detail, rule.pattern);
    if (!parts.has_value()) continue;
    for (std::string& part : *parts) part = Named(Written(PrintableText(part)));
    return FillPhrase(Say(rule.spanish, rule.english), *parts);
  }
  return PrintableText(detail);
}

std::string RefusalText(const v1::Refusal& refusal) {
  const Reason* const reason = Find(refusal.reason());
  const std::string rule = RuleText(refusal.detail());
  if (reason == nullptr) {
    return absl::StrCat(Say("por una razón que esta versión no conoce",
                            "for a reason that this version does not know"),
                        rule.empty() ? "" : absl::StrCat(" (", rule, ")"));
  }
  const std::string text(Say(reason->spanish, reason->english));
  return rule.empty() ? text : absl::StrCat(text, " (", rule, ")");
}

std::string RefusalsText(const std::vector<v1::Refusal>& refusals) {
  std::vector<std::string> reasons;
  for (const v1::Refusal& refusal : refusals) {
    std::string text = RefusalText(refusal);
    if (reasons.empty() || reasons.back() != text) reasons.push_back(std::move(text));
  }
  return absl::StrJoin(reasons, "; ");
}

std::string RefusalWayOut(v1::RefusalReason reason, absl::string_view number) {
  const Reason* const known = Find(reason);
  const absl::string_view way =
      known == nullptr ? Say("Actualice brigada, o guárdelo con: brigada rejected export ARCHIVO",
                             "Update brigada, or keep it with: brigada rejected export FILE")
                       : Say(known->spanish_way, known->english_way);
  return FillPhrase(way, {std::string(number)});
}

absl::optional<std::string> PatternText(absl::string_view pattern) {
  for (const PatternWords& words : kPatterns) {
    if (pattern == words.pattern) return std::string(Say(words.spanish, words.english));
  }
  return absl::nullopt;
}

std::string SessionEndName(absl::string_view message) {
  for (const SessionEnd& end : kSessionEnds) {
    const std::string& name = v1::Refused::Reason_Name(end.reason);
    if (!absl::StartsWith(message, name)) continue;
    const absl::string_view rest = message.substr(name.size());
    if (rest.empty() || rest[0] == ':' || rest[0] == ' ') return name;
  }
  return "";
}

absl::optional<std::string> SessionEndText(absl::string_view message) {
  for (const SessionEndCause& cause : kSessionEndCauses) {
    if (absl::StartsWith(message, cause.words))
      return FillPhrase(Say(cause.spanish, cause.english), {WhenText(message)});
  }
  const std::string name = SessionEndName(message);
  for (const SessionEnd& end : kSessionEnds) {
    if (v1::Refused::Reason_Name(end.reason) != name) continue;
    const absl::string_view rest = message.substr(name.size());
    std::string text = FillPhrase(Say(end.spanish, end.english), {WhenText(rest)});
    for (const Rule& cause : kCauses) {
      if (absl::StrContains(rest, cause.pattern))
        absl::StrAppend(&text, " (", Say(cause.spanish, cause.english), ")");
    }
    return text;
  }
  return absl::nullopt;
}

}  // namespace brigada
