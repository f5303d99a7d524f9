// recover: a new store in the place of a damaged one, with the unsent work of the device.
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/substitute.h"
#include "brigada/recovery.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/damage_text.h"
#include "tools/brigada/status_text.h"

namespace brigada {
namespace {

// What is damaged is told first; a store that does not even open has no list.
absl::Status TellDamage(const CommandLine& line) {
  const absl::StatusOr<StoreFindings> findings = CheckWithProgress(
      absl::StrCat(line.directory(), "/store"), StoreKind::kDevice, line.progress_style());
  if (absl::IsDataLoss(findings.status())) {
    line.Note(absl::StrContains(findings.status().message(), "the disk does not read")
                  ? Say("El disco no deja leer el almacén", "The disk does not read the store")
                  : Say("El almacén no se puede abrir", "The store cannot be opened"));
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(findings.status());
  for (const StoreDamage& damage : findings->shown) line.Note(DamageText(damage));
  if (findings->damages > 0) return absl::OkStatus();
  return SaidError(absl::StatusCode::kFailedPrecondition,
                   Say("No hay daños: no hay nada que recuperar, y nada cambió.",
                       "Nothing is damaged: there is nothing to recover, and nothing changed."));
}

// "MX/20 3-5, MX/14 2".
std::string LostText(const RecoveryReport& report) {
  return absl::StrJoin(report.lost_work, ", ", [](std::string* text, const LostWork& lost) {
    absl::StrAppend(text, lost.partition, " ", lost.first);
    if (lost.last != lost.first) absl::StrAppend(text, "-", lost.last);
  });
}

absl::Status TellReport(const CommandLine& line, const RecoveryReport& report) {
  const auto number = [](uint64_t count) { return SqlValue(static_cast<int64_t>(count)); };
  line.Show(
      {{"unsent", Say("Cambios sin enviar recuperados", "Unsent changes recovered"),
        number(report.unsent)},
       {"rejected", Say("Rechazos recuperados", "Rejections recovered"), number(report.rejected)},
       {"retained",
        Say("Enviados que se guardan por si el servidor retrocede",
            "Sent ones kept in case the server goes back"),
        number(report.retained)},
       {"lost", Say("Cambios sin enviar perdidos", "Unsent changes lost"), number(report.lost)},
       {"lost_work", Say("Los perdidos, por su número", "The lost ones, by number"),
        LostText(report)},
       {"whole", Say("Hay una copia completa", "One copy is whole"),
        report.is_whole ? int64_t{1} : int64_t{0}},
       {"damaged_path", Say("Almacén dañado, apartado en", "Damaged store, set aside in"),
        report.damaged_path}});
  if (!report.is_whole) {
    line.Note(
        Say("Las dos copias estaban dañadas: puede faltar lo último que registró. Revíselo, y "
            "guarde el almacén apartado",
            "Both copies were damaged: the last things you registered may be missing. Check "
            "them, and keep the store that was set aside"));
    line.Note(Say("Siga con: brigada sync (trae de nuevo los registros)",
                  "Go on with: brigada sync (brings the records again)"));
    return absl::OkStatus();
  }
  line.Note(absl::Substitute(
      Say("Siga con: brigada sync (trae de nuevo los registros). Cuando todo esté, borre $0: "
          "tiene datos personales",
          "Go on with: brigada sync (brings the records again). When all is there, remove $0: it "
          "holds personal data"),
      report.damaged_path));
  return absl::OkStatus();
}

absl::Status Recover(const CommandLine& line, bool even_if_whole) {
  Options options;
  options.path = line.directory();
  ASSIGN_OR_RETURN(const std::optional<RecoveryReport> cut_short, ResumeRecovery(options));
  if (cut_short.has_value()) {
    line.Note(Say("Un rescate anterior se interrumpió y ya está terminado",
                  "An earlier recovery was cut short; it is finished now"));
    return TellReport(line, *cut_short);
  }
  if (!even_if_whole) RETURN_IF_ERROR(TellDamage(line));
  line.Note(Say("Recuperando el trabajo sin enviar…", "Recovering the unsent work..."));
  ASSIGN_OR_RETURN(const RecoveryReport report, RecoverReplica(options, {.even_if_whole = true}));
  return TellReport(line, report);
}

}  // namespace

void AddRecoverCommand(CommandLine* line) {
  const auto even_if_whole = std::make_shared<bool>(false);
  CLI::App* const command =
      line->Add({"recover",
                 Say("Rescata el trabajo sin enviar de una réplica dañada y la deja lista para "
                     "sincronizar",
                     "Save the unsent work of a damaged replica and make it ready to sync"),
                 {"brigada recover", "brigada --dir /media/tarjeta/brigada recover"}},
                [line, even_if_whole] { return Recover(*line, *even_if_whole); });
  command->add_flag(
      "--force", *even_if_whole,
      std::string(Say("También si no se encuentran daños", "Also when no damage is found")));
}

}  // namespace brigada
