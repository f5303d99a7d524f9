// The catalogue is checked as a whole (every row) and by the places that the documents name.
#include "replica/territory/territory.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/territory/embedded_places.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> KeysByName(absl::string_view name) {
  std::vector<std::string> keys;
  for (const Place* place : Catalog::BuiltIn().FindByName(name)) keys.emplace_back(place->key);
  return keys;
}

TEST(CatalogTest, HoldsEveryRowOfTheTable) {
  const Catalog& catalog = Catalog::BuiltIn();
  const absl::string_view table = EmbeddedPlaces();
  const auto lines = static_cast<size_t>(std::count(table.begin(), table.end(), '\n'));
  EXPECT_EQ(catalog.states().size() + catalog.municipalities().size(), lines);
  // The catalogue of October 2025, which places.tsv was made from.
  EXPECT_EQ(catalog.states().size(), 32u);
  EXPECT_EQ(catalog.municipalities().size(), 2478u);
}

TEST(CatalogTest, EveryPlaceIsWellFormedAndFoundByItsKey) {
  const Catalog& catalog = Catalog::BuiltIn();
  for (const absl::Span<const Place> level : {catalog.states(), catalog.municipalities()}) {
    for (const Place& place : level) {
      SCOPED_TRACE(std::string(place.key));
      EXPECT_EQ(catalog.Find(place.key), &place);
      EXPECT_NE(catalog.Find(place.state_key()), nullptr);
      EXPECT_THAT(KeysByName(place.name), testing::Contains(std::string(place.key)));
      EXPECT_TRUE(absl::StartsWith(place.zone, "America/"));
      EXPECT_TRUE(place.latitude > 14 && place.latitude < 33) << place.latitude;
      EXPECT_TRUE(place.longitude > -119 && place.longitude < -86) << place.longitude;
      EXPECT_GT(place.population, 0);
      EXPECT_TRUE(place.first_listed_year >= 1990 && place.first_listed_year <= 2025);
    }
  }
}

TEST(CatalogTest, DescribesOaxacaDeJuarez) {
  const Place* place = Catalog::BuiltIn().Find("20067");
  ASSERT_NE(place, nullptr);
  EXPECT_EQ(place->name, "Oaxaca de Juárez");
  EXPECT_EQ(place->zone, "America/Mexico_City");
  EXPECT_EQ(place->population, 270955);
  EXPECT_NEAR(place->latitude, 17.07, 0.1);
  EXPECT_NEAR(place->longitude, -96.72, 0.1);
  EXPECT_EQ(place->first_listed_year, 1990);
  EXPECT_FALSE(place->is_state());
}

TEST(CatalogTest, MunicipalityMadeAfterTheCensusHasAYearAndAPopulation) {
  const Place* place = Catalog::BuiltIn().Find("02007");
  ASSERT_NE(place, nullptr);
  EXPECT_EQ(place->name, "San Felipe");
  EXPECT_EQ(place->first_listed_year, 2023);
  EXPECT_EQ(place->population, 20520);
}

TEST(CatalogTest, UnknownKeysAreNotFound) {
  // Chiapas has a hole at 095, and keys keep their leading zeros.
  for (const char* key : {"07095", "33", "00", "1001", "1", "", "20067 ", "MX", "200670001"}) {
    EXPECT_EQ(Catalog::BuiltIn().Find(key), nullptr) << key;
  }
}

TEST(CatalogTest, MunicipalitiesOfAStateAreItsOwnAndAll) {
  const Catalog& catalog = Catalog::BuiltIn();
  EXPECT_EQ(catalog.MunicipalitiesOf("20").size(), 570u);
  EXPECT_EQ(catalog.MunicipalitiesOf("32").back().key, "32058");
  size_t total = 0;
  for (const Place& state : catalog.states()) {
    for (const Place& place : catalog.MunicipalitiesOf(state.key)) {
      EXPECT_EQ(place.state_key(), state.key);
      ++total;
    }
  }
  EXPECT_EQ(total, catalog.municipalities().size());
  EXPECT_THAT(catalog.MunicipalitiesOf("33"), IsEmpty());
  EXPECT_THAT(catalog.MunicipalitiesOf("20067"), IsEmpty());
}

TEST(CatalogTest, FindsNamesWhateverTheirCaseAndAccents) {
  EXPECT_THAT(KeysByName("OAXACA DE JUAREZ"), ElementsAre("20067"));
  EXPECT_THAT(KeysByName("san juan mixtepec"), ElementsAre("20208", "20209"));
  EXPECT_THAT(KeysByName("Dr Belisario Dominguez"), ElementsAre("08022"));
  // A state before the municipality of the same name.
  EXPECT_THAT(KeysByName("aguascalientes"), ElementsAre("01", "01001"));
}

TEST(CatalogTest, EnyeIsALetterThatNAlsoFinds) {
  EXPECT_THAT(KeysByName("Peñamiller"), ElementsAre("22013"));
  EXPECT_THAT(KeysByName("penamiller"), ElementsAre("22013"));
  EXPECT_THAT(KeysByName("Moñterrey"), IsEmpty());
}

