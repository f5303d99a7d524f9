#include "tools/brigada/scope_text.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string PathOf(absl::string_view text) {
  const absl::StatusOr<Scope> scope = ScopeFromText(text);
  return scope.ok() ? scope->path() : std::string(scope.status().message());
}

TEST(ScopeTextTest, TakesPathsKeysAndNames) {
  EXPECT_EQ(PathOf("MX"), "MX");
  EXPECT_EQ(PathOf("MX/20/067"), "MX/20/067");
  EXPECT_EQ(PathOf("20067"), "MX/20/067");
  EXPECT_EQ(PathOf("oaxaca de juarez"), "MX/20/067");
  EXPECT_EQ(PathOf("Oaxaca de Juárez, Oaxaca"), "MX/20/067");
  EXPECT_EQ(PathOf("20"), "MX/20");
}

TEST(ScopeTextTest, AnAmbiguousNameListsTheKeys) {
  EXPECT_THAT(
      ScopeFromText("San Juan Mixtepec, Oaxaca"),
      StatusIs(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr("20208"), HasSubstr("20209"))));
  EXPECT_THAT(ScopeFromText("Benito Juárez"), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ScopeTextTest, UnknownPlacesAndMalformedPathsAreTold) {
  EXPECT_THAT(ScopeFromText("Macondo"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("Macondo")));
  EXPECT_THAT(ScopeFromText("MX/20/999"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(ScopeFromText("99999"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(ScopeFromText("MX/20/x"), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ScopeTextTest, AMunicipalityIsNeverTakenForItsState) {
  EXPECT_EQ(ScopeFromMunicipality("Puebla").value().path(), "MX/21/114");
  EXPECT_EQ(ScopeFromMunicipality("20067").value().path(), "MX/20/067");
  EXPECT_THAT(ScopeFromMunicipality("Oaxaca"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("es un estado")));
  EXPECT_THAT(ScopeFromMunicipality("20"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ScopeFromMunicipality("Macondo"), StatusIs(absl::StatusCode::kNotFound));
}

TEST(ScopeTextTest, NamesPlacesForPeople) {
  EXPECT_EQ(ScopeName("MX/20/067"), "Oaxaca de Juárez, Oaxaca");
  EXPECT_THAT(ScopeName("MX/20/208"), HasSubstr("20208"));
}

}  // namespace
}  // namespace brigada
