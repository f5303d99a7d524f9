#include "tools/brigada/csv_mapping.h"

#include "brigada/v1/person.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<CsvMapping> Make(const std::vector<std::string>& header,
                                const std::vector<std::string>& rules) {
  return CsvMapping::Make(*Registry::BuiltIn().FindByName("people"), header, rules);
}

TEST(CsvMappingTest, FillsFieldsByRuleAndByName) {
  ASSERT_OK_AND_ASSIGN(const CsvMapping mapping,
                       Make({"nombre", "sexo", "phones", "clave", "extra"},
                            {"nombre=name.given-names", "sexo=registered_sex{H=male, M=female}",
                             "clave=municipality"}));
  v1::Person person;
  absl::optional<Scope> scope;

  ASSERT_OK(mapping.Apply({" Ana ", "M", "+521; +522|+523", "20067", "?"}, &person, &scope));

  EXPECT_EQ(person.name().given_names(), "Ana");
  EXPECT_EQ(person.registered_sex(), v1::FEMALE);
  EXPECT_THAT(person.phones(), ElementsAre("+521", "+522", "+523"));
  EXPECT_EQ(scope->path(), "MX/20/067");
  EXPECT_THAT(mapping.ignored(), ElementsAre("extra"));
}

TEST(CsvMappingTest, RefusesRulesThatLeadNowhere) {
  EXPECT_THAT(Make({"nombre"}, {"nonbre=notes"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nombre?")));
  EXPECT_THAT(Make({"nombre"}, {"nombre=notas"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("notes?")));
  EXPECT_FALSE(Make({"nombre"}, {"nombre"}).ok());
  EXPECT_FALSE(Make({"nombre"}, {"nombre=notes{x"}).ok());
  EXPECT_FALSE(Make({"a", "b"}, {"a=notes", "b=notes"}).ok());
  EXPECT_FALSE(Make({"scope", "b"}, {"b=municipality"}).ok());
}

TEST(CsvMappingTest, AnEmptyTargetLeavesTheColumnOut) {
  ASSERT_OK_AND_ASSIGN(const CsvMapping mapping, Make({"notes", "folio"}, {"notes="}));
  v1::Person person;
  absl::optional<Scope> scope;

  ASSERT_OK(mapping.Apply({"x", "y"}, &person, &scope));

  EXPECT_EQ(person.notes(), "");
  EXPECT_EQ(person.folio(), "y");
}

TEST(CsvMappingTest, AMistakeNamesItsColumn) {
  ASSERT_OK_AND_ASSIGN(const CsvMapping mapping, Make({"nacio"}, {"nacio=birth_date"}));
  v1::Person person;
  absl::optional<Scope> scope;

  EXPECT_THAT(mapping.Apply({"31/12/1990"}, &person, &scope),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nacio")));
}

TEST(CsvMappingTest, AMappingFileHoldsRulesAndComments) {
  EXPECT_THAT(MappingRules("# padrón\nnombre=notes\r\n\n  b=folio \n"),
              ElementsAre("nombre=notes", "b=folio"));
}

}  // namespace
}  // namespace brigada
