#include "tools/brigada/status_text.h"

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "replica/base/language.h"
#include "tools/brigada/display_width.h"

namespace brigada {
namespace {

constexpr absl::string_view kSaid = "brigada.said";
constexpr absl::string_view kUnfinished = "brigada.unfinished";

struct Situation {
  absl::StatusCode code;
  // Words of the library's message; empty: any message of the code.
  const char* words;
  const char* spanish;
  const char* english;
};

// The first that fits is said; the library's own words follow in parentheses. Ordered from the most
// particular to the most general.
constexpr Situation kSituations[] = {
    {absl::StatusCode::kFailedPrecondition, "not enrolled",
     "Este dispositivo no está inscrito. Pida una invitación a un administrador y use `brigada "
     "enrol`",
     "This device is not enrolled. Ask an administrator for an invitation and use `brigada enrol`"},
    {absl::StatusCode::kFailedPrecondition, "enrolled already",
     "Esta réplica ya está inscrita. Para otra organización o usuario use otro directorio (--dir)",
     "This replica is enrolled already. Use another directory (--dir) for another organization or "
     "user"},
    {absl::StatusCode::kFailedPrecondition, "newer",
     "La réplica fue escrita por una versión más nueva. Actualice brigada; nada se ha perdido",
     "The replica was written by a newer version. Update brigada; nothing is lost"},
    {absl::StatusCode::kUnavailable, "another process",
     "Otro proceso tiene abierta esta réplica. Ciérrelo, o espere a que termine, y repita",
     "Another process has this replica open. Close it, or wait for it to end, and repeat"},
    {absl::StatusCode::kUnavailable, "open elsewhere",
     "Otro proceso tiene abierta esta réplica. Ciérrelo, o espere a que termine, y repita",
     "Another process has this replica open. Close it, or wait for it to end, and repeat"},
    {absl::StatusCode::kUnavailable, "STALLED",
     "La conexión se quedó sin avanzar. Lo recibido está guardado; vuelva a intentarlo",
     "The connection stopped moving. What arrived is saved; try again"},
    {absl::StatusCode::kUnavailable, "",
     "No hay conexión con el servidor. Su trabajo está guardado aquí; vuelva a intentarlo con "
     "señal",
     "No connection to the server. Your work is saved here; try again when there is a link"},
    {absl::StatusCode::kDeadlineExceeded, "",
     "Se agotó el tiempo. Limite más la consulta, o vuelva a intentarlo",
     "Time ran out. Narrow the query, or try again"},
    {absl::StatusCode::kUnauthenticated, "code",
     "El código de la invitación está equivocado, usado o vencido. Pida otra invitación",
     "The invitation's code is wrong, used or expired. Ask for another invitation"},
    {absl::StatusCode::kUnauthenticated, "",
     "El servidor y este dispositivo no se reconocen: certificado de otra organización, vencido o "
     "revocado. Pida ayuda a su administrador",
     "The server and this device do not accept each other: certificate of another organization, "
     "expired or revoked. Ask your administrator"},
    {absl::StatusCode::kPermissionDenied, "in a query", "La consulta solo lee: use un SELECT",
     "A query only reads: use a SELECT"},
    {absl::StatusCode::kPermissionDenied, "",
     "No tiene permiso para esto. Un administrador puede darlo con `brigada grant`",
     "You may not do this. An administrator can allow it with `brigada grant`"},
    {absl::StatusCode::kInvalidArgument, "not an invitation",
     "Eso no es una invitación completa: empieza con BRG1-. Copie el texto entero o use el archivo",
     "That is not a whole invitation: it starts with BRG1-. Copy all of the text, or use the file"},
    {absl::StatusCode::kInvalidArgument, "", "No se puede hacer así",
     "It cannot be done like this"},
    {absl::StatusCode::kNotFound, "no replica",
     "No hay una réplica en ese directorio. Hágala con `brigada init`, o diga otro con --dir",
     "There is no replica in that directory. Make it with `brigada init`, or name another with "
     "--dir"},
    {absl::StatusCode::kNotFound, "", "No existe aquí", "It does not exist here"},
    {absl::StatusCode::kAlreadyExists, "", "Ya existe, o ya está en marcha",
     "It exists already, or is running already"},
    {absl::StatusCode::kResourceExhausted, "",
     "Se llegó a un límite o el disco está lleno. Libere espacio o haga menos de una vez; lo ya "
     "guardado no se perdió",
     "A limit was reached or the disk is full. Free some space or do less at once; what was saved "
     "is "
     "not lost"},
    {absl::StatusCode::kDataLoss, "",
     "Los datos de la réplica están dañados. No los borre: copie el directorio y pida ayuda",
     "The replica's data is damaged. Do not delete it: copy the directory and ask for help"},
    {absl::StatusCode::kAborted, "", "Otro cambio se adelantó. Repita la operación",
     "Another change came first. Repeat the operation"},
    {absl::StatusCode::kCancelled, "", "Interrumpido; lo hecho está guardado",
     "Interrupted; what was done is saved"},
    {absl::StatusCode::kUnimplemented, "",
     "El servidor no conoce esta operación. Actualice el servidor o brigada",
     "The server does not know this operation. Update the server or brigada"},
    {absl::StatusCode::kFailedPrecondition, "", "Ahora no se puede", "It cannot be done now"},
};

struct Reason {
  v1::RefusalReason reason;
  const char* spanish;
  const char* english;
};

constexpr Reason kReasons[] = {
    {v1::NOT_GRANTED, "sin permiso sobre ese lugar o tipo", "no grant for that place or type"},
    {v1::UNKNOWN_RECORD, "nadie conoce el registro", "nobody knows the record"},
    {v1::DELETED_RECORD, "el registro estaba borrado", "the record was deleted"},
    {v1::INVALID_VALUE, "valor no válido", "invalid value"},
    {v1::UNKNOWN_REFERENCE, "se refiere a un registro que no existe", "refers to a missing record"},
    {v1::ILLEGAL_TRANSITION, "ese cambio de estado no se permite",
     "that change of state is illegal"},
    {v1::ALREADY_SET, "ya tenía valor y no se cambia", "had a value already and keeps it"},
    {v1::WRONG_SCOPE, "lugar desconocido o nivel equivocado", "unknown place or wrong level"},
    {v1::SERVER_WRITTEN, "solo el servidor escribe este tipo", "only the server writes this type"},
    {v1::TOO_LARGE, "demasiado grande", "too large"},
    {v1::UNREADABLE_BODY, "contenido ilegible", "unreadable content"},
    {v1::WRONG_ID, "identificador que no corresponde", "an id that does not belong"},
    {v1::COUNTER_OVERFLOW, "el contador se desborda", "the counter overflows"},
    {v1::LATE_AFTER_REVOCATION, "hecho después de la revocación", "made after the revocation"},
};

}  // namespace

absl::Status SaidError(absl::StatusCode code, absl::string_view text) {
  absl::Status status(code, text);
  status.SetPayload(kSaid, absl::Cord("1"));
  return status;
}

absl::Status UsageError(absl::string_view text) {
  return SaidError(absl::StatusCode::kInvalidArgument, text);
}

std::string StatusText(const absl::Status& status) {
  std::string message = PrintableText(status.message());
  if (status.GetPayload(kSaid).has_value()) return message;
  for (const Situation& situation : kSituations) {
    if (situation.code != status.code() || !absl::StrContains(message, situation.words)) continue;
    if (message.empty()) return absl::StrCat(Say(situation.spanish, situation.english), ".");
    return absl::StrCat(Say(situation.spanish, situation.english), " (", message, ").");
  }
  return absl::StrCat(Say("Falló", "Failed"), " (", absl::StatusCodeToString(status.code()), ": ",
                      message, ").");
}

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitNoConnection;
    case absl::StatusCode::kPermissionDenied:
      return absl::StrContains(status.message(), "in a query") ? kExitUsage : kExitRefused;
    case absl::StatusCode::kUnauthenticated:
      return kExitRefused;
    case absl::StatusCode::kFailedPrecondition:
      return absl::StrContains(status.message(), "not enrolled") ? kExitRefused : kExitFailed;
    default:
      return status.GetPayload(kUnfinished).has_value() ? kExitUnfinished : kExitFailed;
  }
}

absl::Status UnfinishedError(absl::string_view text) {
  absl::Status status = SaidError(absl::StatusCode::kAborted, text);
  status.SetPayload(kUnfinished, absl::Cord("1"));
  return status;
}

std::string RefusalText(const v1::Refusal& refusal) {
  for (const Reason& reason : kReasons) {
    if (reason.reason != refusal.reason()) continue;
    std::string text(Say(reason.spanish, reason.english));
    if (!refusal.detail().empty())
      absl::StrAppend(&text, " (", PrintableText(refusal.detail()), ")");
    return text;
  }
  return PrintableText(refusal.detail());
}

}  // namespace brigada
