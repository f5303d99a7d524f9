#include "tools/server/server_text.h"

#include "absl/strings/str_cat.h"
#include "replica/base/language.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/phrase_match.h"
#include "tools/brigada/status_text.h"

namespace brigada {
namespace {

struct Situation {
  // Words of the status, with '*' for what varies: phrase_match.h.
  const char* words;
  // $0, $1... are what the '*' stand for.
  const char* spanish;
  const char* english;
};

constexpr char kMisspeltPlaceEs[] = "El lugar está mal escrito: se espera MX, MX/20 o MX/20/067";
constexpr char kMisspeltPlaceEn[] = "The place is misspelt: expected MX, MX/20 or MX/20/067";

// The first that fits is said, whatever the code.
constexpr Situation kSituations[] = {
    // The directory.
    {"* holds no organization; make",
     "$0 no tiene una organización. Hágala con `brigada-server init`, o diga otro directorio con "
     "--dir",
     "$0 holds no organization. Make it with `brigada-server init`, or name another with --dir"},
    {"* holds no organization: copy its keys",
     "$0 no tiene las llaves de una organización. Copie ahí primero ca.pem, ca.key, server.pem, "
     "server.key, cursor.key y address",
     "$0 holds no organization's keys. Copy ca.pem, ca.key, server.pem, server.key, cursor.key and "
     "address there first"},
    {"* holds an organization already;",
     "$0 ya tiene una organización. Elija otro directorio con --dir, o use `brigada-server serve`",
     "$0 holds an organization already. Name another directory with --dir, or run `brigada-server "
     "serve`"},
    {"* is there already and is no organization's",
     "$0 ya existe y sin ca.key no es de una organización. Traiga ca.key de la copia guardada, o "
     "elija otro directorio con --dir",
     "$0 exists and is no organization's without ca.key. Bring ca.key back from the copy in the "
     "safe, or name another directory with --dir"},
    {"is open in another process",
     "Otro proceso usa este directorio: ¿hay un servidor en marcha? Deténgalo y repita",
     "Another process uses this directory: does a server run? Stop it and repeat"},
    {"it has format *, this program reads up to format *;",
     "El almacén está en el formato $0 y este programa lee hasta el $1. Actualice brigada-server; "
     "nada se ha perdido",
     "The store has format $0 and this program reads up to $1. Update brigada-server; nothing is "
     "lost"},
    {"there is no store in *",
     "En $0 no hay un almacén. Traiga el directorio entero, o ponga un respaldo: brigada-server "
     "restore",
     "There is no store in $0. Bring the whole directory, or put a backup in place: brigada-server "
     "restore"},
    {"the store failed * times in a row and is given up; see to the disk and start the server "
     "again: *",
     "El almacén falló $0 veces seguidas y el servidor se detiene. Revise el disco y arranque otra "
     "vez; nada confirmado se ha perdido ($1)",
     "The store failed $0 times in a row and the server ends. See to the disk and start it again; "
     "nothing that was acknowledged is lost ($1)"},
    {"the disk did not confirm what was made",
     "El disco no confirmó lo que se hizo. Repita la misma orden",
     "The disk did not confirm what was made. Run the same command again"},
    {"cannot make *: *; choose another --dir",
     "No se pudo hacer el directorio $0 ($1). Elija otro con --dir, o repita como su dueño",
     "The directory $0 could not be made ($1). Name another with --dir, or repeat as its owner"},
    {"cannot put * in place",
     "No se pudo poner $0 en su lugar; nada quedó a medias. Repita la misma orden",
     "$0 could not be put in place; nothing is left half done. Run the same command again"},
    // Backups and the journal.
    {"no backup at *", "No hay un respaldo en $0. Vea los que hay en el directorio de respaldos",
     "There is no backup at $0. See those in the backups' directory"},
    {"the backup does not open: *",
     "El respaldo no se puede abrir: use otro; el almacén de antes quedó como estaba ($0)",
     "The backup does not open: use another one; the store from before was left as it is ($0)"},
    {"a restore of * was interrupted",
     "Quedó a medias poner un respaldo en $0. Repita la misma orden: brigada-server restore",
     "A restore of $0 was interrupted. Run the same command again: brigada-server restore"},
    {"the key file * is damaged (",
     "El archivo $0 está dañado o no es el de esta organización. Un respaldo no lo tiene: ponga en "
     "su lugar la copia que guardó de los archivos de claves (ca.pem, ca.key, server.pem, "
     "server.key, cursor.key)",
     "The file $0 is damaged or not this organization's. A backup does not hold it: put back the "
     "copy that you keep of the key files (ca.pem, ca.key, server.pem, server.key, cursor.key)"},
    {"the journal * is damaged at byte *:",
     "El diario $0 está dañado en el byte $1. Ponga una copia suya, o muévalo y revise a mano "
     "dispositivos y permisos",
     "The journal $0 is damaged at byte $1. Put back a copy of it, or move it away and check "
     "devices and grants by hand"},
    {"cannot copy * to *: *", "No se pudo copiar $0 en $1 ($2)",
     "$0 could not be copied to $1 ($2)"},
    // What was asked for.
    {"unknown role \"*\"; the roles are *", "--role: no hay un papel «$0»; los que hay: $1",
     "--role: there is no role \"$0\"; there are: $1"},
    {"no place of INEGI's catalogue is *;",
     "--scope: el catálogo no tiene $0. Busque su clave con `brigada territories NOMBRE`",
     "--scope: the catalogue has no $0. Look its key up with `brigada territories NAME`"},
    {"a scope starts with", kMisspeltPlaceEs, kMisspeltPlaceEn},
    {"a scope has at most", kMisspeltPlaceEs, kMisspeltPlaceEn},
    {"a scope is ", kMisspeltPlaceEs, kMisspeltPlaceEn},
    {"a level of a scope is", kMisspeltPlaceEs, kMisspeltPlaceEn},
    {"\"*\" is not an address:",
     "«$0» no es una dirección: se espera host:puerto, como brigada.example.mx:7443, o con IPv6 "
     "[2001:db8::1]:7443",
     "\"$0\" is not an address: expected host:port, such as brigada.example.mx:7443, or with IPv6 "
     "[2001:db8::1]:7443"},
    {"cannot listen on *: its host",
     "No se puede escuchar en $0: el host no es una dirección de esta máquina, u otro programa "
     "tiene el puerto. Elija otro --listen",
     "Cannot listen on $0: its host is no address of this machine, or another program has the "
     "port. "
     "Choose another --listen"},
};

}  // namespace

std::string ServerStatusText(const absl::Status& status) {
  const std::string message = PrintableText(status.message());
  for (const Situation& situation : kSituations) {
    const auto parts = MatchPhrase(message, situation.words);
    if (!parts.has_value()) continue;
    return absl::StrCat(FillPhrase(Say(situation.spanish, situation.english), *parts), ".");
  }
  if (absl::IsDataLoss(status)) {
    return absl::StrCat(Say("Los archivos del servidor están dañados. No los borre: copie el "
                            "directorio y ponga un respaldo con `brigada-server restore` (",
                            "The server's files are damaged. Do not delete them: copy the "
                            "directory and put a backup in place with `brigada-server restore` ("),
                        message, ").");
  }
  return StatusText(status);
}

}  // namespace brigada
