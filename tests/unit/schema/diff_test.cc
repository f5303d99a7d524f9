// A diff is right when it says no more than what differs and when applying it to the old message
// gives the new one.
#include "replica/schema/diff.h"

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "brigada/v1/event.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "replica/schema/fragment.h"
#include "tests/support/status_matchers.h"
#include "tests/support/testing.pb.h"
#include "tests/support/testing_v2.pb.h"
#include "tests/unit/schema/sample_types.h"

namespace brigada {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Sample;

v1::Change Diff(const Sample& before, const Sample& after) {
  auto change = DiffMessages(SampleType(), before, after);
  EXPECT_OK(change);
  return change.value_or(v1::Change());
}

Sample Parse(const std::string& bytes) {
  Sample sample;
  EXPECT_TRUE(sample.ParseFromString(bytes));
  return sample;
}

std::vector<Fragment> Split(const std::string& bytes) {
  return SplitFragments(&SampleType(), bytes).value();
}

// What the change makes of a message, written without the merge layer.
std::string Apply(const v1::Change& change, const std::string& before) {
  std::map<std::pair<uint32_t, std::string>, std::string> slots;
  for (const Fragment& f : Split(before)) slots[{f.number, f.key}] = f.bytes;
  for (const Fragment& f : Split(change.removed())) slots.erase({f.number, f.key});
  for (const uint32_t number : change.cleared()) slots.erase({number, ""});
  for (const Fragment& f : Split(change.values())) {
    std::string& slot = slots[{f.number, f.key}];
    const FieldType* field = SampleType().FindField(f.number);
    if (field != nullptr && field->policy == v1::COUNTER) {
      slot =
          CounterFragment(*field, *CounterAmount(*field, slot) + *CounterAmount(*field, f.bytes));
    } else {
      slot = f.bytes;
    }
  }
  std::string after;
  for (const auto& [name, bytes] : slots) after += bytes;
  return after;
}

TEST(DiffMessagesTest, OfEqualMessagesIsEmpty) {
  Sample sample;
  sample.set_title("uno");
  sample.set_tally(4);
  sample.add_tags("a");
  (*sample.mutable_notes())["k"] = "v";
  EXPECT_TRUE(IsEmpty(Diff(sample, sample)));
}

TEST(DiffMessagesTest, HoldsOnlyTheFieldsThatDiffer) {
  Sample before;
  before.set_title("uno");
  before.set_code("OX1");
  Sample after = before;
  after.set_title("dos");

  const v1::Change change = Diff(before, after);

  EXPECT_EQ(change.type_id(), 60001U);
  EXPECT_EQ(change.kind(), v1::Change::EDIT);
  Sample expected;
  expected.set_title("dos");
  EXPECT_EQ(change.values(), expected.SerializeAsString());
}

TEST(DiffMessagesTest, CounterIsAnAmount) {
  Sample before;
  before.set_tally(10);
  Sample after;
  after.set_tally(7);
  EXPECT_EQ(Parse(Diff(before, after).values()).tally(), -3);
  EXPECT_EQ(Parse(Diff(before, Sample()).values()).tally(), -10);
  EXPECT_EQ(Parse(Diff(Sample(), after).values()).tally(), 7);
}

TEST(DiffMessagesTest, CounterAmountThatDoesNotFitIsRefused) {
  Sample before;
  before.set_tally(INT64_MIN);
  Sample after;
  after.set_tally(1);
  EXPECT_THAT(DiffMessages(SampleType(), before, after),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("tally")));
  before.set_tally(0);
  before.set_small_tally(INT32_MIN);
  EXPECT_THAT(DiffMessages(SampleType(), before, Sample()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("small_tally")));
}

