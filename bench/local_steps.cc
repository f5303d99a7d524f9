#include "bench/local_steps.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/client_steps.h"
#include "bench/figures.h"
#include "bench/sample_people.h"
#include "replica/base/status_macros.h"

namespace brigada::bench {
namespace {

// Keeps what was read from being thought unused.
absl::Status CheckCount(size_t found, size_t wanted) {
  if (found == wanted) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("found ", found, " of ", wanted));
}

absl::Status TimeGets(const Replica& replica, const std::vector<RecordId>& ids) {
  size_t found = 0;
  const double start = NowSeconds();
  for (const RecordId& id : ids) {
    ASSIGN_OR_RETURN(const v1::Person person, replica.Get<v1::Person>(id));
    if (person.has_name()) ++found;
  }
  PrintNumber("get_us", (NowSeconds() - start) / static_cast<double>(ids.size()) * 1e6);
  return CheckCount(found, ids.size());
}

absl::Status TimeQueries(const Replica& replica, const std::vector<std::string>& folios) {
  size_t found = 0;
  const double start = NowSeconds();
  for (const std::string& folio : folios) {
    const SqlValue argument = folio;
    ASSIGN_OR_RETURN(const ResultSet rows,
                     replica.Query("SELECT id, name_given_names, notes FROM people WHERE folio = ?",
                                   absl::MakeConstSpan(&argument, 1)));
    if (!rows.rows.empty()) ++found;
  }
  PrintNumber("query_us", (NowSeconds() - start) / static_cast<double>(folios.size()) * 1e6);
  return CheckCount(found, folios.size());
}

}  // namespace

absl::Status LocalCreateStep(const StepOptions& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, OpenReplica(options));
  ASSIGN_OR_RETURN(const Scope scope, Scope::Parse(options.scope));
  SeededRandom random(options.seed);
  std::vector<v1::Person> people;
  people.reserve(static_cast<size_t>(options.count));
  for (int i = 0; i < options.count; ++i) people.push_back(SamplePerson(random));
  AwaitSign();
  std::vector<double> seconds;
  for (const v1::Person& person : people) {
    const double start = NowSeconds();
    RETURN_IF_ERROR(replica->Create(scope, person).status());
    seconds.push_back(NowSeconds() - start);
  }
  PrintNumber("median_us", Median(seconds) * 1e6);
  PrintNumber("p99_us", Percentile99(seconds) * 1e6);
  PrintUse();
  return absl::OkStatus();
}

absl::Status LocalReadStep(const StepOptions& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, OpenReplica(options));
  ASSIGN_OR_RETURN(const std::vector<RecordId> all, PeopleOf(*replica, 1'000'000));
  if (all.empty()) return absl::InternalError("there are no people to read");
  SeededRandom random(options.seed);
  std::vector<RecordId> ids;
  std::vector<std::string> folios;
  for (int i = 0; i < options.count; ++i) {
    ids.push_back(all[random.Uniform(all.size())]);
    ASSIGN_OR_RETURN(const v1::Person person, replica->Get<v1::Person>(ids.back()));
    folios.push_back(person.folio());
  }
  AwaitSign();
  RETURN_IF_ERROR(TimeGets(*replica, ids));
  RETURN_IF_ERROR(TimeQueries(*replica, folios));
  PrintUse();
  return absl::OkStatus();
}

}  // namespace brigada::bench
