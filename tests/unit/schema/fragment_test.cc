// Splitting and joining of serialized messages, with honest bytes and with hostile ones.
#include "replica/schema/fragment.h"

#include <random>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/stubs/logging.h"
#include "gtest/gtest.h"
#include "replica/schema/registry.h"
#include "tests/support/status_matchers.h"
#include "tests/support/testing.pb.h"
#include "tests/support/testing_v2.pb.h"
#include "tests/unit/schema/sample_types.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const FieldType& Field(absl::string_view name) { return *SampleType().FindField(name); }

std::vector<Fragment> Split(absl::string_view bytes) {
  auto fragments = SplitFragments(&SampleType(), bytes);
  EXPECT_OK(fragments);
  return fragments.ok() ? *std::move(fragments) : std::vector<Fragment>();
}

std::string Join(const std::vector<Fragment>& fragments) {
  std::string bytes;
  for (const Fragment& fragment : fragments) bytes += fragment.bytes;
  return bytes;
}

std::vector<std::string> BytesOf(const std::vector<Fragment>& fragments) {
  std::vector<std::string> bytes;
  bytes.reserve(fragments.size());
  for (const Fragment& fragment : fragments) bytes.push_back(fragment.bytes);
  return bytes;
}

testing::v2::Sample FullSample() {
  testing::v2::Sample sample;
  sample.set_title("uno");
  sample.set_peak(-7);
  sample.set_tally(12);
  sample.add_tags("a");
  sample.add_tags("b");
  (*sample.mutable_notes())["k"] = "v";
  sample.set_state(testing::DRAFT);
  sample.mutable_body()->set_head("cabeza");
  sample.add_marks(1);
  sample.add_marks(-2);
  sample.add_lines("x");
  sample.add_lines("y");
  sample.set_ratio(0.5);
  (*sample.mutable_chapters())[3].set_tail("t");
  sample.set_small_tally(-3);
  sample.set_nickname("desconocido");
  sample.add_mottos("m");
  sample.add_mottos("n");
  sample.set_seal(99);
  return sample;
}

TEST(SplitFragmentsTest, JoinedFragmentsAreTheMessageAgain) {
  const testing::v2::Sample sample = FullSample();

  testing::v2::Sample back;
  ASSERT_TRUE(back.ParseFromString(Join(Split(sample.SerializeAsString()))));

  EXPECT_EQ(back.DebugString(), sample.DebugString());
}

TEST(SplitFragmentsTest, IsItsOwnFixedPoint) {
  const std::string once = Join(Split(FullSample().SerializeAsString()));
  EXPECT_EQ(Join(Split(once)), once);
}

TEST(SplitFragmentsTest, ElementsAndEntriesComeOneByOneAndRegistersWhole) {
  testing::Sample sample;
  sample.add_tags("a");
  sample.add_tags("b");
  sample.add_lines("x");
  sample.add_lines("y");

  EXPECT_THAT(BytesOf(Split(sample.SerializeAsString())), ElementsAre("\x32\x01"
                                                                      "a",
                                                                      "\x32\x01"
                                                                      "b",
                                                                      "\x62\x01x\x62\x01y"));
}

TEST(SplitFragmentsTest, PackedAndUnpackedElementsAreTheSame) {
  const std::string packed("\x5a\x03\x01\x02\x01", 5);
  const std::string unpacked("\x58\x01\x58\x02", 4);
  EXPECT_EQ(Join(Split(packed)), unpacked);
  EXPECT_EQ(Join(Split(unpacked)), unpacked);
}

TEST(SplitFragmentsTest, OverlongAndOverwideNumbersBecomeCanonical) {
  // 1 in two bytes, and 2^32 + 1, which an int32 parser reads as 1 too.
  EXPECT_THAT(BytesOf(Split(std::string("\x58\x81\x00\x58\x81\x80\x80\x80\x10", 9))),
              ElementsAre(std::string("\x58\x01", 2)));
}

TEST(SplitFragmentsTest, LastEntryOfAKeyWins) {
  const std::string first(
      "\x3a\x06\x0a\x01k\x12\x01"
      "a",
      8);
  const std::string second(
      "\x3a\x06\x12\x01"
      "b\x0a\x01k",
      8);
  const std::string canonical(
      "\x3a\x06\x0a\x01k\x12\x01"
      "b",
      8);
  EXPECT_THAT(BytesOf(Split(first + second)), ElementsAre(canonical));
}

