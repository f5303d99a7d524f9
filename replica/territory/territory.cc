#include "replica/territory/territory.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "replica/base/check.h"
#include "replica/territory/embedded_places.h"
#include "replica/territory/name_folding.h"
#include "replica/territory/zones.h"

namespace brigada {
namespace {

// Three times the longest name; folding costs time in proportion.
constexpr size_t kMaxNameBytes = 256;

// The table is ours, so a line that does not parse is our own bug.
Place ParsePlace(absl::string_view line) {
  const std::vector<absl::string_view> fields = absl::StrSplit(line, '\t');
  CHECK(fields.size() == 6);
  Place place{.key = fields[0], .name = fields[1], .zone = ZoneOf(fields[0])};
  CHECK(!place.zone.empty());
  CHECK(absl::SimpleAtod(fields[2], &place.latitude));
  CHECK(absl::SimpleAtod(fields[3], &place.longitude));
  CHECK(absl::SimpleAtoi(fields[4], &place.population));
  CHECK(absl::SimpleAtoi(fields[5], &place.first_listed_year));
  return place;
}

bool KeyBefore(const Place& place, absl::string_view key) { return place.key < key; }

bool AllDigits(absl::string_view text) {
  return text.find_first_not_of("0123456789") == absl::string_view::npos;
}

// Digits that each level of a path adds to the key: state, municipality, locality.
constexpr std::array<size_t, 3> kLevelDigits = {2, 3, 4};

}  // namespace

const Catalog& Catalog::BuiltIn() {
  // Never destroyed: views into it may outlive every static object.
  static const Catalog* const catalog = new Catalog();
  return *catalog;
}

Catalog::Catalog() {
  for (absl::string_view line : absl::StrSplit(EmbeddedPlaces(), '\n', absl::SkipEmpty())) {
    const Place place = ParsePlace(line);
    std::vector<Place>& level = place.is_state() ? states_ : municipalities_;
    CHECK(level.empty() || level.back().key < place.key);
    level.push_back(place);
  }
}

const Place* Catalog::Find(absl::string_view key) const {
  const std::vector<Place>& level = key.size() == 2 ? states_ : municipalities_;
  const auto found = std::lower_bound(level.begin(), level.end(), key, KeyBefore);
  return found != level.end() && found->key == key ? &*found : nullptr;
}

absl::Span<const Place> Catalog::MunicipalitiesOf(absl::string_view state_key) const {
  if (state_key.size() != 2) return {};
  const auto first =
      std::lower_bound(municipalities_.begin(), municipalities_.end(), state_key, KeyBefore);
  const auto last = std::find_if(first, municipalities_.end(), [&](const Place& place) {
    return place.state_key() != state_key;
  });
  return absl::MakeConstSpan(municipalities_)
      .subspan(static_cast<size_t>(first - municipalities_.begin()),
               static_cast<size_t>(last - first));
}

Catalog::NameIndex Catalog::IndexNames() const {
  NameIndex index;
  for (const std::vector<Place>* level : {&states_, &municipalities_}) {
    for (const Place& place : *level) {
      const std::string kept = FoldName(place.name, Enye::kKept);
      const std::string as_n = FoldName(place.name, Enye::kAsN);
      index[kept].push_back(&place);
      if (as_n != kept) index[as_n].push_back(&place);
    }
  }
  return index;
}

const Catalog::NameIndex& Catalog::names() const {
  // Apart from the catalogue itself: most programs look places up by key only.
  static const NameIndex* const index = new NameIndex(IndexNames());
  return *index;
}

std::vector<const Place*> Catalog::FindByName(absl::string_view name) const {
  if (name.size() > kMaxNameBytes) return {};
  const auto found = names().find(FoldName(name, Enye::kKept));
  return found == names().end() ? std::vector<const Place*>() : found->second;
}

std::string Catalog::DisplayName(absl::string_view key) const {
  const Place* place = Find(key);
  if (place == nullptr) return std::string(key);
  const std::vector<const Place*> namesakes = FindByName(place->name);
  const bool shared = std::any_of(namesakes.begin(), namesakes.end(), [&](const Place* other) {
    return other != place && other->is_state() == place->is_state() &&
           other->state_key() == place->state_key();
  });
  return shared ? absl::StrCat(place->name, " (", place->key, ")") : std::string(place->name);
}

absl::StatusOr<std::string> ScopePath(absl::string_view key) {
  std::string path = "MX";
  absl::string_view rest = key;
  for (const size_t digits : kLevelDigits) {
    if (rest.empty()) break;
    const absl::string_view segment = rest.substr(0, digits);
    if (segment.size() != digits || !AllDigits(segment)) break;
    absl::StrAppend(&path, "/", segment);
    rest.remove_prefix(digits);
  }
  if (!rest.empty()) {
    return absl::InvalidArgumentError("a territory key has 2, 5 or 9 digits, as in 20067");
  }
  return path;
}

absl::StatusOr<std::string> KeyOfScopePath(absl::string_view path) {
  std::string key;
  for (const absl::string_view segment : absl::StrSplit(path, '/')) absl::StrAppend(&key, segment);
  // Building the path again from the digits checks its form in one place.
  const bool national = key.size() >= 2 && key.compare(0, 2, "MX") == 0;
  if (national) {
    key.erase(0, 2);
    const absl::StatusOr<std::string> again = ScopePath(key);
    if (again.ok() && *again == path) return key;
  }
  return absl::InvalidArgumentError(
      "not the scope of a state, municipality or locality, as in MX/20/067");
}

std::string StateAbbreviation(absl::string_view path) {
  // In order of their keys, from 01.
  static constexpr absl::string_view kOfStates[] = {
      "AGU", "BCN", "BCS", "CAM", "COA", "COL", "CHP", "CHH", "CMX", "DUR", "GUA",
      "GRO", "HID", "JAL", "MEX", "MIC", "MOR", "NAY", "NLE", "OAX", "PUE", "QUE",
      "ROO", "SLP", "SIN", "SON", "TAB", "TAM", "TLA", "VER", "YUC", "ZAC"};
  const absl::StatusOr<std::string> key = KeyOfScopePath(path);
  if (!key.ok() || key->size() < 2) return "NAC";
  const size_t number =
      static_cast<size_t>((*key)[0] - '0') * 10 + static_cast<size_t>((*key)[1] - '0');
  if (number == 0 || number > std::size(kOfStates)) return key->substr(0, 2);
  return std::string(kOfStates[number - 1]);
}

absl::string_view Attribution() {
  return "Fuente: INEGI, Censo de Población y Vivienda 2020; Marco Geoestadístico 2023; Catálogo "
         "AGEEML, octubre 2025. Datos adaptados.";
}

}  // namespace brigada
