// The zone rule against the places it names, and the zone names against the system's own database.
#include "replica/territory/zones.h"

#include <set>
#include <string>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/territory/territory.h"

namespace brigada {
namespace {

std::set<std::string> ZonesInUse() {
  std::set<std::string> zones;
  for (const Place& place : Catalog::BuiltIn().municipalities()) {
    zones.insert(std::string(place.zone));
  }
  return zones;
}

TEST(ZonesTest, MunicipalitiesOfTheBorderDifferFromTheirState) {
  EXPECT_EQ(ZoneOf("05"), "America/Monterrey");
  EXPECT_EQ(ZoneOf("05030"), "America/Monterrey");
  EXPECT_EQ(ZoneOf("05025"), "America/Matamoros");
  EXPECT_EQ(ZoneOf("08019"), "America/Chihuahua");
  EXPECT_EQ(ZoneOf("08037"), "America/Ciudad_Juarez");
  EXPECT_EQ(ZoneOf("08052"), "America/Ojinaga");
  EXPECT_EQ(ZoneOf("19005"), "America/Matamoros");
  EXPECT_EQ(ZoneOf("28027"), "America/Matamoros");
  EXPECT_EQ(ZoneOf("28041"), "America/Monterrey");
  EXPECT_EQ(ZoneOf("18020"), "America/Bahia_Banderas");
  EXPECT_EQ(ZoneOf("18017"), "America/Mazatlan");
}

TEST(ZonesTest, LocalityFollowsItsMunicipality) {
  EXPECT_EQ(ZoneOf("080370001"), "America/Ciudad_Juarez");
  EXPECT_EQ(ZoneOf("200670001"), "America/Mexico_City");
}

TEST(ZonesTest, NoStateNoZone) {
  EXPECT_EQ(ZoneOf("33001"), "");
  EXPECT_EQ(ZoneOf("00"), "");
  EXPECT_EQ(ZoneOf(""), "");
}

// The keys of the exceptions are easily mistyped; each must be the municipality that its zone
// suits.
TEST(ZonesTest, EveryExceptionIsAMunicipalityOfTheNorthernBorderOrBahiaDeBanderas) {
  std::set<std::string> exceptions;
  for (const Place& place : Catalog::BuiltIn().municipalities()) {
    if (place.zone != ZoneOf(place.state_key())) exceptions.insert(std::string(place.name));
  }
  EXPECT_THAT(
      exceptions,
      testing::UnorderedElementsAre(
          "Acuña", "Allende", "Anáhuac", "Ascensión", "Bahía de Banderas", "Camargo",
          "Coyame del Sotol", "Guadalupe", "Guerrero", "Gustavo Díaz Ordaz", "Hidalgo", "Janos",
          "Jiménez", "Juárez", "Manuel Benavides", "Matamoros", "Mier", "Miguel Alemán", "Morelos",
          "Nava", "Nuevo Laredo", "Ocampo", "Ojinaga", "Piedras Negras", "Praxedis G. Guerrero",
          "Reynosa", "Río Bravo", "Valle Hermoso", "Villa Unión", "Zaragoza"));
}

TEST(ZonesTest, AllTwelveZonesOfMexicoAreInUse) { EXPECT_EQ(ZonesInUse().size(), 12u); }

TEST(ZonesTest, TheSystemKnowsEveryZone) {
  absl::TimeZone zone;
  if (!absl::LoadTimeZone("America/Mexico_City", &zone)) GTEST_SKIP() << "no tzdata here";
  for (const std::string& name : ZonesInUse()) EXPECT_TRUE(absl::LoadTimeZone(name, &zone)) << name;
}

// In July 2025 only the border with the United States keeps summer time.
TEST(ZonesTest, OffsetsInJulyAreThoseOfTheLaw) {
  absl::TimeZone zone;
  if (!absl::LoadTimeZone("America/Ciudad_Juarez", &zone)) GTEST_SKIP() << "tzdata before 2022g";
  const absl::Time july = absl::FromCivil(absl::CivilDay(2025, 7, 15), absl::UTCTimeZone());
  const auto hours = [&](absl::string_view key) {
    EXPECT_TRUE(absl::LoadTimeZone(std::string(ZoneOf(key)), &zone));
    return zone.At(july).offset / 3600;
  };
  EXPECT_EQ(hours("02004"), -7);  // Tijuana
  EXPECT_EQ(hours("26030"), -7);  // Hermosillo
  EXPECT_EQ(hours("08037"), -6);  // Juárez
  EXPECT_EQ(hours("08052"), -5);  // Ojinaga
  EXPECT_EQ(hours("08019"), -6);  // Chihuahua
  EXPECT_EQ(hours("28022"), -5);  // Matamoros
  EXPECT_EQ(hours("18020"), -6);  // Bahía de Banderas
  EXPECT_EQ(hours("18017"), -7);  // Tepic
  EXPECT_EQ(hours("23005"), -5);  // Benito Juárez (Cancún)
  EXPECT_EQ(hours("10005"), -6);  // Durango
  EXPECT_EQ(hours("20067"), -6);  // Oaxaca de Juárez
}

}  // namespace
}  // namespace brigada