TEST(CatalogTest, HostileNamesFindNothing) {
  EXPECT_THAT(KeysByName(""), IsEmpty());
  EXPECT_THAT(KeysByName("..."), IsEmpty());
  EXPECT_THAT(KeysByName("Ju\xE1rez"), IsEmpty());
  EXPECT_THAT(KeysByName(std::string(1 << 20, 'a')), IsEmpty());
}

TEST(CatalogTest, NamesakesOfOneStateAreShownWithTheirKey) {
  const Catalog& catalog = Catalog::BuiltIn();
  EXPECT_EQ(catalog.DisplayName("20208"), "San Juan Mixtepec (20208)");
  EXPECT_EQ(catalog.DisplayName("20209"), "San Juan Mixtepec (20209)");
  EXPECT_EQ(catalog.DisplayName("20318"), "San Pedro Mixtepec (20318)");
  EXPECT_EQ(catalog.DisplayName("20319"), "San Pedro Mixtepec (20319)");
}

TEST(CatalogTest, OtherNamesAreShownAlone) {
  const Catalog& catalog = Catalog::BuiltIn();
  EXPECT_EQ(catalog.DisplayName("20067"), "Oaxaca de Juárez");
  // Same name in another state, and as its own state.
  EXPECT_EQ(catalog.DisplayName("23005"), "Benito Juárez");
  EXPECT_EQ(catalog.DisplayName("01001"), "Aguascalientes");
  EXPECT_EQ(catalog.DisplayName("01"), "Aguascalientes");
  EXPECT_EQ(catalog.DisplayName("20999"), "20999");
}

TEST(CatalogTest, NoTwoMunicipalitiesOfAStateLookTheSame) {
  const Catalog& catalog = Catalog::BuiltIn();
  std::vector<std::string> shown;
  for (const Place& place : catalog.municipalities()) {
    shown.push_back(absl::StrCat(place.state_key(), catalog.DisplayName(place.key)));
  }
  std::sort(shown.begin(), shown.end());
  EXPECT_EQ(std::adjacent_find(shown.begin(), shown.end()), shown.end());
}

TEST(ScopePathTest, KeysAndPathsGoBothWays) {
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"", "MX"}, {"20", "MX/20"}, {"20067", "MX/20/067"}, {"200670001", "MX/20/067/0001"}};
  for (const auto& [key, path] : pairs) {
    EXPECT_THAT(ScopePath(key), IsOkAndHolds(path));
    EXPECT_THAT(KeyOfScopePath(path), IsOkAndHolds(key));
  }
}

TEST(ScopePathTest, RefusesWhatIsNoKey) {
  for (const char* key : {"2", "2006", "200670", "20O67", "20067 ", "2006700011", "-1"}) {
    EXPECT_THAT(ScopePath(key), StatusIs(absl::StatusCode::kInvalidArgument)) << key;
  }
}

TEST(ScopePathTest, RefusesWhatIsNoPath) {
  for (const char* path : {"", "20", "MX/", "MX/20/", "/MX", "MX/2/0067", "MX20", "M/X", "MX//20",
                           "MX/20/067/0001/1", "MX/20/abc", "US/20"}) {
    EXPECT_THAT(KeyOfScopePath(path), StatusIs(absl::StatusCode::kInvalidArgument)) << path;
  }
}

TEST(StateAbbreviationTest, IsThatOfTheScopesState) {
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"MX/01", "AGU"}, {"MX/07/101", "CHP"}, {"MX/08/019", "CHH"},      {"MX/09/015", "CMX"},
      {"MX/15", "MEX"}, {"MX/20/067", "OAX"}, {"MX/20/067/0001", "OAX"}, {"MX/32", "ZAC"}};
  for (const auto& [path, letters] : pairs) EXPECT_EQ(StateAbbreviation(path), letters) << path;
}

TEST(StateAbbreviationTest, TheNationAndStatesBeyondTheTableHaveOneToo) {
  EXPECT_EQ(StateAbbreviation("MX"), "NAC");
  EXPECT_EQ(StateAbbreviation("nowhere"), "NAC");
  EXPECT_EQ(StateAbbreviation("MX/33/001"), "33");
}

TEST(StateAbbreviationTest, NoTwoStatesShareOne) {
  std::set<std::string> seen;
  for (const Place& state : Catalog::BuiltIn().states()) {
    const std::string letters = StateAbbreviation(*ScopePath(state.key));
    EXPECT_EQ(letters.size(), 3U) << state.key;
    EXPECT_TRUE(seen.insert(letters).second) << letters;
  }
}

TEST(AttributionTest, CreditsInegiAndSaysThatTheDataWereAdapted) {
  EXPECT_TRUE(absl::StartsWith(Attribution(), "Fuente: INEGI"));
  EXPECT_TRUE(absl::EndsWith(Attribution(), "Datos adaptados."));
}

}  // namespace
}  // namespace brigada
