// generate: realistic records, for trying things out.
#include <algorithm>
#include <iostream>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "absl/time/clock.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/grant_note.h"
#include "tools/brigada/sample_records.h"
#include "tools/brigada/scope_text.h"
#include "tools/brigada/status_text.h"
#include "tools/brigada/table_writer.h"

namespace brigada {
namespace {

constexpr size_t kRecordsPerTransaction = 100;
constexpr int kMostPeople = 20'000;
constexpr int64_t kMostRecords = 10'000'000;
constexpr uint64_t kVisitsPerPerson = 3;
constexpr uint64_t kPeoplePerEvent = 25;

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

// How many of each there will be, and what they are of.
struct Plan {
  uint64_t people = 0;
  uint64_t events = 0;
  uint64_t visits = 0;
  uint64_t attendances = 0;
  std::vector<RecordId> known_people;
  std::vector<RecordId> known_events;
  // Event and person of what is attended already.
  std::set<std::pair<std::string, std::string>> attended;

  uint64_t total() const { return people + events + visits + attendances; }
};

// Visits and attendances are somebody's, at something: where nobody is known, some are made.
absl::StatusOr<Plan> PlanOf(const GenerateFlags& flags, const Scope& scope,
                            const Replica& replica) {
  Plan plan{flags.people, flags.events, flags.visits, flags.attendances, {}, {}, {}};
  ASSIGN_OR_RETURN(plan.known_people, Known(replica, "people", scope));
  ASSIGN_OR_RETURN(plan.known_events, Known(replica, "events", scope));
  if (plan.people == 0 && plan.known_people.empty() && plan.visits + plan.attendances > 0)
    plan.people = 1 + std::max(plan.visits / kVisitsPerPerson, plan.attendances / kPeoplePerEvent);
  const uint64_t people = plan.people + plan.known_people.size();
  if (plan.events == 0 && plan.known_events.empty() && plan.attendances > 0)
    plan.events = (plan.attendances + people - 1) / people;
  const std::vector<SqlValue> place = {scope.path()};
  ASSIGN_OR_RETURN(const ResultSet found,
                   replica.Query("SELECT event, person FROM attendances WHERE scope = ?", place));
  for (const SqlRow& row : found.rows) plan.attended.emplace(ValueText(row[0]), ValueText(row[1]));
  const uint64_t pairs = people * (plan.events + plan.known_events.size());
  const uint64_t free_pairs = pairs > plan.attended.size() ? pairs - plan.attended.size() : 0;
  if (plan.attendances > free_pairs) {
    return UsageError(absl::Substitute(
        Say("Con $0 personas y $1 eventos caben $2 asistencias más: pida menos, o más --people y "
            "--events",
            "With $0 people and $1 events there is room for $2 more attendances: ask for fewer, or "
            "for more --people and --events"),
        people, plan.events + plan.known_events.size(), free_pairs));
  }
  return plan;
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

// Each pair of an event and a person once: the same check-in twice would be one record.
absl::Status FillAttendances(const Plan& plan, const std::vector<RecordId>& events,
                             const std::vector<RecordId>& people, SampleRecords* sample,
                             Batch* batch) {
  uint64_t left = plan.attendances;
  for (size_t i = 0; left > 0 && i < people.size() * events.size(); ++i) {
    const RecordId& event = events[i / people.size()];
    const RecordId& person = people[i % people.size()];
    if (plan.attended.count({event.ToString(), person.ToString()}) > 0) continue;
    RETURN_IF_ERROR(batch->Add(sample->Attendance(event, person)).status());
    --left;
  }
  return absl::OkStatus();
}

absl::Status Fill(const Plan& plan, uint64_t seed, const Scope& scope, Batch* batch) {
  SeededRandom random(seed);
  SampleRecords sample(scope, absl::Now(), &random);
  std::vector<RecordId> people = plan.known_people;
  std::vector<RecordId> events = plan.known_events;
  for (uint64_t i = 0; i < plan.people; ++i) {
    ASSIGN_OR_RETURN(const RecordId id, batch->Add(sample.Person()));
    people.push_back(id);
  }
  for (uint64_t i = 0; i < plan.events; ++i) {
    ASSIGN_OR_RETURN(const RecordId id, batch->Add(sample.Event()));
    events.push_back(id);
  }
  for (uint64_t i = 0; i < plan.visits; ++i)
    RETURN_IF_ERROR(batch->Add(sample.Visit(people[random.Uniform(people.size())])).status());
  RETURN_IF_ERROR(FillAttendances(plan, events, people, &sample, batch));
  return batch->Flush();
}

// One note is enough.
void NoteMissingGrants(const CommandLine& line, const Replica& replica, const Plan& plan,
                       const Scope& scope) {
  const std::pair<absl::string_view, uint64_t> counts[] = {{"people", plan.people},
                                                           {"events", plan.events},
                                                           {"visits", plan.visits},
                                                           {"attendances", plan.attendances}};
  for (const auto& [name, count] : counts) {
    const RecordType* const type = Registry::BuiltIn().FindByName(name);
    if (count > 0 && NoteMissingGrant(line, replica, *type, scope)) return;
  }
}

absl::Status Generate(const CommandLine& line, const GenerateFlags& flags) {
  ASSIGN_OR_RETURN(const Scope scope, ScopeFromText(flags.scope));
  if (scope.depth() < 2)
    return UsageError(Say("--scope: un estado o municipio", "--scope: a state or municipality"));
  if (flags.people + flags.visits + flags.events + flags.attendances == 0) {
    return UsageError(Say("¿Cuántos? Por ejemplo --people 100 --visits 300",
                          "How many? For example --people 100 --visits 300"));
  }
  ASSIGN_OR_RETURN(
      const std::unique_ptr<Replica> replica,
      line.OpenReplica(flags.fast ? DurabilityLevel::kProcess : DurabilityLevel::kSync));
  ASSIGN_OR_RETURN(const Plan plan, PlanOf(flags, scope, *replica));
  NoteMissingGrants(line, *replica, plan, scope);
  ProgressBar bar(&std::cerr, line.progress_style(), std::string(Say("Generando", "Generating")));
  Batch batch(replica.get(), scope, &bar, plan.total());
  const absl::Time begin = absl::Now();
  RETURN_IF_ERROR(Fill(plan, flags.seed, scope, &batch));
  const int64_t elapsed_ms = absl::ToInt64Milliseconds(absl::Now() - begin);
  bar.Finish(absl::Substitute(
      Say("$0 en $1 ms", "$0 in $1 ms"),
      CountText(plan.total(), Say("registro", "record"), Say("registros", "records")), elapsed_ms));
  line.Show(
      {{"records", Say("Registros", "Records"), static_cast<int64_t>(plan.total())},
       {"people", Say("Personas", "People"), static_cast<int64_t>(plan.people)},
       {"events", Say("Eventos", "Events"), static_cast<int64_t>(plan.events)},
       {"visits", Say("Visitas", "Visits"), static_cast<int64_t>(plan.visits)},
       {"attendances", Say("Asistencias", "Attendances"), static_cast<int64_t>(plan.attendances)},
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
  const auto count = [command](const char* name, uint64_t* value, const std::string& meaning) {
    command->add_option(name, *value, meaning)->check(NumberIn(0, kMostRecords));
  };
  count("--people", &flags->people, text("Personas", "People"));
  count("--visits", &flags->visits,
        text("Visitas a las personas de aquí, o a nuevas si no hay",
             "Visits to the people here, or to new ones when there are none"));
  count("--events", &flags->events, text("Eventos", "Events"));
  count("--attendances", &flags->attendances, text("Asistencias", "Attendances"));
  command
      ->add_option(
          "--seed", flags->seed,
          text("La misma semilla da los mismos datos", "The same seed gives the same data"))
      ->check(NumberIn(0, INT64_MAX))
      ->capture_default_str();
  command->add_flag("--fast", flags->fast,
                    text("No espera al disco en cada transacción",
                         "Do not wait for the disk at each transaction"));
}

}  // namespace brigada
