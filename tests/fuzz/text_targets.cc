// What people and programs type: SQL, CSV, JSON.
#include <sstream>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "brigada/v1/person.pb.h"
#include "replica/base/check.h"
#include "replica/query/query.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/fuzz_world.h"
#include "tests/support/testing.pb.h"
#include "tests/unit/query/query_world.h"
#include "tools/brigada/csv_import.h"
#include "tools/brigada/record_json.h"

namespace brigada {
namespace {

constexpr size_t kMaxRowBytes = 4096;

}  // namespace

// Nothing reads what the caller may not: person 1 is out of its scopes.
void FuzzSql(absl::string_view input) {
  static QueryWorld* const world = [] {
    auto* made = new QueryWorld();
    made->options.limits.time = absl::Milliseconds(200);
    made->options.limits.rows = 1000;
    made->options.limits.memory_bytes = size_t{8} << 20;
    made->options.access.everything = false;
    made->options.access.feeds = {FeedOf("MX/20/184", v1::BELOW, v1::PERSONAL)};
    return made;
  }();
  const auto check_row = [&](const SqlRow& row) {
    for (const SqlValue& value : row) {
      const auto* const text = std::get_if<std::string>(&value);
      CHECK(text == nullptr || text->find("Ruiz") == std::string::npos ||
            input.find("uiz") != absl::string_view::npos ||
            input.find("char") != absl::string_view::npos);
    }
    return absl::OkStatus();
  };
  TablesOf(Registry::BuiltIn(), input).status().IgnoreError();
  const absl::Time start = absl::Now();
  RunQuery(
      Registry::BuiltIn(), world->view, input, {}, world->options,
      [](absl::Span<const std::string>) { return absl::OkStatus(); }, check_row)
      .status()
      .IgnoreError();
  CHECK(absl::Now() - start < absl::Seconds(20));
}

void FuzzCsv(absl::string_view input) {
  std::istringstream rows{std::string(input)};
  CsvReader reader(&rows, {.separator = ',', .max_row_bytes = kMaxRowBytes});
  CsvRow row;
  uint64_t line = 0;
  while (true) {
    const auto more = reader.Next(&row);
    CHECK(more.ok());
    if (!*more) break;
    CHECK(row.line > line);
    line = row.line;
    CHECK(row.raw.size() <= 2 * kMaxRowBytes);
    CHECK(row.problem == CsvProblem::kNone || row.fields.empty());
  }
  std::istringstream file{std::string(input)};
  std::ostringstream refused;
  ImportOptions options;
  options.scope = *Scope::Parse("MX/20/067");
  CsvImport::Steps steps;
  steps.look = [](const ImportRow& each) -> absl::StatusOr<CsvImport::Presence> {
    return static_cast<CsvImport::Presence>(each.line % 3);
  };
  steps.commit = [](const std::vector<ImportRow>&) { return absl::OkStatus(); };
  steps.open_refused = [&]() -> absl::StatusOr<std::ostream*> { return &refused; };
  steps.on_progress = [](const ImportTotals&) { return absl::OkStatus(); };
  CsvImport import(*Registry::BuiltIn().FindByName("Person"), options, std::move(steps));
  import.Run(&file).IgnoreError();
  const ImportTotals& totals = import.totals();
  CHECK(totals.imported + totals.refused + totals.already <= totals.rows);
}

void FuzzJson(absl::string_view input) {
  const auto json = ParseJson(input);
  if (!json.ok()) return;
  JsonText(*json);
  for (const char* name : {"Sample", "SamplePair"}) {
    const RecordType& type = *FuzzRegistry().FindByName(name);
    const auto record = type.NewMessage();
    if (!MergeJson(*json, type, record.get()).ok()) continue;
    // What was taken is shown, and what is shown is taken.
    const Json shown = RecordJson(*record);
    const auto again = type.NewMessage();
    CHECK(MergeJson(shown, type, again.get()).ok());
    CHECK(JsonText(RecordJson(*again)) == JsonText(shown));
  }
}

}  // namespace brigada
