// Tables and columns made from descriptors, on record types made for tests.

#include <algorithm>

#include "brigada/v1/conflict.pb.h"
#include "gmock/gmock.h"
#include "replica/query/query.h"
#include "replica/query/sql_columns.h"
#include "tests/support/fake_read_view.h"
#include "tests/support/status_matchers.h"
#include "tests/support/testing.pb.h"

namespace brigada {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;

std::unique_ptr<const Registry> TestRegistry() {
  auto registry =
      Registry::Build({testing::Sample::descriptor(), testing::SampleAppend::descriptor(),
                       testing::SamplePair::descriptor(), testing::SampleNotice::descriptor()});
  return *std::move(registry);
}

std::vector<std::string> TableNames(const Registry& registry,
                                    const std::vector<std::string>& taken) {
  std::vector<std::string> names;
  for (const auto& table : TablesOfRegistry(registry, taken)) names.push_back(table->name);
  return names;
}

std::vector<SqlRow> Ask(const Registry& registry, const ReadView& view, const std::string& sql,
                        std::vector<ExtraTable> extra = {}) {
  QueryOptions options;
  options.access.everything = true;
  options.extra_tables = std::move(extra);
  std::vector<SqlRow> rows;
  EXPECT_OK(RunQuery(
      registry, view, sql, {}, options,
      [](absl::Span<const std::string>) { return absl::OkStatus(); },
      [&](SqlRow row) {
        rows.push_back(std::move(row));
        return absl::OkStatus();
      }));
  return rows;
}

RecordView SampleRecord(const testing::Sample& sample, char id) {
  RecordView record;
  record.id = *RecordId::FromBytes(std::string(16, id));
  record.scope = "MX/20";
  record.message = sample.SerializeAsString();
  return record;
}

TEST(SqlColumnsTest, NamesThatMeetAreToldApartInOrder) {
  const auto registry = TestRegistry();
  EXPECT_THAT(TableNames(*registry, {}),
              IsSupersetOf({"samples", "samples_tags", "samples_notes", "samples_marks",
                            "samples_chapters", "sample_appends_tags"}));
  EXPECT_THAT(TableNames(*registry, {"Samples", "samples_tags"}),
              IsSupersetOf({"samples_2", "samples_2_tags"}));
  EXPECT_THAT(TableNames(*registry, {"sample_appends_tags"}), Contains("sample_appends_tags_2"));
}

TEST(SqlColumnsTest, ValuesOfEveryKindAreRendered) {
  const auto registry = TestRegistry();
  FakeReadView view;
  testing::Sample sample;
  sample.set_title("uno");
  sample.set_peak(-7);
  sample.mutable_body()->set_head("h");
  sample.mutable_body()->add_parts()->set_tail("t\"\n");
  sample.add_lines("a");
  sample.add_lines("b");
  sample.set_ratio(0.5);
  sample.set_rank(testing::HIGH);
  sample.mutable_at()->set_seconds(-1);
  sample.mutable_at()->set_nanos(250'000'000);
  sample.add_marks(5);
  (*sample.mutable_chapters())[3].set_head("c");
  (*sample.mutable_notes())[""] = "";
  view.Add(*registry->FindByName("samples"), SampleRecord(sample, 'a'));
  EXPECT_THAT(
      Ask(*registry, view,
          "SELECT peak, body_head, body_parts, lines, ratio, rank, at, maybe, state, parent "
          "FROM samples"),
      ElementsAre(ElementsAre(SqlValue(int64_t{-7}), SqlValue("h"),
                              SqlValue(R"([{"tail":"t\"\u000a"}])"), SqlValue(R"(["a","b"])"),
                              SqlValue(0.5), SqlValue("high"), SqlValue("1969-12-31T23:59:59.250Z"),
                              SqlValue(), SqlValue(), SqlValue())));
  EXPECT_THAT(Ask(*registry, view, "SELECT value FROM samples_marks"),
              ElementsAre(ElementsAre(SqlValue(int64_t{5}))));
  EXPECT_THAT(Ask(*registry, view, "SELECT key, head FROM samples_chapters"),
              ElementsAre(ElementsAre(SqlValue(int64_t{3}), SqlValue("c"))));
  EXPECT_THAT(Ask(*registry, view, "SELECT key, value FROM samples_notes"),
              ElementsAre(ElementsAre(SqlValue(""), SqlValue(""))));
}

TEST(SqlColumnsTest, NumbersAreFoundByIndexInTheirOrder) {
  const auto registry = TestRegistry();
  FakeReadView view;
  for (int i = 0; i < 50; ++i) {
    testing::Sample sample;
    sample.set_peak(i - 25);
    sample.set_ratio((i - 25) / 2.0);
    sample.add_tags(i % 2 == 0 ? "par" : "impar");
    view.Add(*registry->FindByName("samples"), SampleRecord(sample, static_cast<char>(i + 1)));
  }
  const auto count = [&](const std::string& where) {
    view.ResetReads();
    return std::get<int64_t>(
        Ask(*registry, view, "SELECT count(*) FROM samples WHERE " + where)[0][0]);
  };
  EXPECT_EQ(count("peak > -2 AND peak <= 2"), 4);
  EXPECT_LE(view.reads(), 5U);
  EXPECT_EQ(count("ratio BETWEEN -1 AND 1"), 5);
  EXPECT_EQ(view.reads(), 5U);
  EXPECT_EQ(count("peak = '3'"), 1);
  EXPECT_EQ(count("peak < 2.5 AND peak > 1.5"), 1);
  view.ResetReads();
  EXPECT_EQ(Ask(*registry, view, "SELECT * FROM samples_tags WHERE value = 'par'").size(), 25U);
  EXPECT_EQ(view.reads(), 25U);
}

TEST(ExtraTableTest, RowsComeFromTheCallbackOnce) {
  int calls = 0;
  ExtraTable devices{
      "devices", {"name", "last sync"}, [&]() -> absl::StatusOr<std::vector<SqlRow>> {
        ++calls;
        return std::vector<SqlRow>{{std::string("a"), int64_t{1}}, {std::string("b")}};
      }};
  FakeReadView view;
  EXPECT_THAT(Ask(Registry::BuiltIn(), view,
                  "SELECT d.name, e.\"last sync\" FROM devices d JOIN devices e ON d.name = e.name "
                  "ORDER BY 1",
                  {devices}),
              ElementsAre(ElementsAre(SqlValue("a"), SqlValue(int64_t{1})),
                          ElementsAre(SqlValue("b"), SqlValue())));
  EXPECT_EQ(calls, 1);
}

TEST(TablesOfTest, NamesTheRecordTypes) {
  const auto tables = [](const char* sql) { return *TablesOf(Registry::BuiltIn(), sql); };
  EXPECT_THAT(tables("SELECT count(*) FROM People"), ElementsAre("people"));
  EXPECT_THAT(tables("SELECT t.name FROM visits v JOIN people_phones p ON p.person_id = v.person "
                     "JOIN territories t ON t.key = v.municipality_key WHERE v.id IN "
                     "(SELECT event FROM attendances)"),
              ElementsAre("attendances", "people", "visits"));
  EXPECT_THAT(tables("SELECT 1"), ElementsAre());
  EXPECT_THAT(TablesOf(Registry::BuiltIn(), "DELETE FROM people"),
              StatusIs(absl::StatusCode::kPermissionDenied));
}

}  // namespace
}  // namespace brigada
