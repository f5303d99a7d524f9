// The bytes of places.tsv, compiled in.
#ifndef REPLICA_TERRITORY_EMBEDDED_PLACES_H_
#define REPLICA_TERRITORY_EMBEDDED_PLACES_H_

#include "absl/strings/string_view.h"

namespace brigada {

// One line per place, ended by \n: key, name, latitude, longitude, population and year of the first
// listing, parted by tabs. Each state (2-digit key) stands before its municipalities, all in order
// of their keys. Lives as long as the program.
absl::string_view EmbeddedPlaces();

}  // namespace brigada

#endif  // REPLICA_TERRITORY_EMBEDDED_PLACES_H_
