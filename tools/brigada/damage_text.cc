#include "tools/brigada/damage_text.h"

#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/status_text.h"

namespace brigada {
namespace {

absl::string_view KindText(StoreDamage::Kind kind) {
  switch (kind) {
    case StoreDamage::kUnreadable:
      return Say("El disco devuelve otros bytes que los que se escribieron: $0",
                 "The disk gives back other bytes than were written: $0");
    case StoreDamage::kDiskFails:
      return Say("El disco no deja leer: $0", "The disk does not read: $0");
    case StoreDamage::kMalformed:
      return Say("No se puede leer: $0", "It cannot be read: $0");
    case StoreDamage::kIndex:
      return Say("Las búsquedas no corresponden a un registro: $0",
                 "Searches do not fit a record: $0");
    case StoreDamage::kFeed:
      return Say("Los dispositivos no se enterarían bien de un registro: $0",
                 "Devices would not hear rightly of a record: $0");
    case StoreDamage::kCount:
      return Say("La cuenta guardada es otra: $0", "The stored count is another: $0");
    case StoreDamage::kSum:
      return Say("La suma que se compara con el otro lado es otra: $0",
                 "The sum that is compared with the other side is another: $0");
    case StoreDamage::kOutbox:
      return Say("Lo que espera enviarse no está completo: $0",
                 "What waits to be sent is not whole: $0");
  }
  return "$0";
}

absl::string_view WayOut(StoreKind kind) {
  return kind == StoreKind::kDevice
             ? Say("No borre este directorio: brigada recover rescata lo que no se ha enviado, y "
                   "la "
                   "siguiente sincronización trae los registros de nuevo",
                   "Do not delete this directory: brigada recover saves what is unsent, and the "
                   "next sync brings the records again")
             : Say("No borre este directorio. Guarde una copia, revise el disco y ponga el último "
                   "respaldo: brigada-server restore; los dispositivos envían de nuevo lo que "
                   "falte",
                   "Do not delete this directory. Keep a copy of it, check the disk and put the "
                   "last backup in place: brigada-server restore; devices send again what is "
                   "missing");
}

}  // namespace

std::string DamageText(const StoreDamage& damage) {
  std::string where = PrintableText(damage.where);
  where = absl::StrReplaceAll(where, {{"change set", Say("cambio", "change set")},
                                      {"missing", Say("falta", "missing")},
                                      {"stray", Say("sobra", "stray")},
                                      {"malformed", Say("ilegible", "malformed")},
                                      {"chain", Say("cadena rota", "broken chain")},
                                      {"table ", Say("tabla ", "table ")},
                                      {"file", Say("archivo", "file")},
                                      {"head of ", Say("último cambio de ", "head of ")}});
  return absl::Substitute(KindText(damage.kind), where);
}

absl::StatusOr<StoreFindings> CheckWithProgress(const std::string& path, StoreKind kind,
                                                ProgressStyle style) {
  ProgressBar bar(&std::cerr, style, std::string(Say("Revisando", "Checking")));
  const auto note = [](const StoreFindings& findings) {
    return absl::StrCat(
        CountText(findings.records, Say("registro", "record"), Say("registros", "records")), ", ",
        ByteCount(findings.bytes));
  };
  ASSIGN_OR_RETURN(StoreFindings findings,
                   CheckStoreAt(path, kind, Registry::BuiltIn(), [&](const StoreFindings& so_far) {
                     bar.Update(so_far.bytes, 0, note(so_far));
                   }));
  bar.Finish(note(findings));
  return findings;
}

absl::Status JudgeFindings(const StoreFindings& findings, StoreKind kind,
                           const std::function<void(absl::string_view)>& say) {
  if (findings.damages == 0) {
    say(Say("Todo está completo y concuerda", "Everything is whole and agrees"));
    return absl::OkStatus();
  }
  for (const StoreDamage& damage : findings.shown) say(DamageText(damage));
  if (findings.damages > findings.shown.size()) {
    say(absl::Substitute(Say("… y $0 más", "... and $0 more"),
                         CountText(findings.damages - findings.shown.size(), Say("daño", "damage"),
                                   Say("daños", "damages"))));
  }
  return SaidError(
      absl::StatusCode::kDataLoss,
      absl::Substitute(Say("El almacén está dañado ($0). $1", "The store is damaged ($0). $1"),
                       WithThousands(findings.damages), WayOut(kind)));
}

}  // namespace brigada
