// Which IANA time zone a place of Mexico keeps.
#ifndef REPLICA_TERRITORY_ZONES_H_
#define REPLICA_TERRITORY_ZONES_H_

#include "absl/strings/string_view.h"

namespace brigada {

// The zone of a state or municipality by its INEGI key: the municipality's own where the law names
// it, else its state's. A state's key gives the zone of most of the state. Empty when the first two
// digits are no state. The result lives as long as the program.
absl::string_view ZoneOf(absl::string_view key);

}  // namespace brigada

#endif  // REPLICA_TERRITORY_ZONES_H_
