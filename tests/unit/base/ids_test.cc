#include "replica/base/ids.h"

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

TEST(IdsTest, RecordIdsSortByTheirMillisecond) {
  SeededRandom random(1);
  const RecordId early = NewRecordId(absl::FromUnixMillis(1000), random);
  const RecordId late = NewRecordId(absl::FromUnixMillis(1001), random);
  EXPECT_LT(early, late);
  EXPECT_EQ(early.ToString()[14], '7');
}

TEST(IdsTest, DerivedIdDependsOnWhereThePartsDivide) {
  EXPECT_EQ(DerivedRecordId({"ab", "c"}), DerivedRecordId({"ab", "c"}));
  EXPECT_NE(DerivedRecordId({"ab", "c"}), DerivedRecordId({"a", "bc"}));
  EXPECT_EQ(DerivedRecordId({"x"}).ToString()[14], '8');
}

TEST(IdsTest, TextFormRoundTrips) {
  SeededRandom random(2);
  const ReplicaId id = NewReplicaId(random);
  EXPECT_THAT(ReplicaId::Parse(id.ToString()), IsOkAndHolds(id));
  EXPECT_THAT(ReplicaId::FromBytes(id.bytes()), IsOkAndHolds(id));
}

TEST(IdsTest, MalformedTextIsRefused) {
  for (const char* text : {"", "0190b8e4", "0190b8e4-7c1f-7abc-8def-0123456789ag",
                           "0190b8e4_7c1f-7abc-8def-0123456789ab"}) {
    EXPECT_THAT(RecordId::Parse(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

}  // namespace
}  // namespace brigada
