// erase: a record's content goes for ever, everywhere (administrator).
#include <memory>
#include <string>

#include "absl/strings/substitute.h"
#include "brigada/administration.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/record_id.h"
#include "tools/brigada/scope_text.h"
#include "tools/brigada/status_text.h"

namespace brigada {
namespace {

struct EraseFlags {
  std::string type;
  std::string id;
  std::string scope;
  bool is_sure = false;
};

// A whole id needs no replica: it may be open elsewhere, and the record need not be in it.
absl::StatusOr<RecordId> IdOf(const CommandLine& line, const RecordType& type,
                              const std::string& text) {
  const absl::StatusOr<RecordId> whole = RecordId::Parse(text);
  if (whole.ok()) return whole;
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  return FindRecord(*replica, type, text, NamedBy::kId);
}

absl::Status Erase(const CommandLine& line, const EraseFlags& flags) {
  ASSIGN_OR_RETURN(const RecordType* const type, TypeByName(flags.type));
  std::string scope;
  if (!flags.scope.empty()) {
    ASSIGN_OR_RETURN(const Scope place, ScopeFromText(flags.scope));
    scope = place.path();
  }
  ASSIGN_OR_RETURN(const RecordId id, IdOf(line, *type, flags.id));
  if (!flags.is_sure) {
    return UsageError(absl::Substitute(
        Say("Esto borra $0 $1 para siempre, aquí y en cada dispositivo, y nadie lo "
            "recupera; confirme con --yes",
            "This erases $0 $1 for ever, here and on each device, and nobody gets "
            "it back; confirm with --yes"),
        type->plural(), id.ToString()));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<Administration> server,
                   Administration::Connect(line.directory()));
  ASSIGN_OR_RETURN(const v1::EraseResponse erased, server->Erase(type->type_id(), id, scope));
  line.Show(
      {{"records", Say("Registros", "Records"), static_cast<int64_t>(erased.records())},
       {"conflicts", Say("Conflictos", "Conflicts"), static_cast<int64_t>(erased.conflicts())},
       {"change_sets", Say("Cambios en cuarentena", "Quarantined change sets"),
        static_cast<int64_t>(erased.change_sets())}});
  line.Note(Say("Borrado en el servidor; cada dispositivo lo borra al sincronizar",
                "Erased on the server; each device erases it when it syncs"));
  return absl::OkStatus();
}

}  // namespace

void AddEraseCommand(CommandLine* line) {
  const auto flags = std::make_shared<EraseFlags>();
  CLI::App* const command =
      line->Add({"erase",
                 Say("Borra para siempre el contenido de un registro (administrador)",
                     "Erase a record's content for ever (administrator)"),
                 {"brigada erase people 0193a5f2-7c00-7abc-8def-001122334455 --yes"}},
                [line, flags] { return Erase(*line, *flags); });
  command->add_option("TYPE", flags->type, std::string(Say("Tipo de registro", "Record type")))
      ->required();
  command
      ->add_option("ID", flags->id,
                   std::string(Say("Identificador, o su comienzo", "Id, or its beginning")))
      ->required();
  command->add_option("--scope", flags->scope,
                      std::string(Say("Lugar, si el servidor aún no conoce el registro",
                                      "Place, when the server does not know the record yet")));
  command->add_flag("--yes", flags->is_sure, std::string(Say("Sí, para siempre", "Yes, for ever")));
}

}  // namespace brigada
