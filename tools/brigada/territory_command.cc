// territories: the built-in catalogue.
#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "replica/territory/name_folding.h"
#include "replica/territory/territory.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/headings.h"
#include "tools/brigada/status_text.h"

namespace brigada {
namespace {

// The places that `text` names or, when none is called so, whose names hold it. A state's key gives
// the state and its municipalities.
std::vector<const Place*> Look(absl::string_view text) {
  const Catalog& catalog = Catalog::BuiltIn();
  std::vector<const Place*> found;
  if (text.empty()) {
    for (const Place& state : catalog.states()) found.push_back(&state);
    return found;
  }
  if (const Place* const place = catalog.Find(text); place != nullptr) {
    found.push_back(place);
    if (place->is_state()) {
      for (const Place& inside : catalog.MunicipalitiesOf(place->key)) found.push_back(&inside);
    }
    return found;
  }
  found = catalog.FindByName(text);
  const std::string folded = FoldName(text, Enye::kAsN);
  if (!found.empty() || folded.empty()) return found;
  for (const absl::Span<const Place> places : {catalog.states(), catalog.municipalities()}) {
    for (const Place& place : places) {
      if (absl::StrContains(FoldName(place.name, Enye::kAsN), folded)) found.push_back(&place);
    }
  }
  return found;
}

absl::Status Territories(const CommandLine& line, const std::string& text) {
  const Catalog& catalog = Catalog::BuiltIn();
  const std::vector<const Place*> found = Look(text);
  if (found.empty()) {
    return SaidError(
        absl::StatusCode::kNotFound,
        absl::Substitute(Say("El catálogo no tiene «$0»; pruebe con una parte del nombre",
                             "The catalogue has no \"$0\"; try a part of the name"),
                         CutToWidth(PrintableText(text), 60)));
  }
  TableWriter table = line.Table();
  table.Columns(Headings({"key", "scope", "name", "state", "population", "zone", "latitude",
                          "longitude", "listed_since"},
                         line.wants_text()));
  for (const Place* const place : found) {
    const Place* const state = catalog.Find(place->state_key());
    ASSIGN_OR_RETURN(const std::string scope, ScopePath(place->key));
    table.Row({std::string(place->key), scope, catalog.DisplayName(place->key),
               std::string(state == nullptr ? "" : state->name), place->population,
               std::string(place->zone), place->latitude, place->longitude,
               int64_t{place->first_listed_year}});
  }
  table.Finish();
  line.Note(Attribution());
  return absl::OkStatus();
}

}  // namespace

void AddTerritoryCommand(CommandLine* line) {
  const auto text = std::make_shared<std::string>();
  line->Add({"territories",
             Say("Busca estados y municipios", "Look up states and municipalities"),
             {"brigada territories", "brigada territories 'San Juan Mixtepec'",
              "brigada territories 20"}},
            [line, text] { return Territories(*line, *text); })
      ->add_option(std::string(Say("NOMBRE", "NAME")), *text,
                   std::string(Say("Nombre, parte de él, o clave", "Name, part of it, or key")));
}

}  // namespace brigada
