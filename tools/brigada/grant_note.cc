#include "tools/brigada/grant_note.h"

#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "tools/brigada/scope_text.h"

namespace brigada {

void NoteMissingGrant(const CommandLine& line, const Replica& replica, const Scope& scope) {
  const v1::Welcome welcome = replica.last_welcome();
  for (const v1::GrantInfo& grant : welcome.grants()) {
    for (const std::string& path : grant.scopes()) {
      const absl::StatusOr<Scope> granted = Scope::Parse(path);
      if (granted.ok() && granted->Contains(scope)) return;
    }
  }
  if (welcome.user().empty()) return;
  line.Note(absl::Substitute(
      Say("Ojo: sus permisos no cubren $0 ($1); el servidor lo rechazará mientras no los tenga",
          "Beware: your grants do not cover $0 ($1); the server will refuse it until they do"),
      scope.path(), ScopeName(scope.path())));
}

}  // namespace brigada
