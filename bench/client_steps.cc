#include "bench/client_steps.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "bench/figures.h"
#include "bench/sample_people.h"
#include "replica/base/mutex.h"
#include "replica/base/status_macros.h"

namespace brigada::bench {
namespace {

constexpr absl::Duration kLivePatience = absl::Seconds(60);

// What a watch has shown last.
class Shown {
 public:
  void Set(std::string value) {
    const MutexLock lock(&mu_);
    value_ = std::move(value);
    changed_.SignalAll();
  }
  // kDeadlineExceeded: it did not show within a minute.
  absl::Status Await(const std::string& wanted) {
    const double until = NowSeconds() + absl::ToDoubleSeconds(kLivePatience);
    const MutexLock lock(&mu_);
    while (value_ != wanted) {
      if (NowSeconds() > until)
        return absl::DeadlineExceededError("a live edit did not arrive within a minute");
      changed_.WaitFor(&mu_, absl::Seconds(1));
    }
    return absl::OkStatus();
  }

 private:
  Mutex mu_;
  CondVar changed_;
  std::string value_ ABSL_GUARDED_BY(mu_);
};

void PrintReport(const SyncReport& report, double seconds) {
  PrintNumber("seconds", seconds);
  PrintNumber("end_s", NowSeconds());
  PrintNumber("sent_bytes", static_cast<double>(report.totals.bytes_sent));
  PrintNumber("received_bytes", static_cast<double>(report.totals.bytes_received));
  PrintNumber("records", static_cast<double>(report.totals.records_received));
  PrintNumber("confirmed", static_cast<double>(report.totals.change_sets_confirmed));
  PrintNumber("connections", report.connections);
}

absl::Status CheckSettled(const Replica& replica) {
  const SyncStatus status = replica.GetSyncStatus();
  if (status.pending != 0 || status.rejected != 0) {
    return absl::InternalError(absl::StrCat("after the round ", status.pending,
                                            " change sets are pending and ", status.rejected,
                                            " rejected"));
  }
  return absl::OkStatus();
}

SyncOptions Live() {
  SyncOptions options;
  options.initial_spread = absl::ZeroDuration();
  return options;
}

absl::Status SetNotes(Replica& replica, const RecordId& id, const std::string& notes) {
  return replica.Update<v1::Person>(id, [&](v1::Person& person) { person.set_notes(notes); });
}

// Edits on `writer`, timed until `shown` has them.
absl::StatusOr<std::vector<double>> TimeEdits(Replica& writer, const RecordId& id, Shown& shown,
                                              int count) {
  std::vector<double> seconds;
  for (int i = 0; i < count; ++i) {
    const std::string notes = absl::StrCat("edit ", i);
    const double start = NowSeconds();
    RETURN_IF_ERROR(SetNotes(writer, id, notes));
    RETURN_IF_ERROR(shown.Await(notes));
    seconds.push_back(NowSeconds() - start);
  }
  return seconds;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Replica>> OpenReplica(const StepOptions& options) {
  Options replica_options;
  replica_options.path = options.path;
  replica_options.durability = options.durable ? DurabilityLevel::kSync : DurabilityLevel::kProcess;
  return Replica::Open(replica_options);
}

absl::StatusOr<double> NumberOf(const Replica& replica, absl::string_view sql) {
  ASSIGN_OR_RETURN(const ResultSet result, replica.Query(sql));
  if (result.rows.size() != 1 || !std::holds_alternative<int64_t>(result.rows[0].at(0)))
    return absl::InternalError("a query did not give one number");
  return static_cast<double>(std::get<int64_t>(result.rows[0][0]));
}

absl::StatusOr<std::vector<RecordId>> PeopleOf(const Replica& replica, int count) {
  const SqlValue limit = int64_t{count};
  ASSIGN_OR_RETURN(const ResultSet result,
                   replica.Query("SELECT id FROM people LIMIT ?", absl::MakeConstSpan(&limit, 1)));
  std::vector<RecordId> ids;
  for (const SqlRow& row : result.rows) {
    if (!std::holds_alternative<std::string>(row.at(0)))
      return absl::InternalError("an id is not text");
    ASSIGN_OR_RETURN(const RecordId id, RecordId::Parse(std::get<std::string>(row[0])));
    ids.push_back(id);
  }
  return ids;
}

absl::Status CreateStep(const StepOptions& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, OpenReplica(options));
  ASSIGN_OR_RETURN(const Scope scope, Scope::Parse(options.scope));
  SeededRandom random(options.seed);
  std::vector<v1::Person> people;
  people.reserve(static_cast<size_t>(options.count));
  for (int i = 0; i < options.count; ++i) people.push_back(SamplePerson(random));
  AwaitSign();
  const double start = NowSeconds();
  for (size_t next = 0; next < people.size();) {
    Transaction transaction;
    const size_t end = std::min(people.size(), next + static_cast<size_t>(options.per_commit));
    for (; next < end; ++next) transaction.Create(scope, people[next]);
    RETURN_IF_ERROR(replica->Commit(transaction));
  }
  PrintNumber("seconds", NowSeconds() - start);
  PrintUse();
  return absl::OkStatus();
}

absl::Status EditStep(const StepOptions& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, OpenReplica(options));
  ASSIGN_OR_RETURN(const std::vector<RecordId> ids, PeopleOf(*replica, options.count));
  AwaitSign();
  const double start = NowSeconds();
  for (const RecordId& id : ids) RETURN_IF_ERROR(SetNotes(*replica, id, "llamar por la tarde"));
  PrintNumber("seconds", NowSeconds() - start);
  PrintNumber("edited", static_cast<double>(ids.size()));
  PrintUse();
  return absl::OkStatus();
}

absl::Status SyncStep(const StepOptions& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, OpenReplica(options));
  AwaitSign();
  const double start = NowSeconds();
  ASSIGN_OR_RETURN(const SyncReport report, replica->Sync({}));
  PrintReport(report, NowSeconds() - start);
  // Before the check below, which reads everything.
  PrintUse();
  RETURN_IF_ERROR(CheckSettled(*replica));
  ASSIGN_OR_RETURN(const double people, NumberOf(*replica, "SELECT count(*) FROM people"));
  PrintNumber("people", people);
  return absl::OkStatus();
}

