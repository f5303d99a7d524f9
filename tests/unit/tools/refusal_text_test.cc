#include "tools/brigada/refusal_text.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "brigada/v1/sync_service.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/schema/registry.h"

namespace brigada {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

v1::Refusal Refused(v1::RefusalReason reason, const std::string& detail) {
  v1::Refusal refusal;
  refusal.set_reason(reason);
  refusal.set_detail(detail);
  return refusal;
}

TEST(RefusalTextTest, EveryReasonHasASentenceOfItsOwnAndAWayOut) {
  std::set<std::string> sentences;
  const auto& reasons = *v1::RefusalReason_descriptor();
  for (int i = 0; i < reasons.value_count(); ++i) {
    const int number = reasons.value(i)->number();
    if (number == 0) continue;
    const auto reason = static_cast<v1::RefusalReason>(number);
    EXPECT_THAT(RefusalText(Refused(reason, "")), Not(HasSubstr("no conoce (")));
    EXPECT_TRUE(sentences.insert(RefusalText(Refused(reason, ""))).second) << number;
    EXPECT_THAT(RefusalText(Refused(reason, "")), Not(HasSubstr("esta versión no conoce")));
    EXPECT_THAT(RefusalWayOut(reason, "MX/20:5"), HasSubstr("brigada rejected")) << number;
    EXPECT_THAT(RefusalWayOut(reason, "MX/20:5"), HasSubstr("MX/20:5")) << number;
  }
}

TEST(RefusalTextTest, EveryReasonThatEndsASessionHasASentenceOfItsOwn) {
  std::set<std::string> sentences;
  const auto& reasons = *v1::Refused::Reason_descriptor();
  for (int i = 0; i < reasons.value_count(); ++i) {
    if (reasons.value(i)->number() == 0) continue;
    const std::string name = reasons.value(i)->name();
    const auto text = SessionEndText(absl::StrCat(name, ": detail (retry after 5 ms)"));
    ASSERT_TRUE(text.has_value()) << name;
    EXPECT_TRUE(sentences.insert(*text).second) << name;
    EXPECT_THAT(*text, Not(HasSubstr("detail")));
  }
  EXPECT_FALSE(SessionEndText("BUSYBODY").has_value());
}

TEST(RefusalTextTest, TheCauseOfAnEndIsToldWhereSomebodyHasToActOnIt) {
  EXPECT_THAT(*SessionEndText("BUSY: the server's disk is full: it can be read, not written to"),
              HasSubstr("El disco del servidor"));
  EXPECT_THAT(*SessionEndText("SHUTTING_DOWN: the server's store failed and is opened again"),
              HasSubstr("almacén"));
  EXPECT_THAT(*SessionEndText("STALLED: 3 change sets wait though the server answers; nothing "
                              "moved for 2m"),
              HasSubstr("su trabajo no sale"));
}

TEST(RefusalTextTest, OnlyAServerThatStopsIsSaidToStop) {
  EXPECT_THAT(*SessionEndText("SHUTTING_DOWN (retry after 4500 ms)"),
              HasSubstr("se está deteniendo"));
  for (const char* const cause :
       {"grants have changed", "another session of this device has begun", "the server went back",
        "the session has lasted its time", "the server's store failed and is opened again"}) {
    EXPECT_THAT(*SessionEndText(absl::StrCat("SHUTTING_DOWN: ", cause, " (retry after 2000 ms)")),
                AllOf(Not(HasSubstr("deteniendo")), HasSubstr("repita en 2 segundos")));
  }
}

TEST(RefusalTextTest, WhenToComeBackIsToldAsTheServerSays) {
  EXPECT_THAT(*SessionEndText("BUSY: too many sessions at once (retry after 44100 ms)"),
              HasSubstr("muchos dispositivos. Su trabajo está guardado; repita en 45 segundos"));
  EXPECT_THAT(*SessionEndText("BUSY (retry after 150000 ms)"), HasSubstr("repita en 3 minutos"));
  EXPECT_THAT(*SessionEndText("BUSY"), HasSubstr("repita en unos minutos"));
}

TEST(RefusalTextTest, EveryPatternOfTheSchemaHasWordsForPeople) {
  for (const RecordType* const type : Registry::BuiltIn().types()) {
    for (const FieldType& field : type->fields()) {
      if (field.rules.pattern().empty()) continue;
      EXPECT_TRUE(PatternText(field.rules.pattern()).has_value())
          << type->name() << "." << field.name;
    }
  }
}

TEST(RefusalTextTest, TheDetailIsToldInTheUsersLanguage) {
  EXPECT_THAT(RefusalText(Refused(v1::NOT_GRANTED, "no grant of this user covers people in MX/20")),
              HasSubstr("(people, MX/20, Oaxaca)"));
  EXPECT_EQ(RuleText("name: missing"), "falta name");
  EXPECT_EQ(RuleText("scope: missing"), "falta el lugar");
  EXPECT_THAT(RuleText("phones: not of the form \\+[1-9][0-9]{7,14}"), HasSubstr("+529511234567"));
  EXPECT_EQ(RuleText("notes: longer than 9"), "notes: pasa de 9 caracteres");
  EXPECT_EQ(RuleText("minutes: not between 0 and 1440"), "minutes: debe estar entre 0 y 1440");
  EXPECT_THAT(RuleText("when.start: not a local time of the form YYYY-MM-DDTHH:MM"),
              HasSubstr("2026-11-22T18:00"));
  EXPECT_EQ(RuleText("when.end: before the start"), "when.end: es anterior al inicio");
  EXPECT_EQ(RuleText("when.zone: not a time zone such as America/Mexico_City"),
            "when.zone: se espera una zona horaria, como America/Mexico_City");
  EXPECT_EQ(RuleText("birth_date: not a date of the calendar"), "birth_date: la fecha no existe");
  EXPECT_THAT(RuleText("position: not a position on the globe"), HasSubstr("-90 a 90"));
  EXPECT_THAT(RuleText("state: not a state to start in (planned)"),
              HasSubstr("state: un registro nuevo empieza en planned"));
  EXPECT_EQ(RuleText("field 7: more than 4096 elements"), "un campo tiene más de 4096 elementos");
  EXPECT_EQ(RuleText("count: not between 0 and 1e+06"), "count: debe estar entre 0 y 1000000");
}

}  // namespace
}  // namespace brigada
