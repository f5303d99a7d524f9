#include "replica/schema/index_value.h"

#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/schema/search_text.h"
#include "tests/support/status_matchers.h"
#include "tests/support/testing.pb.h"
#include "tests/unit/schema/sample_types.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Sample;
using ::testing::StartsWith;

std::vector<std::string> Values(absl::string_view field, const Sample& sample) {
  return IndexValues(*SampleType().FindField(field), sample);
}

// Each encoding is less than the next, and none is the beginning of another.
void ExpectStrictOrder(const std::vector<std::string>& encoded) {
  for (size_t i = 0; i + 1 < encoded.size(); ++i) {
    EXPECT_LT(encoded[i], encoded[i + 1]) << i;
    for (size_t j = i + 1; j < encoded.size(); ++j)
      EXPECT_THAT(encoded[j], Not(StartsWith(encoded[i]))) << i << " " << j;
  }
}

TEST(EncodeIndexTest, IntegersOrderAsNumbers) {
  ExpectStrictOrder({EncodeIndexInt64(INT64_MIN), EncodeIndexInt64(-257), EncodeIndexInt64(-1),
                     EncodeIndexInt64(0), EncodeIndexInt64(1), EncodeIndexInt64(256),
                     EncodeIndexInt64(INT64_MAX)});
}

TEST(EncodeIndexTest, DoublesOrderAsNumbers) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  ExpectStrictOrder({EncodeIndexDouble(-kInfinity), EncodeIndexDouble(-1e300),
                     EncodeIndexDouble(-1), EncodeIndexDouble(-5e-324), EncodeIndexDouble(0),
                     EncodeIndexDouble(5e-324), EncodeIndexDouble(0.5), EncodeIndexDouble(1e300),
                     EncodeIndexDouble(kInfinity),
                     EncodeIndexDouble(std::numeric_limits<double>::quiet_NaN())});
  EXPECT_EQ(EncodeIndexDouble(-0.0), EncodeIndexDouble(0.0));
  EXPECT_EQ(EncodeIndexDouble(-std::numeric_limits<double>::quiet_NaN()),
            EncodeIndexDouble(std::numeric_limits<double>::quiet_NaN()));
}

TEST(EncodeIndexTest, StringsOrderByByteAndMayHoldAnyByte) {
  const std::vector<std::string> sorted = {"",
                                           std::string(1, '\0'),
                                           std::string("\0\0", 2),
                                           std::string("\0\x01", 2),
                                           std::string("\0\xff", 2),
                                           "\x01",
                                           "a",
                                           std::string("a\0", 2),
                                           std::string("a\0b", 3),
                                           "a\x01",
                                           "aa",
                                           "b",
                                           "ñ",
                                           "\xff",
                                           "\xff\xff"};
  std::vector<std::string> encoded;
  encoded.reserve(sorted.size());
  for (const std::string& text : sorted) encoded.push_back(EncodeIndexString(text));
  ExpectStrictOrder(encoded);
}

TEST(EncodeIndexTest, PrefixStartsWhatItShould) {
  EXPECT_THAT(EncodeIndexString("abc"), StartsWith(EncodeIndexStringPrefix("ab")));
  EXPECT_THAT(EncodeIndexString("ab"), StartsWith(EncodeIndexStringPrefix("ab")));
  EXPECT_THAT(EncodeIndexToken("abc"), StartsWith(EncodeIndexTokenPrefix("ab")));
  EXPECT_THAT(EncodeIndexString("abc"), Not(StartsWith(EncodeIndexTokenPrefix("ab"))));
}

TEST(EncodeIndexTest, TimesOrderAndSaturate) {
  const auto time = [](int64_t seconds, int32_t nanos) {
    google::protobuf::Timestamp timestamp;
    timestamp.set_seconds(seconds);
    timestamp.set_nanos(nanos);
    return EncodeIndexTime(timestamp);
  };
  ExpectStrictOrder({time(INT64_MIN, 0), time(-1, 0), time(-1, 999'999'000), time(0, 0),
                     time(0, 1000), time(1, 0), time(INT64_MAX, 0)});
  EXPECT_EQ(time(0, 1000), EncodeIndexInt64(1));
}

TEST(EncodeIndexTest, FormsAreThoseOnDisk) {
  EXPECT_EQ(EncodeIndexInt64(1), std::string("v\x80\0\0\0\0\0\0\x01", 9));
  EXPECT_EQ(EncodeIndexDouble(1), std::string("v\xbf\xf0\0\0\0\0\0\0", 9));
  EXPECT_EQ(EncodeIndexString(std::string("a\0b", 3)), std::string("va\0\xff"
                                                                   "b\0\x01",
                                                                   7));
  EXPECT_EQ(EncodeIndexToken("a"), std::string("ta\0\x01", 4));
}

TEST(IndexValuesTest, OfEachKindOfField) {
  Sample sample;
  sample.set_peak(-3);
  sample.set_ratio(0.5);
  sample.set_state(testing::DONE);
  sample.set_parent(std::string(16, 'p'));
  sample.mutable_at()->set_seconds(2);
  EXPECT_THAT(Values("peak", sample), ElementsAre(EncodeIndexInt64(-3)));
  EXPECT_THAT(Values("ratio", sample), ElementsAre(EncodeIndexDouble(0.5)));
  EXPECT_THAT(Values("state", sample), ElementsAre(EncodeIndexInt64(2)));
  EXPECT_THAT(Values("parent", sample), ElementsAre(EncodeIndexString(std::string(16, 'p'))));
  EXPECT_THAT(Values("at", sample), ElementsAre(EncodeIndexTime(sample.at())));
}

TEST(IndexValuesTest, ASetHasOnePerElement) {
  Sample sample;
  sample.add_tags("b");
  sample.add_tags("a");
  sample.add_tags("b");
  EXPECT_THAT(Values("tags", sample), ElementsAre(EncodeIndexString("a"), EncodeIndexString("b")));
}

TEST(IndexValuesTest, IndexAndSearchStandSideBySide) {
  Sample sample;
  sample.set_title("Uno Dos");
  EXPECT_THAT(Values("title", sample), ElementsAre(EncodeIndexToken("dos"), EncodeIndexToken("uno"),
                                                   EncodeIndexString("Uno Dos")));
}

TEST(IndexValuesTest, SearchTakesEveryTextOfAMessage) {
  Sample sample;
  sample.mutable_body()->set_head("María");
  sample.mutable_body()->add_parts()->set_tail("Cruz");
  EXPECT_THAT(Values("body", sample),
              ElementsAre(EncodeIndexToken("cruz"), EncodeIndexToken("maria")));
}

TEST(IndexValuesTest, UnsetTextHasNoneAndUnsetNumbersAreZero) {
  EXPECT_THAT(Values("title", Sample()), IsEmpty());
  EXPECT_THAT(Values("parent", Sample()), IsEmpty());
  EXPECT_THAT(Values("at", Sample()), IsEmpty());
  EXPECT_THAT(Values("tags", Sample()), IsEmpty());
  EXPECT_THAT(Values("peak", Sample()), ElementsAre(EncodeIndexInt64(0)));
  EXPECT_THAT(Values("state", Sample()), ElementsAre(EncodeIndexInt64(0)));
}

TEST(IndexValuesTest, FieldsThatAreNotIndexedHaveNone) {
  Sample sample;
  sample.set_code("OX1");
  EXPECT_THAT(Values("code", sample), IsEmpty());
}

}  // namespace
}  // namespace brigada
