#include "replica/schema/validate.h"

#include <cmath>
#include <string>
#include <vector>

#include "brigada/v1/event.pb.h"
#include "brigada/v1/person.pb.h"
#include "brigada/v1/visit.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/testing.pb.h"
#include "tests/unit/schema/sample_types.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Sample;
using ::testing::SizeIs;

std::vector<std::string> Details(const RecordType& type, const google::protobuf::Message& message) {
  std::vector<std::string> details;
  for (const v1::Refusal& refusal : ValidateMessage(type, message, nullptr, 0))
    details.push_back(refusal.detail());
  return details;
}

std::vector<std::string> Details(const Sample& sample) { return Details(SampleType(), sample); }

std::vector<std::string> Details(const v1::Person& person) {
  return Details(*Registry::BuiltIn().FindByName("Person"), person);
}

v1::Person GoodPerson() {
  v1::Person person;
  person.mutable_name()->set_given_names("María José");
  person.mutable_name()->set_first_surname("Ñuu");
  person.add_phones("+529511234567");
  person.add_languages("mix");
  person.set_curp("PEGM900101MOCRRR09");
  return person;
}

TEST(ValidateMessageTest, TakesGoodRecords) {
  EXPECT_THAT(Details(GoodPerson()), IsEmpty());
  EXPECT_THAT(Details(Sample()), IsEmpty());
}

TEST(ValidateMessageTest, RefusalNamesChangeFieldAndReason) {
  v1::Person person = GoodPerson();
  person.set_electoral_section("12x");
  const auto refusals =
      ValidateMessage(*Registry::BuiltIn().FindByName("Person"), person, nullptr, 7);
  ASSERT_THAT(refusals, SizeIs(1));
  EXPECT_EQ(refusals[0].change(), 7U);
  EXPECT_EQ(refusals[0].field(), 10U);
  EXPECT_EQ(refusals[0].reason(), v1::INVALID_VALUE);
  EXPECT_EQ(refusals[0].detail(), "electoral_section: not of the form [0-9]{1,4}");
}

TEST(ValidateMessageTest, RequiredFieldsAreThere) {
  v1::Person person = GoodPerson();
  person.clear_name();
  EXPECT_THAT(Details(person), ElementsAre("name: missing"));
  person.mutable_name();
  EXPECT_THAT(Details(person), ElementsAre("name: missing"));
}

TEST(ValidateMessageTest, WhiteSpaceAloneIsNothing) {
  v1::Person person;
  person.mutable_name()->set_given_names(" \t\u00a0\u3000\u200b");
  EXPECT_THAT(Details(person), ElementsAre("name: missing"));
  v1::Event event;
  event.set_title("  ");
  const auto refusals = Details(*Registry::BuiltIn().FindByName("Event"), event);
  EXPECT_THAT(refusals, ::testing::Contains("title: missing"));
}

TEST(ValidateMessageTest, ANestedMessageHoldsThePartsItRequires) {
  v1::Person person;
  person.mutable_name()->set_second_surname("Luna");
  EXPECT_THAT(Details(person), ElementsAre("name.given_names: missing"));
  person.mutable_name()->set_given_names("  ");
  EXPECT_THAT(Details(person), ElementsAre("name.given_names: missing"));
  person.mutable_name()->set_given_names("Sol");
  EXPECT_THAT(Details(person), IsEmpty());
}

TEST(ValidateMessageTest, WhatANewerProgramPutIntoAMessageIsSomething) {
  v1::Person person;
  person.mutable_name()
      ->GetReflection()
      ->MutableUnknownFields(person.mutable_name())
      ->AddVarint(99, 1);
  EXPECT_THAT(Details(person), ElementsAre("name.given_names: missing"));
}

TEST(ValidateMessageTest, TheStartOf1970IsATime) {
  v1::Visit visit;
  visit.set_outcome(v1::CONTACT);
  visit.mutable_at();
  EXPECT_THAT(Details(*Registry::BuiltIn().FindByName("Visit"), visit), IsEmpty());
}

TEST(ValidateMessageTest, OnlyTheFieldsAskedForAreChecked) {
  v1::Person person;
  person.set_electoral_section("12x");
  const absl::flat_hash_set<uint32_t> section = {10};
  const RecordType& type = *Registry::BuiltIn().FindByName("Person");
  EXPECT_THAT(ValidateMessage(type, person, &section, 0), SizeIs(1));
  const absl::flat_hash_set<uint32_t> none;
  EXPECT_THAT(ValidateMessage(type, person, &none, 0), IsEmpty());
}

TEST(ValidateMessageTest, LengthCountsCodePoints) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "ñ";
  Sample sample;
  sample.set_title(text);
  EXPECT_THAT(Details(sample), IsEmpty());
  sample.set_title(text + "ñ");
  EXPECT_THAT(Details(sample), ElementsAre("title: longer than 40"));
}

TEST(ValidateMessageTest, LengthHoldsForElementsEntriesAndNestedTexts) {
  Sample sample;
  sample.add_tags(std::string(21, 'x'));
  (*sample.mutable_notes())["k"] = std::string(101, 'x');
  (*sample.mutable_notes())[std::string(101, 'k')] = "";
  sample.mutable_body()->add_parts()->set_tail(std::string(31, 'x'));
  (*sample.mutable_chapters())[1].set_head(std::string(31, 'x'));
  EXPECT_THAT(Details(sample),
              ::testing::UnorderedElementsAre("tags: longer than 20", "notes.key: longer than 100",
                                              "notes.value: longer than 100",
                                              "body.parts.tail: longer than 30",
                                              "chapters.value.head: longer than 30"));
}

