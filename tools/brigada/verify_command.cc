// verify: reads the whole store and says whether it agrees with itself.
#include <iostream>

#include "absl/strings/str_cat.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/damage_text.h"

namespace brigada {
namespace {

absl::Status Verify(const CommandLine& line) {
  ASSIGN_OR_RETURN(const StoreFindings findings,
                   CheckWithProgress(absl::StrCat(line.directory(), "/store"), StoreKind::kDevice,
                                     line.progress_style()));
  const auto number = [](uint64_t count) { return SqlValue(static_cast<int64_t>(count)); };
  line.Show({{"records", Say("Registros", "Records"), number(findings.records)},
             {"index_entries", Say("Entradas de búsqueda", "Index entries"),
              number(findings.index_entries)},
             {"change_sets", Say("Cambios propios guardados", "Own change sets kept"),
              number(findings.change_sets)},
             {"bytes", Say("Bytes leídos", "Bytes read"), number(findings.bytes)},
             {"damages", Say("Daños", "Damages"), number(findings.damages)}});
  return JudgeFindings(findings, StoreKind::kDevice,
                       [&](absl::string_view sentence) { line.Note(sentence); });
}

}  // namespace

void AddVerifyCommand(CommandLine* line) {
  line->Add({"verify",
             Say("Revisa que lo guardado esté completo y sin daños; no cambia nada",
                 "Check that what is stored is whole and undamaged; changes nothing"),
             {"brigada verify", "brigada verify --format json"}},
            [line] { return Verify(*line); });
}

}  // namespace brigada
