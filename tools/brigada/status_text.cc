#include "tools/brigada/status_text.h"

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "replica/base/language.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/phrase_match.h"
#include "tools/brigada/refusal_text.h"

namespace brigada {
namespace {

constexpr absl::string_view kSaid = "brigada.said";
constexpr absl::string_view kUnfinished = "brigada.unfinished";
constexpr absl::string_view kAtServer = "brigada.at_server";

struct Situation {
  // Words of the library's message, with '*' for what varies: phrase_match.h.
  const char* words;
  // $0, $1... are what the '*' stand for.
  const char* spanish;
  const char* english;
};

// The first that fits is said, whatever the code.
constexpr Situation kSituations[] = {
    {"the replica in * is damaged;",
     "La réplica de $0 está dañada. No la borre: rescate lo que no se ha enviado con brigada "
     "recover",
     "The replica in $0 is damaged. Do not delete it: save what is unsent with brigada recover"},
    {"the disk does not read the store in *:",
     "El disco no deja leer el almacén en $0. No lo borre: si es una tarjeta, póngala otra vez; si "
     "sigue igual, copie el directorio a otro disco, lo que se pueda, y rescate allí lo que no se "
     "ha enviado con brigada recover",
     "The disk does not read the store in $0. Do not delete it: if it is a card, put it in anew; "
     "if that does not help, copy the directory to another disk, as much of it as can be read, and "
     "save there what is unsent with brigada recover"},
    {"the disk does not read the server's store in *:",
     "El disco no deja leer el almacén en $0. No lo borre: revise el disco y ponga el último "
     "respaldo en otro con brigada-server restore; los dispositivos envían de nuevo lo que falte",
     "The disk does not read the store in $0. Do not delete it: check the disk and put the last "
     "backup on another one with brigada-server restore; devices send again what is missing"},
    {"the store in * is not there, and * is of a recovery that was cut short",
     "Falta el almacén en $0, y $1 es de un rescate que se interrumpió y no está completo. Ponga "
     "el almacén de nuevo en su lugar y repita brigada recover; si ya no existe, borre $1 y haga "
     "la réplica de nuevo con brigada init",
     "The store in $0 is missing, and $1 is of a recovery that was cut short and is not whole. Put "
     "the store back in its place and repeat brigada recover; if it is gone for good, remove $1 "
     "and make the replica anew with brigada init"},
    // The replica and its directory.
    {"no replica at *; make",
     "No hay una réplica en $0. Hágala con `brigada init`, o diga otro directorio con --dir",
     "There is no replica in $0. Make it with `brigada init`, or name another with --dir"},
    {"there is no store in *",
     "$0 no tiene una réplica completa. Hágala con `brigada init`, o diga otro directorio con "
     "--dir",
     "$0 holds no whole replica. Make it with `brigada init`, or name another with --dir"},
    {"is open in another process",
     "Otro proceso tiene abierta esta réplica (¿un `brigada sync --watch`?). Ciérrelo, o espere a "
     "que termine, y repita",
     "Another process has this replica open (a `brigada sync --watch`?). Close it, or wait for it "
     "to end, and repeat"},
    {"it has format *, this program reads up to format *;",
     "La réplica está en el formato $0 y este programa lee hasta el $1. Actualice brigada; nada se "
     "ha perdido",
     "The replica has format $0 and this program reads up to $1. Update brigada; nothing is lost"},
    {"this is the store of *, not of *;",
     "Ese directorio no es de un dispositivo sino de un servidor, o al revés. Elija otro con --dir",
     "That directory is a server's and not a device's, or the other way. Name another with --dir"},
    {"Options::path is empty",
     "El directorio de la réplica está vacío (--dir o BRIGADA_DIR). Dé uno, o ninguno para usar el "
     "de siempre",
     "The replica's directory is empty (--dir or BRIGADA_DIR). Give one, or none to use the usual "
     "one"},
    {"* is not a directory;", "$0 no es un directorio. Elija otro con --dir",
     "$0 is not a directory. Name another with --dir"},
    {"cannot make *: ",
     "No se puede crear $0. Revise la ruta y sus permisos, o elija otra con --dir",
     "$0 cannot be made. Check the path and its permissions, or name another with --dir"},
    {"cannot use *: Read-only file system;",
     "$0 está en un medio de solo lectura y una réplica se escribe al abrirla. Quítele la "
     "protección, o copie el directorio a un disco en que se pueda escribir y dé ese con --dir",
     "$0 is on a read-only medium, and a replica is written when it is opened. Remove the "
     "protection, or copy the directory to a disk that can be written and name that one with "
     "--dir"},
    {"cannot use *: *;",
     "No se puede usar el directorio $0 ($1): es de otro usuario de este equipo. Entre como él, o "
     "diga otro con --dir",
     "The directory $0 cannot be used ($1): it is another user's of this machine. Log in as that "
     "one, or name another with --dir"},
    {"creating the store's directory: ",
     "No se puede escribir en el directorio de la réplica. Revise sus permisos, o elija otro con "
     "--dir",
     "The replica's directory cannot be written. Check its permissions, or name another with "
     "--dir"},
    {"cannot protect *: ",
     "No se pueden cambiar los permisos de $0. Elija otro directorio con --dir",
     "The permissions of $0 cannot be changed. Name another directory with --dir"},
    {"the store of this replica failed and is opened again",
     "El disco falló al escribir. Revise el disco y su espacio y repita; lo confirmado antes está "
     "guardado",
     "The disk failed a write. Check the disk and its space and repeat; what was confirmed before "
     "is saved"},
    {"the store takes no writes since one failed",
     "El disco falló al escribir y ya no se aceptan cambios. Revise el disco y su espacio y "
     "repita; "
     "lo confirmado antes está guardado",
     "The disk failed a write and no more changes are taken. Check the disk and its space and "
     "repeat; "
     "what was confirmed before is saved"},
    {"the disk is almost full (* MB left of the * MB",
     "El disco está casi lleno: quedan $0 MB y hacen falta $1. Libere espacio y repita; nada de lo "
     "guardado se perdió",
     "The disk is almost full: $0 MB left, $1 are needed. Free some space and repeat; nothing that "
     "was saved is lost"},
    {"No space left on device",
     "El disco está lleno. Libere espacio y repita; nada de lo guardado se perdió",
     "The disk is full. Free some space and repeat; nothing that was saved is lost"},
    {"Disk quota exceeded",
     "Se acabó su cuota de disco. Libere espacio y repita; nada de lo guardado se perdió",
     "Your disk quota is used up. Free some space and repeat; nothing that was saved is lost"},
    {"File too large",
     "El archivo no puede crecer más: hay un límite de tamaño o el disco está lleno. Libere "
     "espacio "
     "y repita; nada de lo guardado se perdió",
     "The file cannot grow: there is a size limit, or the disk is full. Free some space and "
     "repeat; "
     "nothing that was saved is lost"},
    {"identity is damaged",
     "La identidad de este dispositivo está dañada. Pida otra invitación e inscríbalo de nuevo; "
     "sus "
     "registros siguen aquí",
     "This device's identity is damaged. Ask for another invitation and enrol it again; its "
     "records "
     "are still here"},
    // Enrolment and certificates.
    {"its key is missing, damaged or not its certificate's",
     "La llave de este dispositivo (device.key) falta o está dañada. Pida otra invitación e "
     "inscríbalo de nuevo con `brigada enrol`: lo registrado sigue aquí y se enviará",
     "This device's key (device.key) is missing or damaged. Ask for another invitation and enrol "
     "it again with `brigada enrol`: what was registered is still here and will be sent"},
    {"the invitation is another user's than the work in this replica",
     "La invitación es de otra persona que lo registrado aquí. Pida una para la misma, o use otro "
     "directorio (--dir)",
     "The invitation is another person's than the work here. Ask for one for the same person, or "
     "use another directory (--dir)"},
    {"not enrolled",
     "Este dispositivo no está inscrito. Pida una invitación a quien administra y use `brigada "
     "enrol`",
     "This device is not enrolled. Ask your administrator for an invitation and use `brigada "
     "enrol`"},
    {"enrolled already",
     "Esta réplica ya está inscrita. Para otra organización o usuario use otro directorio (--dir)",
     "This replica is enrolled already. Use another directory (--dir) for another organization or "
     "user"},
    {"the invitation is not valid",
     "La invitación está equivocada, ya se usó o venció. Pida otra a quien administra",
     "The invitation is wrong, used or expired. Ask your administrator for another one"},
    {"this is not an invitation",
     "Eso no es una invitación completa: empieza con BRG1-. Copie el texto entero o use el archivo",
     "That is not a whole invitation: it starts with BRG1-. Copy all of the text, or use the file"},
    {"the server at * is not the one",
     "El servidor en $0 no es el que invitó a este dispositivo: su certificado es de otra "
     "organización o de otro nombre. Revise la dirección o pida otra invitación; nada se envió",
     "The server at $0 is not the one that invited this device: its certificate is of another "
     "organization or name. Check the address or ask for another invitation; nothing was sent"},
    {"certificate of another device",
     "El servidor contestó con el certificado de otro dispositivo. Pida otra invitación",
     "The server answered with another device's certificate. Ask for another invitation"},
    {"no device with this key is enrolled",
     "El servidor no conoce este dispositivo; su trabajo sigue guardado aquí. Pida otra invitación "
     "a quien administra",
     "The server does not know this device; your work is still saved here. Ask your administrator "
     "for another invitation"},
    {"an administrator revoked this device",
     "Quien administra dio de baja este dispositivo: ya no sincroniza, pero lo que hay en él no se "
     "borra. Hable con su coordinación",
     "An administrator revoked this device: it syncs no more, but what it holds is not deleted. "
     "Talk to your coordinator"},
    {"this device has * copies already",
     "Este dispositivo ya tiene $0 copias y no puede haber otra: pida a quien administra que dé de "
     "baja las que nadie usa. Su trabajo sigue guardado aquí",
     "This device has $0 copies already and there can be no other: ask your administrator to "
     "revoke those that nobody uses. Your work is still saved here"},
    {"work of another user is not sent yet",
     "Aquí hay trabajo de otra persona sin enviar. Sincronice antes de cambiar de usuario",
     "There is another person's unsent work here. Sync before the user changes"},
    // The link. What broke is told before how: gRPC says then that there is no connection.
    {"the link broke;", "Se cortó la señal. Lo que llegó está guardado; repita y seguirá donde iba",
     "The link broke. What arrived is saved; repeat and it goes on from there"},
    {"no connection to *; what answers there does not speak TLS",
     "No hay conexión con $0: lo que responde ahí no es un servidor de Brigada. Si esta red pide "
     "entrar en una página, entre; si no, revise la dirección o use otra red. Su trabajo está "
     "guardado aquí",
     "No connection to $0: what answers there is no Brigada server. If this network asks to log "
     "in on a page, do so; else check the address or use another network. Your work is saved here"},
    {"no connection to *;",
     "No hay conexión con $0. Su trabajo está guardado aquí; repita cuando haya señal",
     "No connection to $0. Your work is saved here; repeat when there is a link"},
    {"the link is gone",
     "Se cortó la señal. Lo que llegó está guardado; repita y seguirá donde iba",
     "The link was cut. What arrived is saved; repeat and it goes on from there"},
    {"the server closed the session before it was done",
     "El servidor cerró la conexión a la mitad. Lo que llegó está guardado; repita y seguirá donde "
     "iba",
     "The server closed the connection midway. What arrived is saved; repeat and it goes on from "
     "there"},
    {"the round took longer than its deadline",
     "Se acabó el tiempo (--timeout). Lo que llegó está guardado; repita y seguirá donde iba",
     "Time ran out (--timeout). What arrived is saved; repeat and it goes on from there"},
    {"the round used up its byte budget",
     "Se gastaron los bytes permitidos (--byte-budget). Lo que llegó está guardado; la siguiente "
     "sigue donde iba",
     "The bytes allowed (--byte-budget) are spent. What arrived is saved; the next round goes on "
     "from there"},
    {"another session of this replica runs",
     "Ya hay una sincronización de esta réplica en marcha. Espere a que termine",
     "A sync of this replica is running already. Wait for it to end"},
    // Records.
    {"no * with id * here",
     "Aquí no hay un registro de ese tipo con el identificador $1. Véalos con `brigada list`",
     "There is no $0 with id $1 here. See them with `brigada list`"},
    {"*: there is no record *", "$0: aquí no hay un registro $1. Véalos con `brigada list $0`",
     "$0: there is no record $1 here. See them with `brigada list $0`"},
    {"*: there is a record * already",
     "$0: ya hay un registro $1. Cámbielo con: brigada edit $0 $1",
     "$0: there is a record $1 already. Change it with: brigada edit $0 $1"},
    {"*: * was erased for good",
     "$0: $1 se borró para siempre, por derecho de cancelación. No se puede registrar otra vez",
     "$0: $1 was erased for good, by right of cancellation. It cannot be registered again"},
    {"the record is larger than * bytes",
     "El registro pasa de $0 bytes. Acorte sus textos o repártalo en varios",
     "The record is larger than $0 bytes. Shorten its texts or split it into several"},
    {"has more than * elements", "Un campo tiene más de $0 elementos. Deje menos",
     "A field has more than $0 elements. Leave fewer"},
    {"the commit is larger than * bytes",
     "Son demasiados datos de una vez: a lo más $0 bytes. Pártalos",
     "It is too much data at once: $0 bytes at most. Split it"},
    {"the changes lie in two partitions, * and *:",
     "Los cambios son de dos estados, $0 y $1, y van juntos o no van. Hágalos por separado",
     "The changes lie in two states, $0 and $1, and go in together or not at all. Make them apart"},
    {"written once; a correction is a new record",
     "Los registros de ese tipo se escriben una sola vez. Para corregir registre otro que nombre "
     "al "
     "anterior (--corrects ID)",
     "Records of that type are written once. To correct, register another that names it "
     "(--corrects ID)"},
    {"*: the id is derived from it, so it never changes",
     "$0 forma el identificador y no cambia. Borre el registro y haga otro",
     "$0 makes the id and never changes. Delete the record and make another"},
    {"the id is not the one its parts give",
     "El identificador no corresponde a lo que une. Deje que brigada lo calcule",
     "The id does not belong to what it joins. Let brigada work it out"},
    {"only the server writes them", "Ese tipo solo lo escribe el servidor",
     "Only the server writes that type"},
    {"this conflict was decided here and waits to be sent",
     "Ese conflicto ya lo decidió usted aquí y falta enviarlo: brigada sync. Si quiere otro valor, "
     "cámbielo en el registro con: brigada edit",
     "You decided this conflict here already and it waits to be sent: brigada sync. For another "
     "value change the record with: brigada edit"},
    {"the record of this conflict was deleted",
     "El registro de este conflicto se borró o no está aquí: solo puede quedar lo que está. "
     "Ciérrelo con la opción 0 de: brigada conflicts",
     "The record of this conflict was deleted or is not here: only what stands can stay. Close it "
     "with choice 0 of: brigada conflicts"},
    {"this conflict is decided already",
     "Ese conflicto ya se decidió. Véalos con: brigada conflicts",
     "This conflict is decided already. See them with: brigada conflicts"},
    {"this conflict has changed since it was shown",
     "El conflicto cambió desde que usted lo vio y no se decidió nada. Véalo otra vez con: brigada "
     "conflicts",
     "The conflict has changed since you saw it and nothing was decided. Look again with: brigada "
     "conflicts"},
    {"its device has sent it again, and that was accepted",
     "Ya no hace falta: su dispositivo lo envió otra vez y se aceptó",
     "There is no need any more: its device has sent it again, and that was accepted"},
    {"the quarantined change set is damaged",
     "Lo que el servidor guardaba de ese cambio está dañado; está todavía en su dispositivo: "
     "brigada rejected retry",
     "What the server kept of that change is damaged; its device still has it: brigada rejected "
     "retry"},
    {"no rejected change set", "Ese rechazo ya no está. Véalos con: brigada rejected",
     "That rejection is gone. See them with: brigada rejected"},
    // SQL.
    {"not allowed in a query: changing data", "Una consulta solo lee: use un SELECT",
     "A query only reads: use a SELECT"},
    {"not allowed in a query: the function *",
     "Una consulta no puede usar la función $0. Hay las de texto, números, fechas, JSON y "
     "agregados",
     "A query cannot use the function $0. There are those of text, numbers, dates, JSON and "
     "aggregates"},
    {"not allowed in a query: reading SQLite's own tables",
     "Una consulta no lee las tablas internas de SQLite. Use las de registros, como people o "
     "visits",
     "A query does not read SQLite's own tables. Use those of records, such as people or visits"},
    {"not allowed in a query: *",
     "Una consulta no puede usar esto: $0. Use un solo SELECT, con WITH si hace falta",
     "A query cannot use this: $0. Use one SELECT, with WITH if need be"},
    {"the query took longer than *: narrow",
     "La consulta pasó de $0 y se detuvo. Limítela por id, scope, municipality_key o una columna "
     "con "
     "índice",
     "The query took longer than $0 and was stopped. Narrow it by id, scope, municipality_key or "
     "an "
     "indexed column"},
    {"the query would visit too many rows",
     "La consulta recorrería demasiadas filas. Una cada tabla por un id, una referencia u otra "
     "columna con índice, o limítela por scope, state_key o municipality_key",
     "The query would visit too many rows. Join each table on an id, a reference or another "
     "indexed "
     "column, or narrow it by scope, state_key or municipality_key"},
    {"the query needs more than * MiB",
     "La consulta necesita más de $0 MiB de memoria. Ordene, agrupe o una menos filas de una vez",
     "The query needs more than $0 MiB of memory. Sort, group or join fewer rows at once"},
    {"SQL: only one statement at a time", "Solo una instrucción SQL a la vez",
     "Only one SQL statement at a time"},
    {"SQL: there is no statement", "La consulta está vacía: escriba un SELECT",
     "The query is empty: write a SELECT"},
    {"SQL: the statement is not a SELECT", "Una consulta solo lee: use un SELECT",
     "A query only reads: use a SELECT"},
    {"SQL: the statement has * parameters, * values are given",
     "La consulta tiene $0 signos ? y se dieron $1 valores con --param",
     "The query has $0 question marks and $1 values were given with --param"},
    {"SQL: no such table: *",
     "SQL: no hay una tabla $0. Hay people, visits, events, attendances, headcounts, conflicts y "
     "territories, entre otras",
     "SQL: there is no table $0. There are people, visits, events, attendances, headcounts, "
     "conflicts and territories, among others"},
    {"SQL: no such column: *",
     "SQL: no hay una columna $0. Vea las de una tabla con: SELECT * FROM tabla LIMIT 1",
     "SQL: there is no column $0. See a table's with: SELECT * FROM table LIMIT 1"},
    {"SQL: no such function: *",
     "SQL: no hay una función $0. Hay las de SQLite para texto, números, fechas, JSON y agregados",
     "SQL: there is no function $0. There are SQLite's for text, numbers, dates, JSON and "
     "aggregates"},
    {"SQL: ambiguous column name: *",
     "SQL: varias tablas tienen la columna $0; ponga delante la suya, como people.id",
     "SQL: several tables have the column $0; put its table in front, as in people.id"},
    {"SQL: incomplete input", "SQL: la consulta está incompleta", "SQL: the query is incomplete"},
    {"SQL: near *: syntax error (at character *)", "SQL: mal escrito cerca de $0 (letra $1)",
     "SQL: malformed near $0 (character $1)"},
    {"SQL: search stands only in a condition of its own",
     "SQL: search va en una condición suya: ... AND people.search = 'palabras'",
     "SQL: search stands in a condition of its own: ... AND people.search = 'words'"},
    // Administration.
    {"the administrator role over the scopes concerned",
     "Para esto hace falta el papel de administrador (administrator) en esos lugares. Pídalo a "
     "quien "
     "lo tenga: brigada grant",
     "This needs the administrator role over those places. Ask somebody who has it: brigada grant"},
    {"a backup holds everything",
     "Un respaldo lo contiene todo: hace falta el papel de administrador sobre MX",
     "A backup holds everything: it needs the administrator role over MX"},
    {"a backup named * exists", "Ya hay un respaldo llamado $0. Dé otro nombre",
     "There is a backup named $0 already. Give another name"},
    {"a backup's name has up to * letters",
     "El nombre de un respaldo lleva hasta $0 letras, cifras, '-', '_' y '.', y no empieza con '.'",
     "A backup's name has up to $0 letters, digits, '-', '_' and '.', and does not start with '.'"},
    {"the grant would end before it begins",
     "El permiso terminaría antes de empezar: revise --from "
     "y --until",
     "The grant would end before it begins: check --from and --until"},
    {"a user name has 1 to * bytes", "Un nombre de usuario lleva de 1 a $0 letras",
     "A user name has 1 to $0 letters"},
    {"a user name is text in UTF-8 without control characters",
     "Un nombre de usuario es texto UTF-8 sin caracteres de control. Escríbalo de nuevo; si lleva "
     "acentos, revise la codificación de la terminal",
     "A user name is UTF-8 text without control characters. Type it again; if it has accents, "
     "check "
     "the terminal's encoding"},
    {"the device's name is longer than * bytes", "El nombre del dispositivo pasa de $0 letras",
     "The device's name is longer than $0 letters"},
    {"no grant has this id", "No hay un permiso con ese identificador. Véalos con: brigada grants",
     "No grant has this id. See them with: brigada grants"},
    {"no such device", "No hay un dispositivo con ese identificador. Véalos con: brigada devices",
     "There is no such device. See them with: brigada devices"},
    // Files.
    {"write *: File exists", "$0 ya existe y se dejó como estaba. Muévalo o dé otro nombre",
     "$0 exists and was left as it was. Move it away or give another name"},
    {"write *: *;", "No se puede escribir $0 ($1). Revise la ruta y sus permisos o dé otro nombre",
     "$0 cannot be written ($1). Check the path and its permissions, or give another name"},
    {"read *: *;", "No se puede leer $0 ($1). Revise la ruta y sus permisos",
     "$0 cannot be read ($1). Check the path and its permissions"},
};

// Words of other libraries that stand inside the parts of a situation.
struct Words {
  const char* found;
  const char* spanish;
  const char* english;
};

constexpr Words kWords[] = {
    // SQLite's messages end with the place.
    {"(at character ", "(letra ", "(character "},
    // The operating system's.
    {"No such file or directory", "no existe", "it does not exist"},
    {"Permission denied", "sin permiso", "no permission"},
    {"Operation not permitted", "sin permiso", "no permission"},
    {"Read-only file system", "es de solo lectura", "it is read-only"},
    {"Is a directory", "es una carpeta", "it is a folder"},
    {"Not a directory", "pasa por algo que no es una carpeta", "it goes through what is no folder"},
    {"File name too long", "el nombre es demasiado largo", "the name is too long"},
    {"Input/output error", "el disco falló", "the disk failed"},
};

struct General {
  absl::StatusCode code;
  const char* spanish;
  const char* english;
};

// For what has no sentence of its own; the library's words stand behind.
constexpr General kGenerals[] = {
    {absl::StatusCode::kUnavailable,
     "No hay conexión con el servidor, o un archivo no se pudo abrir. Su trabajo está guardado; "
     "vuelva a intentarlo",
     "No connection to the server, or a file could not be opened. Your work is saved; try again"},
    {absl::StatusCode::kDeadlineExceeded, "Se agotó el tiempo. Vuelva a intentarlo",
     "Time ran out. Try again"},
    {absl::StatusCode::kUnauthenticated,
     "El servidor y este dispositivo no se reconocen. Pida ayuda a quien administra",
     "The server and this device do not accept each other. Ask your administrator"},
    {absl::StatusCode::kPermissionDenied,
     "No tiene permiso para esto. Quien administra puede darlo con `brigada grant`",
     "You may not do this. An administrator can allow it with `brigada grant`"},
    {absl::StatusCode::kInvalidArgument, "No se puede hacer así", "It cannot be done like this"},
    {absl::StatusCode::kNotFound, "No existe aquí", "It does not exist here"},
    {absl::StatusCode::kAlreadyExists, "Ya existe", "It exists already"},
    {absl::StatusCode::kResourceExhausted,
     "Se llegó a un límite. Haga menos de una vez; lo ya guardado no se perdió",
     "A limit was reached. Do less at once; what was saved is not lost"},
    {absl::StatusCode::kDataLoss,
     "Los archivos de la réplica están dañados. No los borre: rescate su trabajo con brigada "
     "recover",
     "The replica's files are damaged. Do not delete them: save your work with brigada recover"},
    {absl::StatusCode::kAborted, "Otro cambio se adelantó. Repita la operación",
     "Another change came first. Repeat the operation"},
    {absl::StatusCode::kCancelled, "Interrumpido; lo hecho está guardado",
     "Interrupted; what was done is saved"},
    {absl::StatusCode::kUnimplemented,
     "El servidor no conoce esta operación. Actualice el servidor o brigada",
     "The server does not know this operation. Update the server or brigada"},
    {absl::StatusCode::kFailedPrecondition, "Ahora no se puede", "It cannot be done now"},
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

absl::Status AtServer(absl::Status status) {
  if (!status.ok()) status.SetPayload(kAtServer, absl::Cord("1"));
  return status;
}

std::string StatusText(const absl::Status& status) {
  const std::string message = PrintableText(status.message());
  if (status.GetPayload(kSaid).has_value()) return message;
  const bool is_about_disk = absl::IsDataLoss(status) || absl::StrContains(message, "the store") ||
                             absl::StrContains(message, "disk") ||
                             absl::StrContains(message, "No space left");
  if (status.GetPayload(kAtServer).has_value() && is_about_disk) {
    absl::Status plain(status.code(), status.message());
    return absl::StrCat(Say("En el servidor: ", "On the server: "), StatusText(plain));
  }
  if (absl::optional<std::string> text = SessionEndText(message); text.has_value())
    return absl::StrCat(*text, ".");
  for (const Situation& situation : kSituations) {
    const auto parts = MatchPhrase(message, situation.words);
    if (!parts.has_value()) continue;
    std::string text = FillPhrase(Say(situation.spanish, situation.english), *parts);
    for (const Words& words : kWords)
      absl::StrReplaceAll({{words.found, Say(words.spanish, words.english)}}, &text);
    return absl::StrCat(text, ".");
  }
  for (const General& general : kGenerals) {
    if (general.code != status.code()) continue;
    const std::string text(Say(general.spanish, general.english));
    return message.empty() ? absl::StrCat(text, ".") : absl::StrCat(text, " (", message, ").");
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
      return kExitNoConnection;
    case absl::StatusCode::kResourceExhausted:
      return absl::StartsWith(status.message(), "BUSY") ? kExitNoConnection : kExitFailed;
    case absl::StatusCode::kDeadlineExceeded:
      return absl::StrContains(status.message(), "the query") ? kExitFailed : kExitNoConnection;
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

}  // namespace brigada
