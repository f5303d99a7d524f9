#include "tools/brigada/headings.h"

#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "replica/base/language.h"

namespace brigada {
namespace {

struct Heading {
  const char* name;
  const char* spanish;
  const char* english = nullptr;  // null: the name
};

constexpr Heading kHeadings[] = {
    {"bytes_received", "bytes recibidos en la última sesión", "bytes received in its last session"},
    {"bytes_sent", "bytes enviados en la última sesión", "bytes sent in its last session"},
    {"enrolled", "inscrito"},
    {"from", "desde"},
    {"grant", "permiso"},
    {"granted_by", "lo dio"},
    {"key", "clave"},
    {"last_sync", "última sincronización"},
    {"latitude", "latitud"},
    {"lease_until", "vale hasta"},
    {"listed_since", "en el catálogo desde"},
    {"longitude", "longitud"},
    {"name", "nombre"},
    {"population", "población"},
    {"number", "número"},
    {"places", "lugares"},
    {"purged", "los quitó el"},
    {"purged_scopes", "lugares que quitó"},
    {"quarantined", "apartado"},
    {"replica", "réplica"},
    {"reason", "motivo"},
    {"revoked", "dado de baja"},
    {"role", "papel"},
    {"scope", "lugar"},
    {"scopes", "lugares"},
    {"state", "estado"},
    {"until", "hasta"},
    {"updated_by", "lo cambió"},
    {"user", "usuario"},
    {"zone", "zona"},
};

}  // namespace

std::vector<std::string> Headings(std::vector<std::string> names, bool for_people) {
  if (!for_people) return names;
  for (std::string& name : names) {
    const std::string english = absl::StrReplaceAll(name, {{"_", " "}});
    for (const Heading& heading : kHeadings) {
      if (name != heading.name) continue;
      name =
          std::string(Say(heading.spanish, heading.english == nullptr ? english : heading.english));
      break;
    }
  }
  return names;
}

}  // namespace brigada
