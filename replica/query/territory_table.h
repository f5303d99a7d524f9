// The built-in catalogue of states and municipalities as the table `territories`. Inside
// replica/query only.
#ifndef REPLICA_QUERY_TERRITORY_TABLE_H_
#define REPLICA_QUERY_TERRITORY_TABLE_H_

#include "replica/query/rows_table_module.h"

namespace brigada {

inline constexpr char kTerritoriesName[] = "territories";

// The states, then the municipalities, each in order of their keys.
RowsTable TerritoryTable();

}  // namespace brigada

#endif  // REPLICA_QUERY_TERRITORY_TABLE_H_
