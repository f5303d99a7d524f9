#include "tools/brigada/sample_records.h"

#include <set>

#include "gtest/gtest.h"
#include "replica/schema/registry.h"
#include "replica/schema/validate.h"
#include "tools/brigada/names_table.h"

namespace brigada {
namespace {

constexpr absl::Time kNow = absl::FromUnixSeconds(1'795'363'800);

Scope Oaxaca() { return *Scope::Parse("MX/20/067"); }

TEST(SampleRecordsTest, EveryRecordPassesValidation) {
  SeededRandom random(7);
  SampleRecords sample(Oaxaca(), kNow, &random);
  const Registry& registry = Registry::BuiltIn();
  const RecordId id = NewRecordId(kNow, random);

  for (int i = 0; i < 500; ++i) {
    EXPECT_TRUE(
        ValidateMessage(*registry.FindByName("people"), sample.Person(), nullptr, 0).empty());
    EXPECT_TRUE(
        ValidateMessage(*registry.FindByName("visits"), sample.Visit(id), nullptr, 0).empty());
    EXPECT_TRUE(
        ValidateMessage(*registry.FindByName("events"), sample.Event(), nullptr, 0).empty());
    EXPECT_TRUE(
        ValidateMessage(*registry.FindByName("attendances"), sample.Attendance(id, id), nullptr, 0)
            .empty());
  }
}

TEST(SampleRecordsTest, OneSeedGivesOneHistory) {
  SeededRandom first(3);
  SeededRandom second(3);
  SampleRecords one(Oaxaca(), kNow, &first);
  SampleRecords other(Oaxaca(), kNow, &second);

  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(one.Person().SerializeAsString(), other.Person().SerializeAsString());
}

TEST(SampleRecordsTest, NamesAreVariedAndTheTableIsWhole) {
  SeededRandom random(1);
  std::set<absl::string_view> surnames;

  for (int i = 0; i < 1000; ++i) surnames.insert(NamesTable::BuiltIn().Surname("20", random));

  EXPECT_GT(surnames.size(), 50u);
}

}  // namespace
}  // namespace brigada
