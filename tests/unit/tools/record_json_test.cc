#include "tools/brigada/record_json.h"

#include "brigada/v1/person.pb.h"
#include "brigada/v1/visit.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "replica/base/ids.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;

const RecordType& TypeOf(const char* name) { return *Registry::BuiltIn().FindByName(name); }

absl::Status Merge(const char* text, v1::Person* person) {
  const absl::StatusOr<Json> json = ParseJson(text);
  if (!json.ok()) return json.status();
  return MergeJson(*json, TypeOf("people"), person);
}

TEST(RecordJsonTest, AKeyThatIsTwiceInAnObjectIsRefused) {
  EXPECT_THAT(ParseJson(R"({"notes": "a", "notes": "b"})").status().message(),
              HasSubstr("«notes» está dos veces"));
  EXPECT_THAT(
      ParseJson(R"([{"name": {"given_names": "A", "given_names": "B"}}])").status().message(),
      HasSubstr("«given_names»"));
  EXPECT_OK(ParseJson(R"([{"notes": "a"}, {"notes": "b", "name": {"notes": "c"}}])"));
}

TEST(RecordJsonTest, ANumberThatIsTooLargeIsRefusedWithItsPlace) {
  const std::string said(
      ParseJson("{\"notes\": \"1e999 \\\" 1e999\", \"a\": -1.5e3,\n \"b\": -1e999}")
          .status()
          .message());
  EXPECT_THAT(said, HasSubstr("demasiado grande"));
  EXPECT_THAT(said, HasSubstr("línea 2, columna 12"));
}

TEST(RecordJsonTest, MergesOverWhatIsThere) {
  v1::Person person;
  person.mutable_name()->set_given_names("Ana");
  person.set_notes("x");
  person.add_phones("+521");

  ASSERT_OK(Merge(
      R"({"name": {"first_surname": "Ñeco"}, "notes": null, "phones": ["+522"], "do_not_contact": true,
                      "birth_date": "1990-05"})",
      &person));

  EXPECT_EQ(person.name().given_names(), "Ana");
  EXPECT_EQ(person.name().first_surname(), "Ñeco");
  EXPECT_EQ(person.notes(), "");
  EXPECT_EQ(person.phones_size(), 1);
  EXPECT_EQ(person.birth_date().month(), 5);
}

TEST(RecordJsonTest, ARecordSurvivesTheRoundTrip) {
  v1::Visit visit;
  visit.set_person(std::string("\x01\x93\xa5\0\0\0\x70\0\x80\0\0\0\0\0\0\x01", 16));
  visit.mutable_at()->set_seconds(1795363800);
  visit.mutable_position()->set_latitude(17.5);
  visit.mutable_position()->set_longitude(-96.25);
  visit.set_outcome(v1::CONTACT);
  (*visit.mutable_answers())["agua"] = "\"sí\"";
  visit.set_minutes(12);

  const absl::StatusOr<Json> json = ParseJson(JsonText(RecordJson(visit)));
  ASSERT_OK(json);
  v1::Visit read;
  ASSERT_OK(MergeJson(*json, TypeOf("visits"), &read));

  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(visit, read)) << JsonText(*json);
}

TEST(RecordJsonTest, SaysWhereTheTextIsMalformed) {
  v1::Person person;

  EXPECT_THAT(Merge("{\"notes\":\n  oops}", &person),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("2")));
  EXPECT_FALSE(Merge("{\"notes\": \"mar\xed\"}", &person).ok());
  EXPECT_FALSE(Merge("", &person).ok());
}

TEST(RecordJsonTest, NamesTheFieldThatDoesNotFit) {
  v1::Person person;

  EXPECT_THAT(Merge(R"({"fones": []})", &person),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("phones?")));
  EXPECT_THAT(Merge(R"({"phones": "x"})", &person),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("phones")));
  EXPECT_THAT(Merge(R"({"name": {"given_names": {}}})", &person),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("name.given_names")));
  EXPECT_FALSE(Merge(R"([1])", &person).ok());
  EXPECT_FALSE(Merge(R"({"phones": [null]})", &person).ok());
}

TEST(RecordJsonTest, DeepNestingIsNoDanger) {
  const std::string deep(200'000, '[');

  EXPECT_FALSE(ParseJson(deep).ok());
}

}  // namespace
}  // namespace brigada