TEST(DiffMessagesTest, ElementsAndKeysAreAddedAndRemovedOneByOne) {
  Sample before;
  before.add_tags("a");
  before.add_tags("b");
  (*before.mutable_notes())["k"] = "v";
  (*before.mutable_notes())["l"] = "w";
  Sample after;
  after.add_tags("b");
  after.add_tags("c");
  (*after.mutable_notes())["l"] = "x";

  const v1::Change change = Diff(before, after);

  const Sample values = Parse(change.values());
  EXPECT_THAT(values.tags(), ElementsAre("c"));
  EXPECT_THAT(values.notes(), ElementsAre(::testing::Pair("l", "x")));
  const Sample removed = Parse(change.removed());
  EXPECT_THAT(removed.tags(), ElementsAre("a"));
  EXPECT_THAT(removed.notes(), ElementsAre(::testing::Pair("k", "")));
  EXPECT_THAT(change.cleared(), ::testing::IsEmpty());
}

TEST(DiffMessagesTest, OrderOfASetIsNoDifference) {
  Sample before;
  before.add_tags("a");
  before.add_tags("b");
  Sample after;
  after.add_tags("b");
  after.add_tags("a");
  EXPECT_TRUE(IsEmpty(Diff(before, after)));
}

TEST(DiffMessagesTest, RegistersAreClearedByNumber) {
  Sample before;
  before.set_title("uno");
  before.mutable_body()->set_head("h");
  before.set_state(testing::DRAFT);
  const v1::Change change = Diff(before, Sample());
  EXPECT_THAT(change.cleared(), ElementsAre(1, 8, 9));
  EXPECT_THAT(change.values(), ::testing::IsEmpty());
}

TEST(DiffMessagesTest, UnknownFieldsAreComparedByNumber) {
  testing::v2::Sample newer;
  newer.set_title("uno");
  newer.set_nickname("apodo");
  newer.set_level(3);
  const Sample before = Parse(newer.SerializeAsString());
  newer.set_level(4);
  newer.clear_nickname();
  const Sample after = Parse(newer.SerializeAsString());

  const v1::Change change = Diff(before, after);

  testing::v2::Sample expected;
  expected.set_level(4);
  EXPECT_EQ(change.values(), expected.SerializeAsString());
  EXPECT_THAT(change.cleared(), ElementsAre(20));
}

