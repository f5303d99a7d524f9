// add, edit, show, delete: any record type, by flags made from its descriptor or by JSON.
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "replica/base/limits.h"
#include "replica/base/status_macros.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/field_flags.h"
#include "tools/brigada/grant_note.h"
#include "tools/brigada/record_check.h"
#include "tools/brigada/record_id.h"
#include "tools/brigada/record_json.h"
#include "tools/brigada/scope_text.h"
#include "tools/brigada/status_text.h"
#include "tools/brigada/time_text.h"

namespace brigada {
namespace {

using google::protobuf::Message;

constexpr size_t kMaxJsonBytes = size_t{16} << 20;

struct RecordFlags {
  std::string type;
  std::string id;
  std::string scope;
  std::string municipality;
  std::string json;
  CLI::App* command = nullptr;

  bool has_scope() const { return !scope.empty() || !municipality.empty(); }
};

absl::StatusOr<Scope> ScopeOf(const RecordFlags& flags) {
  if (!flags.scope.empty() && !flags.municipality.empty()) {
    return UsageError(
        Say("Use --scope o --municipality, no los dos", "Use --scope or --municipality, not both"));
  }
  if (!flags.scope.empty()) return ScopeFromText(flags.scope);
  if (!flags.municipality.empty()) return ScopeFromMunicipality(flags.municipality);
  return UsageError(
      Say("¿De qué lugar? Use --scope MX/20/067 o --municipality 'San Juan Mixtepec'",
          "Of which place? Use --scope MX/20/067 or --municipality 'San Juan Mixtepec'"));
}

// Of a type whose id comes from its parts: the scope of the record that the first part names.
absl::StatusOr<Scope> ScopeOfFirstPart(const Replica& replica, const RecordType& type,
                                       const Message& record) {
  const FieldType& part = *type.derived_from().front();
  ASSIGN_OR_RETURN(const RecordId id,
                   RecordId::FromBytes(record.GetReflection()->GetString(record, part.descriptor)));
  const std::unique_ptr<Message> named = part.references->NewMessage();
  RecordInfo info;
  RETURN_IF_ERROR(replica.ReadMessage(id, named.get(), &info));
  return info.scope;
}

absl::StatusOr<Json> ReadJson(const std::string& file) {
  ASSIGN_OR_RETURN(const std::string text, ReadText(file, kMaxJsonBytes));
  return ParseJson(text);
}

void ShowId(const CommandLine& line, const RecordId& id) {
  if (line.wants_json()) {
    std::cout << JsonText(Json{{"id", id.ToString()}}) << "\n";
  } else {
    std::cout << id.ToString() << "\n";
  }
}

// The folio that a record has or was given; empty for a type without.
std::string FolioOf(const Replica& replica, const RecordType& type, const RecordId& id) {
  if (type.folio() == nullptr) return "";
  const std::unique_ptr<Message> record = type.NewMessage();
  if (!replica.ReadMessage(id, record.get(), nullptr).ok()) return "";
  return record->GetReflection()->GetString(*record, type.folio()->descriptor);
}

// The id for programs, the folio for people.
void ShowMade(const CommandLine& line, const Replica& replica, const RecordType& type,
              const RecordId& id) {
  const std::string folio = FolioOf(replica, type, id);
  if (line.wants_json()) {
    std::cout << JsonText(Json{{"id", id.ToString()}, {"folio", folio}}) << "\n";
    return;
  }
  ShowId(line, id);
  if (!folio.empty()) line.Note(absl::StrCat("Folio ", PrintableText(folio)));
}

absl::Status AddMany(const CommandLine& line, const RecordFlags& flags, const RecordType& type,
                     Json array) {
  if (!flags.command->remaining().empty()) {
    return UsageError(Say("Con una lista en --json los campos van en ella, no como opciones",
                          "With a list in --json the fields go in it, not as options"));
  }
  if (array.size() > kMaxChangesPerSet) {
    return UsageError(absl::Substitute(Say("Un JSON lleva a lo más $0 registros, que entran todos "
                                           "o ninguno; parta el archivo o use import",
                                           "One JSON holds at most $0 records, which go in all or "
                                           "none; split the file or use import"),
                                       kMaxChangesPerSet));
  }
  ASSIGN_OR_RETURN(const Scope scope, ScopeOf(flags));
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  Transaction transaction;
  std::vector<RecordId> ids;
  for (size_t i = 0; i < array.size(); ++i) {
    const std::string place = absl::StrCat("[", i, "]");
    const std::unique_ptr<Message> record = type.NewMessage();
    RETURN_IF_ERROR(Annotate(ResolveReferences(*replica, type, &array[i]), place));
    RETURN_IF_ERROR(Annotate(MergeJson(array[i], type, record.get()), place));
    RETURN_IF_ERROR(Annotate(BeginRecord(type, scope, record.get()), place));
    ids.push_back(transaction.Create(scope, *record));
  }
  RETURN_IF_ERROR(replica->Commit(transaction));
  NoteMissingGrant(line, *replica, type, scope);
  for (const RecordId& id : ids) ShowMade(line, *replica, type, id);
  return absl::OkStatus();
}

// Lays the JSON and the field flags over `record`, with references by words made ids.
absl::Status LayFields(const Replica& replica, const RecordType& type, Json json,
                       std::vector<std::string> arguments, Message* record) {
  if (!json.is_null()) {
    RETURN_IF_ERROR(ResolveReferences(replica, type, &json));
    RETURN_IF_ERROR(MergeJson(json, type, record));
  }
  RETURN_IF_ERROR(ResolveReferences(replica, type, &arguments));
  return ApplyFieldFlags(type, arguments, record);
}

absl::Status Add(const CommandLine& line, const RecordFlags& flags) {
  ASSIGN_OR_RETURN(const RecordType* const type, TypeByName(flags.type));
  if (type->rules().server_written()) {
    return UsageError(
        absl::Substitute(Say("$0: solo el servidor los escribe", "$0: only the server writes them"),
                         type->plural()));
  }
  Json json;
  if (!flags.json.empty()) {
    ASSIGN_OR_RETURN(json, ReadJson(flags.json));
    if (json.is_array()) return AddMany(line, flags, *type, std::move(json));
  }
  absl::StatusOr<Scope> scope = UsageError("");
  const bool by_part = !type->derived_from().empty() && !flags.has_scope();
  if (!by_part) {
    scope = ScopeOf(flags);
    RETURN_IF_ERROR(scope.status());
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  const std::unique_ptr<Message> record = type->NewMessage();
  RETURN_IF_ERROR(
      LayFields(*replica, *type, std::move(json), flags.command->remaining(), record.get()));
  if (by_part) scope = ScopeOfFirstPart(*replica, *type, *record);
  RETURN_IF_ERROR(scope.status());
  RETURN_IF_ERROR(BeginRecord(*type, *scope, record.get()));
  ASSIGN_OR_RETURN(const RecordId id, replica->CreateMessage(*scope, *record));
  NoteMissingGrant(line, *replica, *type, *scope);
  ShowMade(line, *replica, *type, id);
  return absl::OkStatus();
}

absl::Status Edit(const CommandLine& line, const RecordFlags& flags) {
  ASSIGN_OR_RETURN(const RecordType* const type, TypeByName(flags.type));
  absl::optional<Scope> scope;
  if (flags.has_scope()) {
    ASSIGN_OR_RETURN(scope, ScopeOf(flags));
  }
  Json json;
  if (!flags.json.empty()) {
    ASSIGN_OR_RETURN(json, ReadJson(flags.json));
  }
  const std::vector<std::string> arguments = flags.command->remaining();
  if (json.is_null() && arguments.empty() && !flags.has_scope()) {
    return UsageError(Say("¿Qué cambia? Dé campos (--notes 'x'), --json o --scope",
                          "What changes? Give fields (--notes 'x'), --json or --scope"));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  ASSIGN_OR_RETURN(const RecordId id, FindRecord(*replica, *type, flags.id, NamedBy::kIdOrWords));
  const std::unique_ptr<Message> before = type->NewMessage();
  RecordInfo info;
  RETURN_IF_ERROR(replica->ReadMessage(id, before.get(), &info));
  if (type->rules().append_only()) {
    return absl::InvalidArgumentError(
        absl::StrCat(type->plural(), ": written once; a correction is a new record"));
  }
  const std::unique_ptr<Message> after = type->NewMessage();
  after->CopyFrom(*before);
  RETURN_IF_ERROR(LayFields(*replica, *type, std::move(json), arguments, after.get()));
  RETURN_IF_ERROR(CheckEditedRecord(*type, *before, *after));
  // Fields and place go in together or not at all.
  Transaction transaction;
  transaction.Update(id, *before, *after, info.token);
  if (scope.has_value()) {
    RETURN_IF_ERROR(CheckRecordScope(*type, *scope));
    transaction.Move(type->descriptor(), id, *scope);
  }
  RETURN_IF_ERROR(replica->Commit(transaction));
  NoteMissingGrant(line, *replica, *type, scope.value_or(info.scope));
  ShowId(line, id);
  return absl::OkStatus();
}

absl::Status Show(const CommandLine& line, const RecordFlags& flags) {
  ASSIGN_OR_RETURN(const RecordType* const type, TypeByName(flags.type));
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  ASSIGN_OR_RETURN(const RecordId id, FindRecord(*replica, *type, flags.id, NamedBy::kIdOrWords));
  const std::unique_ptr<Message> record = type->NewMessage();
  RecordInfo info;
  RETURN_IF_ERROR(replica->ReadMessage(id, record.get(), &info));
  const Json fields = RecordJson(*record);
  if (line.wants_json()) {
    Json whole = {{"id", id.ToString()},
                  {"scope", info.scope.path()},
                  {"pending", info.pending},
                  {"has_conflict", info.has_conflict},
                  {"created_by", info.created_by},
                  {"created_at", ValueText(TimeValue(info.created_at))},
                  {"updated_by", info.updated_by},
                  {"updated_at", ValueText(TimeValue(info.updated_at))},
                  {"record", fields}};
    std::cout << JsonText(whole, 2) << "\n";
    return absl::OkStatus();
  }
  std::vector<CommandLine::Fact> facts = {
      {"id", "id", id.ToString()},
      {"scope", Say("lugar", "place"),
       absl::StrCat(info.scope.path(), " ", ScopeName(info.scope.path()))}};
  const auto items = fields.items();
  std::vector<std::string> labels;
  for (const auto& item : items) labels.push_back(item.key());
  size_t at = 0;
  for (const auto& item : items) {
    facts.push_back(
        {item.key(), labels[at++],
         item.value().is_string() ? item.value().get<std::string>() : JsonText(item.value())});
  }
  if (!line.wants_text()) {
    facts[1].value = info.scope.path();
    facts.push_back({"created_by", "", info.created_by});
    facts.push_back({"created_at", "", TimeValue(info.created_at)});
    facts.push_back({"updated_by", "", info.updated_by});
    facts.push_back({"updated_at", "", TimeValue(info.updated_at)});
    facts.push_back({"pending", "", int64_t{info.pending ? 1 : 0}});
    facts.push_back({"has_conflict", "", int64_t{info.has_conflict ? 1 : 0}});
    line.Show(facts);
    return absl::OkStatus();
  }
  facts.push_back({"created", Say("creado", "created"),
                   absl::StrCat(TimeText(info.created_at), " ", info.created_by)});
  facts.push_back({"updated", Say("cambiado", "updated"),
                   absl::StrCat(TimeText(info.updated_at), " ", info.updated_by)});
  facts.push_back({"pending", Say("por enviar", "pending"),
                   std::string(info.pending ? Say("sí", "yes") : "no")});
  facts.push_back({"has_conflict", Say("en conflicto", "in conflict"),
                   std::string(info.has_conflict ? Say("sí", "yes") : "no")});
  line.Show(facts);
  return absl::OkStatus();
}

absl::Status Delete(const CommandLine& line, const RecordFlags& flags) {
  ASSIGN_OR_RETURN(const RecordType* const type, TypeByName(flags.type));
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  ASSIGN_OR_RETURN(const RecordId id, FindRecord(*replica, *type, flags.id, NamedBy::kId));
  RETURN_IF_ERROR(replica->DeleteRecord(type->descriptor(), id, {}));
  ShowId(line, id);
  return absl::OkStatus();
}

// A command on records: its TYPE argument, and ID when it is about an existing one.
CLI::App* AddRecordCommand(CommandLine* line, const CommandText& text, bool takes_id,
                           const std::shared_ptr<RecordFlags>& flags,
                           absl::Status (*run)(const CommandLine&, const RecordFlags&)) {
  CLI::App* const command = line->Add(text, [line, flags, run] { return run(*line, *flags); });
  flags->command = command;
  command
      ->add_option(
          std::string(Say("TIPO", "TYPE")), flags->type,
          std::string(Say("Tipo: people, visits, events...", "Type: people, visits, events...")))
      ->required();
  if (takes_id) {
    command
        ->add_option("ID", flags->id,
                     std::string(Say("Identificador, o su comienzo si es único",
                                     "Id, or its beginning if unique")))
        ->required();
  }
  return command;
}

void AddFieldOptions(CLI::App* command, const std::shared_ptr<RecordFlags>& flags,
                     const std::string& examples) {
  command->allow_extras();
  command->add_option("--scope", flags->scope,
                      std::string(Say("Ámbito: MX/20/067", "Scope: MX/20/067")));
  command->add_option(
      "--municipality", flags->municipality,
      std::string(Say("Municipio por nombre o clave", "Municipality by name or key")));
  command->add_option(
      "--json", flags->json,
      std::string(Say("Registro en JSON: archivo o -", "Record as JSON: file or -")));
  command->footer(std::function<std::string()>([flags, examples] {
    const absl::StatusOr<const RecordType*> type = TypeByName(flags->type);
    return !type.ok() ? absl::StrCat(examples, "\n",
                                     Say("Los campos de un tipo: brigada add people --help",
                                         "The fields of a type: brigada add people --help"))
                      : absl::StrCat(FieldFlagsHelp(**type), "\n", examples);
  }));
}

}  // namespace

void AddRecordCommands(CommandLine* line) {
  const std::string add_examples = absl::StrCat(
      Say("Ejemplos:", "Examples:"),
      "\n  brigada add people --scope MX/20/067 --name.given-names 'María José' "
      "--name.first-surname Ñeco \\"
      "\n      --phones +529511234567 --registered-sex female"
      "\n  brigada add people --municipality 'San Juan Mixtepec, Oaxaca' --json persona.json"
      "\n  brigada add visits --scope 20067 --person ID --outcome contact --at now");
  const auto add = std::make_shared<RecordFlags>();
  AddFieldOptions(
      AddRecordCommand(line, {"add", Say("Registra algo nuevo", "Register something new"), {}},
                       false, add, Add),
      add, add_examples);
  const std::string edit_examples = absl::StrCat(
      Say("Ejemplos:", "Examples:"),
      "\n  brigada edit people 0193a5 --add-phones +529511234567 --unset notes"
      "\n  brigada edit people 0193a5 --json - <<< '{\"name\": {\"second_surname\": \"López\"}}'"
      "\n  brigada edit people 0193a5 --scope MX/20/208");
  const auto edit = std::make_shared<RecordFlags>();
  AddFieldOptions(
      AddRecordCommand(
          line, {"edit", Say("Cambia campos de un registro", "Change fields of a record"), {}},
          true, edit, Edit),
      edit, edit_examples);
  AddRecordCommand(line,
                   {"show",
                    Say("Muestra un registro", "Show a record"),
                    {"brigada show people 0193a5", "brigada show people 0193a5 --format json"}},
                   true, std::make_shared<RecordFlags>(), Show);
  AddRecordCommand(
      line,
      {"delete", Say("Borra un registro", "Delete a record"), {"brigada delete people 0193a5"}},
      true, std::make_shared<RecordFlags>(), Delete);
}

}  // namespace brigada
