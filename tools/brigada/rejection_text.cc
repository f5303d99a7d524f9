#include "tools/brigada/rejection_text.h"

#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "tools/brigada/change_text.h"
#include "tools/brigada/refusal_text.h"
#include "tools/brigada/time_text.h"

namespace brigada {
namespace {

// Of what the server keeps in quarantine.
std::string KeptText(const std::string& name) {
  return absl::Substitute(
      Say("El servidor lo tiene guardado y lo aplicará solo cuando llegue el alta de ese registro; "
          "aquí puede copiarlo con brigada rejected export ARCHIVO y quitarlo con brigada rejected "
          "discard $0",
          "The server keeps it and applies it by itself when the creation of that record comes; "
          "here you can copy it with brigada rejected export FILE and drop it with brigada "
          "rejected discard $0"),
      name);
}

}  // namespace

std::string RejectionName(const Rejection& rejection) {
  return ChangeSetName(rejection.partition, rejection.sequence);
}

std::string RejectionReasons(const Rejection& rejection) { return RefusalsText(rejection.reasons); }

std::string RejectionDependsOn(const Rejection& rejection) {
  return rejection.depends_on == 0 ? "" : ChangeSetName(rejection.partition, rejection.depends_on);
}

std::string RejectionWayOut(const Rejection& rejection) {
  if (rejection.waits_for_record) return KeptText(RejectionName(rejection));
  if (rejection.depends_on != 0) {
    return absl::Substitute(
        Say("Depende de $0, que también está en la lista: resuelva ese y este se envía con él",
            "It depends on $0, which is in the list too: settle that one and this one goes along"),
        RejectionDependsOn(rejection));
  }
  if (rejection.waits_for_grant) {
    return absl::Substitute(
        Say("Espera un permiso: pídalo a quien administra; cuando lo tenga se envía solo al "
            "sincronizar, o a mano con: brigada rejected retry $0",
            "It waits for a grant: ask your administrator; once you have it, it goes by itself "
            "with the next sync, or by hand with: brigada rejected retry $0"),
        RejectionName(rejection));
  }
  const v1::RefusalReason reason = rejection.reasons.empty() ? v1::REFUSAL_REASON_UNSPECIFIED
                                                             : rejection.reasons.front().reason();
  return RefusalWayOut(reason, RejectionName(rejection));
}

std::string RejectionSentence(const Rejection& rejection) {
  return absl::Substitute(Say("$0 ($1): no se aceptó $2, porque $3. $4.",
                              "$0 ($1): it was not accepted to $2, because $3. $4."),
                          RejectionName(rejection), TimeText(rejection.refused_at),
                          ChangesText(rejection.content), RejectionReasons(rejection),
                          RejectionWayOut(rejection));
}

}  // namespace brigada
