#include "replica/territory/zones.h"

#include <algorithm>
#include <array>

// The rule is Mexico's time zone law of October 2022 (summer time abolished) with the change of
// November 2022 for the north of Chihuahua. Whole states share a zone, except where the law lists
// municipalities: those of the northern border follow their neighbour's summer time, and Bahía de
// Banderas follows Puerto Vallarta. tzdata places Durango with Monterrey. docs/territory.md has the
// table.

namespace brigada {
namespace {

constexpr absl::string_view kBahiaBanderas = "America/Bahia_Banderas";
constexpr absl::string_view kCancun = "America/Cancun";
constexpr absl::string_view kChihuahua = "America/Chihuahua";
constexpr absl::string_view kCiudadJuarez = "America/Ciudad_Juarez";
constexpr absl::string_view kHermosillo = "America/Hermosillo";
constexpr absl::string_view kMatamoros = "America/Matamoros";
constexpr absl::string_view kMazatlan = "America/Mazatlan";
constexpr absl::string_view kMerida = "America/Merida";
constexpr absl::string_view kMexicoCity = "America/Mexico_City";
constexpr absl::string_view kMonterrey = "America/Monterrey";
constexpr absl::string_view kOjinaga = "America/Ojinaga";
constexpr absl::string_view kTijuana = "America/Tijuana";

struct KeyZone {
  absl::string_view key;
  absl::string_view zone;
};

// In order of the keys: searched by halves.
constexpr std::array kStates = std::to_array<KeyZone>({
    {"01", kMexicoCity}, {"02", kTijuana},    {"03", kMazatlan},   {"04", kMerida},
    {"05", kMonterrey},  {"06", kMexicoCity}, {"07", kMexicoCity}, {"08", kChihuahua},
    {"09", kMexicoCity}, {"10", kMonterrey},  {"11", kMexicoCity}, {"12", kMexicoCity},
    {"13", kMexicoCity}, {"14", kMexicoCity}, {"15", kMexicoCity}, {"16", kMexicoCity},
    {"17", kMexicoCity}, {"18", kMazatlan},   {"19", kMonterrey},  {"20", kMexicoCity},
    {"21", kMexicoCity}, {"22", kMexicoCity}, {"23", kCancun},     {"24", kMexicoCity},
    {"25", kMazatlan},   {"26", kHermosillo}, {"27", kMexicoCity}, {"28", kMonterrey},
    {"29", kMexicoCity}, {"30", kMexicoCity}, {"31", kMerida},     {"32", kMexicoCity},
});

// Also in order of the keys.
constexpr std::array kMunicipalities = std::to_array<KeyZone>({
    {"05002", kMatamoros},      // Acuña
    {"05003", kMatamoros},      // Allende
    {"05012", kMatamoros},      // Guerrero
    {"05013", kMatamoros},      // Hidalgo
    {"05014", kMatamoros},      // Jiménez
    {"05019", kMatamoros},      // Morelos
    {"05022", kMatamoros},      // Nava
    {"05023", kMatamoros},      // Ocampo
    {"05025", kMatamoros},      // Piedras Negras
    {"05037", kMatamoros},      // Villa Unión
    {"05038", kMatamoros},      // Zaragoza
    {"08005", kCiudadJuarez},   // Ascensión
    {"08015", kOjinaga},        // Coyame del Sotol
    {"08028", kCiudadJuarez},   // Guadalupe
    {"08035", kCiudadJuarez},   // Janos
    {"08037", kCiudadJuarez},   // Juárez
    {"08042", kOjinaga},        // Manuel Benavides
    {"08052", kOjinaga},        // Ojinaga
    {"08053", kCiudadJuarez},   // Praxedis G. Guerrero
    {"18020", kBahiaBanderas},  // Bahía de Banderas
    {"19005", kMatamoros},      // Anáhuac
    {"28007", kMatamoros},      // Camargo
    {"28014", kMatamoros},      // Guerrero
    {"28015", kMatamoros},      // Gustavo Díaz Ordaz
    {"28022", kMatamoros},      // Matamoros
    {"28024", kMatamoros},      // Mier
    {"28025", kMatamoros},      // Miguel Alemán
    {"28027", kMatamoros},      // Nuevo Laredo
    {"28032", kMatamoros},      // Reynosa
    {"28033", kMatamoros},      // Río Bravo
    {"28040", kMatamoros},      // Valle Hermoso
});

template <size_t N>
absl::string_view FindZone(const std::array<KeyZone, N>& table, absl::string_view key) {
  const auto* found = std::lower_bound(
      table.begin(), table.end(), key,
      [](const KeyZone& entry, absl::string_view wanted) { return entry.key < wanted; });
  return found != table.end() && found->key == key ? found->zone : absl::string_view();
}

}  // namespace

absl::string_view ZoneOf(absl::string_view key) {
  const absl::string_view own = FindZone(kMunicipalities, key.substr(0, 5));
  return own.empty() ? FindZone(kStates, key.substr(0, 2)) : own;
}

}  // namespace brigada
