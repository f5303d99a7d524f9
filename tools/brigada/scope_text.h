// From what a person calls a place to its scope.
#ifndef TOOLS_BRIGADA_SCOPE_TEXT_H_
#define TOOLS_BRIGADA_SCOPE_TEXT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "replica/schema/scope.h"

namespace brigada {

// A path: "MX", "MX/20", "MX/20/067" and below. UsageError: malformed; kNotFound: the catalogue has
// no such state or municipality.
absl::StatusOr<Scope> ScopeFromPath(absl::string_view path);

// A municipality or state by INEGI key ("20067") or name, optionally followed by its state's:
// "San Juan Mixtepec, Oaxaca". kNotFound: no such place; UsageError lists the places of an
// ambiguous name with their keys.
absl::StatusOr<Scope> ScopeFromPlace(absl::string_view place);

// The same, of municipalities only: "Puebla" is the one in Puebla. UsageError for what is a state
// and no municipality: people live in a place, not in the whole of Oaxaca.
absl::StatusOr<Scope> ScopeFromMunicipality(absl::string_view place);

// A path, key or name.
absl::StatusOr<Scope> ScopeFromText(absl::string_view text);

// "Oaxaca de Juárez, Oaxaca" for "MX/20/067"; the path itself when the catalogue has no name.
std::string ScopeName(absl::string_view path);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_SCOPE_TEXT_H_