absl::Status LatencyStep(const StepOptions& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> writer, OpenReplica(options));
  StepOptions other = options;
  other.path = options.other_path;
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> reader, OpenReplica(other));
  ASSIGN_OR_RETURN(const Scope scope, Scope::Parse(options.scope));
  SeededRandom random(options.seed);
  ASSIGN_OR_RETURN(const RecordId id, writer->Create(scope, SamplePerson(random)));
  AwaitSign();
  Shown shown;
  ASSIGN_OR_RETURN(const std::unique_ptr<Subscription> watch,
                   reader->Watch("SELECT notes FROM people WHERE id = ?", {id.ToString()},
                                 [&](absl::StatusOr<ResultSet> rows) {
                                   if (!rows.ok() || rows->rows.size() != 1) return;
                                   const SqlValue& notes = rows->rows[0].at(0);
                                   if (std::holds_alternative<std::string>(notes))
                                     shown.Set(std::get<std::string>(notes));
                                 }));
  writer->StartSync(Live());
  reader->StartSync(Live());
  // The first one waits until both are live.
  RETURN_IF_ERROR(SetNotes(*writer, id, "first"));
  RETURN_IF_ERROR(shown.Await("first"));
  const absl::StatusOr<std::vector<double>> seconds = TimeEdits(*writer, id, shown, options.count);
  writer->StopSync();
  reader->StopSync();
  RETURN_IF_ERROR(seconds.status());
  PrintNumber("median_ms", Median(*seconds) * 1000);
  PrintNumber("p99_ms", Percentile99(*seconds) * 1000);
  PrintUse();
  return absl::OkStatus();
}

}  // namespace brigada::bench
