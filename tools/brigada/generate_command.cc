// generate: realistic records, for trying things out.
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "absl/time/clock.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/sample_records.h"
#include "tools/brigada/scope_text.h"
#include "tools/brigada/status_text.h"
#include "tools/brigada/table_writer.h"

namespace brigada {
namespace {

constexpr size_t kRecordsPerTransaction = 100;
constexpr int kMostPeople = 20'000;

struct GenerateFlags {
  uint64_t people = 0;
  uint64_t visits = 0;
  uint64_t events = 0;
  uint64_t attendances = 0;
  std::string scope;
  uint64_t seed = 1;
  bool fast = false;
};

absl::StatusOr<std::vector<RecordId>> Known(const Replica& replica, absl::string_view table,
                                            const Scope& scope) {
  const std::vector<SqlValue> arguments = {scope.path()};
  ASSIGN_OR_RETURN(
      const ResultSet found,
      replica.Query(absl::StrCat("SELECT id FROM ", table, " WHERE scope = ? LIMIT ", kMostPeople),
                    arguments));
  std::vector<RecordId> ids;
  for (const SqlRow& row : found.rows) {
    ASSIGN_OR_RETURN(const RecordId id, RecordId::Parse(ValueText(row[0])));
    ids.push_back(id);
  }
  return ids;
}

// Gathers creations and commits them some at a time.
class Batch {
 public:
  Batch(Replica* replica, const Scope& scope, ProgressBar* bar, uint64_t total)
      : replica_(replica), scope_(scope), bar_(bar), total_(total) {}

  absl::StatusOr<RecordId> Add(const google::protobuf::Message& record) {
    const RecordId id = transaction_.Create(scope_, record);
    if (++held_ == kRecordsPerTransaction) RETURN_IF_ERROR(Flush());
    return id;
  }

  absl::Status Flush() {
    if (held_ > 0) RETURN_IF_ERROR(replica_->Commit(transaction_));
    transaction_ = Transaction();
    done_ += held_;
    held_ = 0;
    bar_->Update(done_, total_, WithThousands(done_));
    return absl::OkStatus();
  }

 private:
  Replica* const replica_;
  const Scope scope_;
  ProgressBar* const bar_;
  const uint64_t total_;
  Transaction transaction_;
  size_t held_ = 0;
  uint64_t done_ = 0;
};

absl::Status Fill(const GenerateFlags& flags, const Scope& scope, const Replica& replica,
                  Batch* batch) {
  SeededRandom random(flags.seed);
  SampleRecords sample(scope, absl::Now(), &random);
  ASSIGN_OR_RETURN(std::vector<RecordId> people, Known(replica, "people", scope));
  ASSIGN_OR_RETURN(std::vector<RecordId> events, Known(replica, "events", scope));
  for (uint64_t i = 0; i < flags.people; ++i) {
    ASSIGN_OR_RETURN(const RecordId id, batch->Add(sample.Person()));
    people.push_back(id);
  }
  for (uint64_t i = 0; i < flags.events; ++i) {
    ASSIGN_OR_RETURN(const RecordId id, batch->Add(sample.Event()));
    events.push_back(id);
  }
  if ((flags.visits > 0 || flags.attendances > 0) && people.empty()) {
    return UsageError(Say("Para visitas y asistencias hacen falta personas: use --people",
                          "Visits and attendances need people: use --people"));
  }
  if (flags.attendances > 0 && events.empty()) {
    return UsageError(Say("Para asistencias hacen falta eventos: use --events",
                          "Attendances need events: use --events"));
  }
  for (uint64_t i = 0; i < flags.visits; ++i)
    RETURN_IF_ERROR(batch->Add(sample.Visit(people[random.Uniform(people.size())])).status());
  // Each pair once: the same check-in twice in one transaction would be one record.
  for (uint64_t i = 0; i < flags.attendances && i < people.size() * events.size(); ++i) {
    RETURN_IF_ERROR(
        batch->Add(sample.Attendance(events[i / people.size()], people[i % people.size()]))
            .status());
  }
  return batch->Flush();
}

absl::Status Generate(const CommandLine& line, const GenerateFlags& flags) {
  ASSIGN_OR_RETURN(const Scope scope, ScopeFromText(flags.scope));
  if (scope.depth() < 2)
    return UsageError(Say("--scope: un estado o municipio", "--scope: a state or municipality"));
  const uint64_t total = flags.people + flags.visits + flags.events + flags.attendances;
  if (total == 0) {
    return UsageError(Say("¿Cuántos? Por ejemplo --people 100 --visits 300",
                          "How many? For example --people 100 --visits 300"));
  }
  ASSIGN_OR_RETURN(
      const std::unique_ptr<Replica> replica,
      line.OpenReplica(flags.fast ? DurabilityLevel::kProcess : DurabilityLevel::kSync));
  ProgressBar bar(&std::cerr, line.progress_style(), std::string(Say("Generando", "Generating")));
  Batch batch(replica.get(), scope, &bar, total);
  const absl::Time begin = absl::Now();
  RETURN_IF_ERROR(Fill(flags, scope, *replica, &batch));
  const int64_t elapsed_ms = absl::ToInt64Milliseconds(absl::Now() - begin);
  bar.Finish(absl::Substitute(Say("$0 registros en $1 ms", "$0 records in $1 ms"),
                              WithThousands(total), elapsed_ms));
  line.Show({{"records", Say("Registros", "Records"), static_cast<int64_t>(total)},
             {"milliseconds", Say("Milisegundos", "Milliseconds"), elapsed_ms}});
  return absl::OkStatus();
}

}  // namespace

void AddGenerateCommand(CommandLine* line) {
  const auto flags = std::make_shared<GenerateFlags>();
  CLI::App* const command = line->Add(
      {"generate",
       Say("Inventa registros verosímiles para probar", "Make up believable records to try with"),
       {"brigada generate --scope MX/20/067 --people 200 --visits 600 --events 2 --seed 7"}},
      [line, flags] { return Generate(*line, *flags); });
  const auto text = [](absl::string_view spanish, absl::string_view english) {
    return std::string(Say(spanish, english));
  };
  command->add_option("--scope", flags->scope, text("Municipio o estado", "Municipality or state"))
      ->required();
  command->add_option("--people", flags->people, text("Personas", "People"));
  command->add_option("--visits", flags->visits,
                      text("Visitas a las personas de aquí", "Visits to the people here"));
  command->add_option("--events", flags->events, text("Eventos", "Events"));
  command->add_option("--attendances", flags->attendances, text("Asistencias", "Attendances"));
  command
      ->add_option(
          "--seed", flags->seed,
          text("La misma semilla da los mismos datos", "The same seed gives the same data"))
      ->capture_default_str();
  command->add_flag("--fast", flags->fast,
                    text("No espera al disco en cada transacción",
                         "Do not wait for the disk at each transaction"));
}

}  // namespace brigada