TEST(DiffMessagesTest, AnotherTypeIsRefused) {
  EXPECT_THAT(DiffMessages(SampleType(), Sample(), testing::SamplePair()),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

Sample RandomSample(std::mt19937& random) {
  Sample sample;
  const auto upto = [&](uint32_t n) { return static_cast<int>(random() % n); };
  if (upto(2) == 0) sample.set_title(std::string(static_cast<size_t>(upto(3)), 't'));
  if (upto(2) == 0) sample.set_peak(upto(3) - 1);
  if (upto(2) == 0) sample.set_tally(upto(5) - 2);
  if (upto(2) == 0) sample.set_small_tally(upto(5) - 2);
  for (int i = upto(4); i > 0; --i)
    sample.add_tags(std::string(1, static_cast<char>('a' + upto(4))));
  for (int i = upto(4); i > 0; --i) sample.add_marks(upto(5) - 2);
  for (int i = upto(3); i > 0; --i)
    sample.add_lines(std::string(1, static_cast<char>('x' + upto(2))));
  for (int i = upto(3); i > 0; --i) {
    (*sample.mutable_notes())[std::string(1, static_cast<char>('k' + upto(3)))] =
        std::string(static_cast<size_t>(upto(3)), 'v');
  }
  for (int i = upto(3); i > 0; --i) (*sample.mutable_chapters())[upto(3)].set_head("h");
  if (upto(3) == 0) sample.mutable_body()->set_tail("t");
  if (upto(3) == 0) sample.set_maybe(0);
  return sample;
}

TEST(DiffMessagesTest, AppliedToTheOldMessageGivesTheNewOne) {
  std::mt19937 random(5);
  for (int round = 0; round < 3000; ++round) {
    const Sample before = RandomSample(random);
    const Sample after = RandomSample(random);

    const Sample result = Parse(Apply(Diff(before, after), before.SerializeAsString()));

    ASSERT_TRUE(IsEmpty(Diff(result, after))) << after.DebugString() << result.DebugString();
    ASSERT_EQ(IsEmpty(Diff(before, after)), IsEmpty(Diff(after, before)));
    ASSERT_EQ(result.tally(), after.tally());
    ASSERT_EQ(result.title(), after.title());
    ASSERT_EQ(result.has_maybe(), after.has_maybe());
    ASSERT_EQ(result.notes_size(), after.notes_size());
    ASSERT_TRUE(MessageDifferencer::Equals(result.body(), after.body()));
  }
}

RecordId IdOf(char c) { return *RecordId::FromBytes(std::string(16, c)); }

TEST(CreateChangeTest, HoldsTheWholeMessage) {
  Sample sample;
  sample.set_title("uno");
  sample.add_marks(3);
  ASSERT_OK_AND_ASSIGN(const v1::Change change,
                       CreateChange(SampleType(), IdOf('i'), *Scope::Parse("MX/20/067"), sample));
  EXPECT_EQ(change.kind(), v1::Change::CREATE);
  EXPECT_EQ(change.record_id(), std::string(16, 'i'));
  EXPECT_EQ(change.scope(), "MX/20/067");
  EXPECT_EQ(Parse(change.values()).DebugString(), sample.DebugString());
  EXPECT_FALSE(IsEmpty(change));
}

testing::SamplePair Pair(char left, char right) {
  testing::SamplePair pair;
  pair.set_left(std::string(16, left));
  pair.set_right(std::string(16, right));
  return pair;
}

TEST(CreateChangeTest, TakesTheDerivedId) {
  const RecordType& type = *SampleRegistry().FindByName("SamplePair");
  const testing::SamplePair pair = Pair('a', 'b');
  ASSERT_OK_AND_ASSIGN(const v1::Change change,
                       CreateChange(type, IdOf('i'), *Scope::Parse("MX/20"), pair));
  ASSERT_OK_AND_ASSIGN(const RecordId derived, DeriveId(type, pair));
  EXPECT_EQ(change.record_id(), derived.AsBytes());
}

TEST(DeriveIdTest, DependsOnEveryPartAndTheirOrder) {
  const RecordType& type = *SampleRegistry().FindByName("SamplePair");
  const RecordId id = *DeriveId(type, Pair('a', 'b'));
  EXPECT_EQ(*DeriveId(type, Pair('a', 'b')), id);
  EXPECT_THAT(*DeriveId(type, Pair('b', 'a')), Not(id));
  EXPECT_THAT(*DeriveId(type, Pair('a', 'c')), Not(id));
}

TEST(DeriveIdTest, IsTheSameInEveryVersionOfTheProgram) {
  v1::Attendance attendance;
  attendance.set_event(std::string(16, 'e'));
  attendance.set_person(std::string(16, 'p'));
  EXPECT_EQ(DeriveId(*Registry::BuiltIn().FindByName("Attendance"), attendance)->ToString(),
            "5b7f6bf7-91c4-8d83-aa7c-ec2089c5a4cb");
}

TEST(DeriveIdTest, RefusesAMissingPart) {
  const RecordType& type = *SampleRegistry().FindByName("SamplePair");
  testing::SamplePair pair = Pair('a', 'b');
  pair.clear_right();
  EXPECT_THAT(DeriveId(type, pair),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("right")));
  EXPECT_THAT(CreateChange(type, IdOf('i'), *Scope::Parse("MX/20"), pair),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(IsEmptyTest, AMoveOrAResolutionIsNotEmpty) {
  v1::Change change;
  EXPECT_TRUE(IsEmpty(change));
  change.set_scope("MX/20");
  EXPECT_FALSE(IsEmpty(change));
  change.clear_scope();
  change.add_resolves("id");
  EXPECT_FALSE(IsEmpty(change));
  change.clear_resolves();
  change.set_kind(v1::Change::DELETE);
  EXPECT_FALSE(IsEmpty(change));
}

}  // namespace
}  // namespace brigada
