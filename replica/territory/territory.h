// The states and municipalities of Mexico, compiled in: a device that never had a link knows them.
//
// A place is named by its INEGI key, which is text: 2 digits for a state ("20"), 5 for a
// municipality
// ("20067"). Keys have holes and new ones appear: how many there are is the catalogue's to say,
// never a constant's. What changed after this catalogue arrives as Territory records, which are not
// here.
//
// Thread safety: everything here may be called from any thread. The catalogue is read once, at its
// first use (about a millisecond), and lives as long as the program, as do all views it returns.
#ifndef REPLICA_TERRITORY_TERRITORY_H_
#define REPLICA_TERRITORY_TERRITORY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace brigada {

struct Place {
  absl::string_view key;
  // The official name, with accents (NFC). Not unique, not even within a state: see DisplayName.
  absl::string_view name;
  // IANA name, for example "America/Mexico_City"; for a state, the zone of most of it.
  absl::string_view zone;
  // WGS84 degrees of a point inside the place.
  double latitude = 0;
  double longitude = 0;
  // A weight, never zero: the census of 2020 or, for a municipality made since, the survey of 2025.
  // Do not add municipalities up: the census still counts those people in the places they left.
  int64_t population = 0;
  // The first census, count or catalogue that lists the key. 1990 means "1990 or before".
  int32_t first_listed_year = 0;

  bool is_state() const { return key.size() == 2; }
  absl::string_view state_key() const { return key.substr(0, 2); }
};

class Catalog {
 public:
  static const Catalog& BuiltIn();

  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  // The state or municipality with this key; nullptr when there is none.
  const Place* Find(absl::string_view key) const;

  // All in order of their keys.
  absl::Span<const Place> states() const { return states_; }
  absl::Span<const Place> municipalities() const { return municipalities_; }
  // Empty when `state_key` is no state.
  absl::Span<const Place> MunicipalitiesOf(absl::string_view state_key) const;

  // The places whose whole name is `name`; case, accents and punctuation do not count. Ñ is a
  // letter of its own, but an N in `name` also finds it. States first, then municipalities, by key.
  // Empty when nothing matches, `name` is not UTF-8 or longer than any name can be.
  std::vector<const Place*> FindByName(absl::string_view name) const;

  // What to show a person: the name, followed by the key where another municipality of the state
  // has the same name, as in "San Juan Mixtepec (20208)". An unknown key is shown as it is.
  std::string DisplayName(absl::string_view key) const;

 private:
  Catalog();
  using NameIndex = absl::flat_hash_map<std::string, std::vector<const Place*>>;
  NameIndex IndexNames() const;
  const NameIndex& names() const;

  std::vector<Place> states_;
  std::vector<Place> municipalities_;
};

// The scope path of an INEGI key: "" gives "MX", "20" gives "MX/20", "20067" gives "MX/20/067", and
// a locality's "200670001" gives "MX/20/067/0001". Only the form is checked, for keys newer than
// the catalogue. kInvalidArgument: not 0, 2, 5 or 9 digits.
absl::StatusOr<std::string> ScopePath(absl::string_view key);

// The way back. kInvalidArgument: not a path that ScopePath gives, or one with levels below it.
absl::StatusOr<std::string> KeyOfScopePath(absl::string_view path);

// The customary three letters of the state that `path`, a scope path, lies in: "MX/20/067" gives
// "OAX". "NAC" for the nation and what is no path; for a state newer than the table, its two
// digits.
std::string StateAbbreviation(absl::string_view path);

// The credit that goes with every map or figure drawn from the catalogue (Spanish, as INEGI asks).
absl::string_view Attribution();

}  // namespace brigada

#endif  // REPLICA_TERRITORY_TERRITORY_H_
