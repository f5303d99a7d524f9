#include "tools/brigada/grant_note.h"

#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "replica/store/grant_cover.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/scope_text.h"

namespace brigada {
namespace {

bool Allows(const v1::Welcome& welcome, const RecordType& type, const Scope& scope) {
  return welcome.user().empty() || GrantsCover(welcome, type.type_id(), scope.path());
}

bool CoversPlace(const v1::Welcome& welcome, const Scope& scope) {
  for (const v1::GrantInfo& grant : welcome.grants()) {
    for (const std::string& path : grant.scopes()) {
      const absl::StatusOr<Scope> granted = Scope::Parse(path);
      if (granted.ok() && granted->Contains(scope)) return true;
    }
  }
  return false;
}

}  // namespace

bool NoteMissingGrant(const CommandLine& line, const Replica& replica, const RecordType& type,
                      const Scope& scope) {
  const v1::Welcome welcome = replica.last_welcome();
  if (Allows(welcome, type, scope)) return false;
  const absl::string_view text =
      CoversPlace(welcome, scope)
          ? Say("Ojo: su papel no escribe $2 en $0 ($1); el servidor lo rechazará mientras no "
                "tenga otro",
                "Beware: your role does not write $2 in $0 ($1); the server will refuse it until "
                "you have another")
          : Say("Ojo: sus permisos no cubren $0 ($1); el servidor lo rechazará mientras no los "
                "tenga",
                "Beware: your grants do not cover $0 ($1); the server will refuse it until they "
                "do");
  line.Note(absl::Substitute(text, scope.path(), ScopeName(scope.path()), type.plural()));
  return true;
}

void MissingGrants::Add(const Scope& scope) {
  if (Allows(welcome_, type_, scope)) return;
  if (records_++ == 0) first_ = scope.path();
}

void MissingGrants::Note(const CommandLine& line) const {
  if (records_ == 0) return;
  line.Note(absl::Substitute(
      records_ == 1
          ? Say("Ojo: sus permisos no dejan escribir 1 de las filas registradas ($1, en $2, $3); "
                "el servidor la rechazará mientras no los tenga",
                "Beware: your grants do not let you write 1 of the rows imported ($1, in $2, $3); "
                "the server will refuse it until they do")
          : Say("Ojo: sus permisos no dejan escribir $0 de las filas registradas ($1; la primera, "
                "en $2, $3); el servidor las rechazará mientras no los tenga",
                "Beware: your grants do not let you write $0 of the rows imported ($1; the first "
                "one in $2, $3); the server will refuse them until they do"),
      WithThousands(records_), type_.plural(), first_, ScopeName(first_)));
}

}  // namespace brigada