TEST(ValidateMessageTest, PatternMatchesTheWholeOfEachElement) {
  v1::Person person = GoodPerson();
  person.add_languages("mixteco");
  EXPECT_THAT(Details(person), ElementsAre("languages: not of the form [a-z]{3}"));
}

TEST(ValidateMessageTest, RangeHoldsForNumbersAndElements) {
  Sample sample;
  sample.set_peak(1'000'000);
  sample.add_marks(-100'000);
  EXPECT_THAT(Details(sample), IsEmpty());
  sample.set_peak(1'000'001);
  sample.add_marks(100'001);
  EXPECT_THAT(Details(sample), ElementsAre("peak: not between -1e+06 and 1e+06",
                                           "marks: not between -100000 and 100000"));
}

TEST(ValidateMessageTest, UndeclaredEnumNumbersAreRefusedAtAnyDepth) {
  v1::Person person = GoodPerson();
  person.set_registered_sex(static_cast<v1::RegisteredSex>(9));
  person.add_axes(static_cast<v1::Axis>(-1));
  EXPECT_THAT(Details(person),
              ElementsAre("registered_sex: not a declared value", "axes: not a declared value"));
}

TEST(ValidateMessageTest, ReferencesHave16Bytes) {
  Sample sample;
  sample.set_parent(std::string(16, 'p'));
  EXPECT_THAT(Details(sample), IsEmpty());
  sample.set_parent("short");
  EXPECT_THAT(Details(sample), ElementsAre("parent: not an id of 16 bytes"));
}

TEST(ValidateMessageTest, InvalidUtf8IsRefusedAtAnyDepth) {
  Sample sample;
  sample.set_title("\xff");
  sample.add_lines("\xed\xa0\x80");  // a surrogate
  sample.mutable_body()->add_parts()->set_head("\xc0\xaf");
  (*sample.mutable_notes())["\xe2\x82"] = "v";
  EXPECT_THAT(Details(sample),
              ElementsAre("title: not valid UTF-8", "notes.key: not valid UTF-8",
                          "body.parts.head: not valid UTF-8", "lines: not valid UTF-8"));
}

TEST(ValidateMessageTest, TimesLieInTheRangeOfTimestamp) {
  Sample sample;
  sample.mutable_at()->set_seconds(-62135596800);
  EXPECT_THAT(Details(sample), IsEmpty());
  sample.mutable_at()->set_seconds(INT64_MAX);
  EXPECT_THAT(Details(sample), ElementsAre(HasSubstr("at: not a time")));
  sample.mutable_at()->set_seconds(0);
  sample.mutable_at()->set_nanos(-1);
  EXPECT_THAT(Details(sample), ElementsAre(HasSubstr("at: not a time")));
}

TEST(ValidateMessageTest, ManyBadElementsAreOneViolation) {
  Sample sample;
  for (int i = 0; i < 1000; ++i) sample.add_tags(std::string(21, 'x') + std::to_string(i));
  EXPECT_THAT(Details(sample), SizeIs(1));
}

TEST(ValidateMessageTest, DeepNestingEnds) {
  Sample sample;
  testing::SampleBody* body = sample.mutable_body();
  for (int i = 0; i < 5000; ++i) body = body->add_parts();
  EXPECT_THAT(Details(sample), ElementsAre(HasSubstr("nested too deeply")));
}

TEST(ValidateMessageTest, NoDetailShowsTheValue) {
  v1::Person person = GoodPerson();
  person.set_curp("SECRETVALUE");
  person.set_gender(std::string(61, 'Q'));
  for (const std::string& detail : Details(person)) {
    EXPECT_THAT(detail, Not(HasSubstr("SECRET")));
    EXPECT_THAT(detail, Not(HasSubstr("QQ")));
  }
}

TEST(ValidateStartTest, StatesAreInitialOnes) {
  const RecordType& type = *Registry::BuiltIn().FindByName("Event");
  v1::Event event;
  EXPECT_THAT(ValidateStart(type, event, 0), IsEmpty());
  event.set_state(v1::PLANNED);
  EXPECT_THAT(ValidateStart(type, event, 0), IsEmpty());
  event.set_state(v1::CANCELLED);
  const auto refusals = ValidateStart(type, event, 4);
  ASSERT_THAT(refusals, SizeIs(1));
  EXPECT_EQ(refusals[0].change(), 4U);
  EXPECT_EQ(refusals[0].field(), 9U);
  EXPECT_EQ(refusals[0].detail(), "state: not a state to start in (planned)");
}

TEST(ValidateScopeTest, LevelsAreThoseOfTheType) {
  const RecordType& person = *Registry::BuiltIn().FindByName("Person");
  EXPECT_FALSE(ValidateScope(person, *Scope::Parse("MX/20/067"), 0).has_value());
  EXPECT_FALSE(ValidateScope(person, *Scope::Parse("MX/20/067/0001/B"), 0).has_value());
  const auto refusal = ValidateScope(person, *Scope::Parse("MX"), 3);
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->reason(), v1::WRONG_SCOPE);
  EXPECT_EQ(refusal->change(), 3U);
  EXPECT_TRUE(ValidateScope(person, Scope(), 0).has_value());
  EXPECT_TRUE(ValidateScope(*Registry::BuiltIn().FindByName("Territory"), *Scope::Parse("MX/20"), 0)
                  .has_value());
}

TEST(DescribeTest, IsOneSentence) {
  v1::Person person;
  person.mutable_name()->set_given_names(std::string(121, 'x'));
  person.set_electoral_section("x");
  const RecordType& type = *Registry::BuiltIn().FindByName("Person");
  EXPECT_EQ(Describe(type, ValidateMessage(type, person, nullptr, 0)),
            "people: name.given_names is longer than 120; electoral_section is not of the form "
            "[0-9]{1,4}");
}

}  // namespace
}  // namespace brigada