TEST(SplitFragmentsTest, AbsentKeyAndValueAreWrittenOut) {
  EXPECT_THAT(BytesOf(Split(std::string("\x3a\x00", 2))),
              ElementsAre(std::string("\x3a\x04\x0a\x00\x12\x00", 6)));
  EXPECT_THAT(BytesOf(Split(std::string("\x8a\x01\x00", 3))),
              ElementsAre(std::string("\x8a\x01\x04\x08\x00\x12\x00", 7)));
}

TEST(SplitFragmentsTest, RegistersOutOfOrderAreJoined) {
  // title, low, title, low, peak, title
  const std::string bytes(
      "\x0a\x01"
      "a\x20\x01\x0a\x01"
      "b\x20\x02\x18\x05\x0a\x01"
      "c",
      15);
  EXPECT_THAT(BytesOf(Split(bytes)), ElementsAre("\x0a\x01"
                                                 "a\x0a\x01"
                                                 "b\x0a\x01"
                                                 "c",
                                                 "\x20\x01\x20\x02", "\x18\x05"));
}

TEST(SplitFragmentsTest, EveryFieldOfAnUnknownTypeIsARegister) {
  ASSERT_OK_AND_ASSIGN(const auto fragments,
                       SplitFragments(nullptr, std::string("\x58\x01\x58\x02\x58\x01", 6)));
  ASSERT_THAT(fragments, SizeIs(1));
  EXPECT_EQ(fragments[0].bytes, "\x58\x01\x58\x02\x58\x01");
  EXPECT_THAT(fragments[0].key, IsEmpty());
}

TEST(SplitFragmentsTest, RefusesWhatIsNoMessage) {
  const std::vector<std::string> bad = {
      std::string("\x00\x01", 2),                      // field number 0
      "\x0b\x0c",                                      // group
      "\x0e",                                          // wire type 6
      "\x0a\x05zzz",                                   // length beyond the end
      "\x08",                                          // tag without value
      "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",  // more than 64 bits
      "\xff\xff\xff\xff\xff\x01",                      // tag beyond 32 bits
      "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  // length of 2^64-1
      "\x58",                                          // element without value
      "\x5a\x01\x80",                                  // packed element cut short
      "\x3a\x02\x0a\x05",                              // map key cut short
      "\x08\x01",                                      // title is no varint
      "\x30\x01",                                      // nor is a tag
      "\x3a\x02\x08\x01",                              // nor the key of a note
  };
  for (const std::string& bytes : bad) {
    EXPECT_THAT(SplitFragments(&SampleType(), bytes), StatusIs(absl::StatusCode::kInvalidArgument))
        << ::testing::PrintToString(bytes);
  }
}

TEST(SplitFragmentsTest, EveryTruncationIsAnErrorOrAShorterMessage) {
  const google::protobuf::LogSilencer silencer;
  const std::string bytes = FullSample().SerializeAsString();
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto fragments = SplitFragments(&SampleType(), absl::string_view(bytes).substr(0, size));
    if (!fragments.ok()) continue;
    testing::v2::Sample parsed;
    EXPECT_TRUE(parsed.ParseFromString(Join(*fragments))) << size;
  }
}

TEST(SplitFragmentsTest, SurvivesRandomBytes) {
  std::mt19937 random(7);
  std::uniform_int_distribution<int> byte(0, 255);
  const std::string honest = FullSample().SerializeAsString();
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = honest;
    for (int i = 0; i < 1 + round % 4; ++i)
      bytes[static_cast<size_t>(random()) % bytes.size()] = static_cast<char>(byte(random));
    if (round % 3 == 0) bytes.resize(static_cast<size_t>(random()) % bytes.size());
    const auto fragments = SplitFragments(&SampleType(), bytes);
    if (!fragments.ok()) continue;
    // What was accepted is canonical: splitting it again changes nothing.
    const std::string joined = Join(*fragments);
    ASSERT_EQ(Join(Split(joined)), joined);
  }
}

