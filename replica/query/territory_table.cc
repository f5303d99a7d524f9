#include "replica/query/territory_table.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "replica/territory/territory.h"

namespace brigada {
namespace {

SqlRow RowOf(const Catalog& catalog, const Place& place) {
  const auto scope = ScopePath(place.key);
  return {std::string(place.key),
          std::string(place.is_state() ? "state" : "municipality"),
          std::string(place.name),
          catalog.DisplayName(place.key),
          std::string(place.zone),
          place.latitude,
          place.longitude,
          place.population,
          std::string(place.state_key()),
          scope.ok() ? SqlValue(*scope) : SqlValue(),
          int64_t{place.first_listed_year}};
}

SharedRows MakeRows() {
  const Catalog& catalog = Catalog::BuiltIn();
  auto rows = std::make_shared<std::vector<SqlRow>>();
  rows->reserve(catalog.states().size() + catalog.municipalities().size());
  for (const Place& place : catalog.states()) rows->push_back(RowOf(catalog, place));
  for (const Place& place : catalog.municipalities()) rows->push_back(RowOf(catalog, place));
  return rows;
}

}  // namespace

RowsTable TerritoryTable() {
  RowsTable table;
  table.name = kTerritoriesName;
  table.columns = {"key TEXT",       "level TEXT",    "name TEXT",           "display_name TEXT",
                   "zone TEXT",      "latitude REAL", "longitude REAL",      "population INTEGER",
                   "state_key TEXT", "scope TEXT",    "listed_since INTEGER"};
  table.rows = []() -> absl::StatusOr<SharedRows> {
    // Made once for the process and never freed: the catalogue does not change.
    static const auto& rows = *new SharedRows(MakeRows());
    return rows;
  };
  return table;
}

}  // namespace brigada
