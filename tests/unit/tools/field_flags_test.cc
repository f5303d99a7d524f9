#include "tools/brigada/field_flags.h"

#include "brigada/v1/event.pb.h"
#include "brigada/v1/person.pb.h"
#include "brigada/v1/visit.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/base/ids.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const RecordType& TypeOf(const char* name) { return *Registry::BuiltIn().FindByName(name); }

absl::Status Apply(const std::vector<std::string>& arguments, v1::Person* person) {
  return ApplyFieldFlags(TypeOf("people"), arguments, person);
}

TEST(FieldFlagsTest, SetNestedEnumSetAndBooleanFields) {
  v1::Person person;

  ASSERT_OK(
      Apply({"--name.given-names", "María José", "--name.first_surname=Ñeco", "--registered-sex",
             "Female", "--phones", "+529511234567", "--phones", "+529517654321", "--axes",
             "dialogue", "--do-not-contact", "--birth-date", "1990-02-28"},
            &person));

  EXPECT_EQ(person.name().given_names(), "María José");
  EXPECT_EQ(person.name().first_surname(), "Ñeco");
  EXPECT_EQ(person.registered_sex(), v1::FEMALE);
  EXPECT_THAT(person.phones(), ElementsAre("+529511234567", "+529517654321"));
  EXPECT_EQ(person.axes(0), v1::AXIS_DIALOGUE);
  EXPECT_TRUE(person.do_not_contact());
  EXPECT_EQ(person.birth_date().day(), 28);
}

TEST(FieldFlagsTest, AddAndRemoveElementsAndUnsetFields) {
  v1::Person person;
  person.add_phones("+521");
  person.add_phones("+522");
  person.set_notes("x");
  person.mutable_address()->set_street("Juárez");

  ASSERT_OK(Apply(
      {"--add-phones", "+523", "--remove-phones", "+521", "--unset", "notes", "--unset=address"},
      &person));

  EXPECT_THAT(person.phones(), ::testing::UnorderedElementsAre("+522", "+523"));
  EXPECT_EQ(person.notes(), "");
  EXPECT_FALSE(person.has_address());
}

TEST(FieldFlagsTest, ASetNamedOutrightIsReplaced) {
  v1::Person person;
  person.add_phones("+521");

  ASSERT_OK(Apply({"--phones", "+522"}, &person));

  EXPECT_THAT(person.phones(), ElementsAre("+522"));
}

TEST(FieldFlagsTest, MapsTakeKeyAndValue) {
  v1::Visit visit;
  v1::Event event;

  ASSERT_OK(ApplyFieldFlags(TypeOf("visits"), {"--answers", "agua=sí=no", "--answers", "luz=no"},
                            &visit));
  ASSERT_OK(ApplyFieldFlags(
      TypeOf("events"),
      {"--streams", "youtube.url=https://x.mx", "--add-streams", "youtube.views-at-close=64"},
      &event));
  ASSERT_OK(ApplyFieldFlags(TypeOf("visits"), {"--remove-answers", "luz"}, &visit));

  EXPECT_EQ(visit.answers().at("agua"), "sí=no");
  EXPECT_EQ(visit.answers().size(), 1u);
  EXPECT_EQ(event.streams().at("youtube").url(), "https://x.mx");
  EXPECT_EQ(event.streams().at("youtube").views_at_close(), 64);
}

TEST(FieldFlagsTest, ReadsReferencesTimesAndPoints) {
  v1::Visit visit;

  ASSERT_OK(ApplyFieldFlags(TypeOf("visits"),
                            {"--person", "0193a5b2-0000-7000-8000-000000000001", "--at",
                             "2026-11-22T16:10:00Z", "--position", "17.06,-96.72,15"},
                            &visit));

  EXPECT_EQ(visit.person().size(), 16u);
  EXPECT_EQ(visit.at().seconds(), 1795363800);
  EXPECT_DOUBLE_EQ(visit.position().longitude(), -96.72);
}

TEST(FieldFlagsTest, AnUnknownFlagIsRefusedWithTheNearest) {
  v1::Person person;

  EXPECT_THAT(Apply({"--fones", "1"}, &person),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("fones"), HasSubstr("phones?"))));
  EXPECT_THAT(Apply({"--given-names", "Ana"}, &person),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("name.given-names?")));
}

TEST(FieldFlagsTest, RefusesWrongValuesStrayWordsAndMissingValues) {
  v1::Person person;

  EXPECT_THAT(Apply({"--registered-sex", "femle"}, &person),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("female?")));
  for (const char* date : {"1990-02-30", "90", "1990-13", "1990-1-1-1", "hoy", "-990"})
    EXPECT_FALSE(Apply({"--birth-date", date}, &person).ok()) << date;
  EXPECT_FALSE(Apply({"--birth-date=2026-00"}, &person).ok());
  EXPECT_FALSE(Apply({"María"}, &person).ok());
  EXPECT_FALSE(Apply({"--notes"}, &person).ok());
  EXPECT_FALSE(Apply({"--add-notes", "x"}, &person).ok());
  EXPECT_FALSE(Apply({"--unset", "nothing"}, &person).ok());
}

TEST(FieldFlagsTest, HelpListsEveryFieldWithItsForm) {
  const std::string help = FieldFlagsHelp(TypeOf("people"));

  EXPECT_THAT(help, HasSubstr("--name.given-names"));
  EXPECT_THAT(help, HasSubstr("female|male|x"));
}

}  // namespace
}  // namespace brigada