TEST(SplitFragmentsTest, AgreesWithTheProtobufParser) {
  // The parser logs each text that is no UTF-8.
  const google::protobuf::LogSilencer silencer;
  std::mt19937 random(11);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = FullSample().SerializeAsString();
    bytes[static_cast<size_t>(random()) % bytes.size()] = static_cast<char>(random());
    const auto fragments = SplitFragments(&SampleType(), bytes);
    testing::Sample expected;
    if (!fragments.ok() || !expected.ParseFromString(bytes)) continue;
    testing::Sample actual;
    ASSERT_TRUE(actual.ParseFromString(Join(*fragments)));
    ASSERT_EQ(actual.title(), expected.title());
    ASSERT_EQ(actual.peak(), expected.peak());
    ASSERT_EQ(actual.body().SerializeAsString(), expected.body().SerializeAsString());
    ASSERT_EQ(actual.notes_size(), expected.notes_size());
    for (const auto& [key, value] : expected.notes()) ASSERT_EQ(actual.notes().at(key), value);
    ASSERT_EQ(std::set<int>(actual.marks().begin(), actual.marks().end()),
              std::set<int>(expected.marks().begin(), expected.marks().end()));
  }
}

TEST(FragmentKeyTest, IsWhatSplittingGives) {
  for (const Fragment& fragment : Split(FullSample().SerializeAsString())) {
    const FieldType* field = SampleType().FindField(fragment.number);
    if (field == nullptr) continue;
    EXPECT_THAT(FragmentKey(*field, fragment.bytes), IsOkAndHolds(fragment.key));
  }
}

TEST(FragmentKeyTest, OfAKeyFragmentIsTheKey) {
  for (const char* name : {"notes", "chapters"}) {
    const std::string key(absl::string_view(name) == "notes" ? "\x02ñ" : "\x07");
    EXPECT_THAT(FragmentKey(Field(name), MapKeyFragment(Field(name), key)), IsOkAndHolds(key));
  }
}

TEST(CounterFragmentTest, GivesTheAmountBack) {
  for (const int64_t amount : {int64_t{0}, int64_t{1}, int64_t{-1}, INT64_MAX, INT64_MIN}) {
    EXPECT_THAT(CounterAmount(Field("tally"), CounterFragment(Field("tally"), amount)),
                IsOkAndHolds(amount));
  }
  for (const int64_t amount : {int64_t{INT32_MAX}, int64_t{INT32_MIN}, int64_t{-3}}) {
    const std::string fragment = CounterFragment(Field("small_tally"), amount);
    EXPECT_THAT(CounterAmount(Field("small_tally"), fragment), IsOkAndHolds(amount));
    testing::Sample sample;
    ASSERT_TRUE(sample.ParseFromString(fragment));
    EXPECT_EQ(sample.small_tally(), amount);
  }
  EXPECT_THAT(CounterAmount(Field("tally"), ""), IsOkAndHolds(0));
}

TEST(CounterFragmentTest, KnowsWhatFits) {
  EXPECT_TRUE(CounterFits(Field("tally"), INT64_MIN));
  EXPECT_TRUE(CounterFits(Field("small_tally"), INT32_MIN));
  EXPECT_FALSE(CounterFits(Field("small_tally"), int64_t{INT32_MAX} + 1));
}

TEST(CounterFragmentTest, RefusesAnotherField) {
  EXPECT_THAT(CounterAmount(Field("tally"), "\x20\x01"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(CounterAmount(Field("tally"), "\x2a\x01x"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ScopeFragmentTest, GivesThePathBack) {
  EXPECT_EQ(ScopeOfFragment(ScopeFragment("MX/20/067")), "MX/20/067");
  const auto fragments = Split("\x0a\x01x" + ScopeFragment("MX/20"));
  ASSERT_THAT(fragments, SizeIs(2));
  EXPECT_EQ(fragments[1].number, kScopeFieldNumber);
  EXPECT_EQ(ScopeOfFragment(fragments[1].bytes), "MX/20");
}

TEST(ScopeFragmentTest, OfMalformedBytesIsEmpty) {
  EXPECT_EQ(ScopeOfFragment("\x0a\x02xx"), "");
  const std::string fragment = ScopeFragment("MX/20");
  EXPECT_EQ(ScopeOfFragment(fragment.substr(0, fragment.size() - 1)), "");
}

}  // namespace
}  // namespace brigada
