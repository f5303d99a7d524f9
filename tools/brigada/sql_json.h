// Values of SQL as JSON.
#ifndef TOOLS_BRIGADA_SQL_JSON_H_
#define TOOLS_BRIGADA_SQL_JSON_H_

#include "replica/query/sql_value.h"
#include "tools/brigada/record_json.h"

namespace brigada {

// NULL and a number that is not finite are null; a blob is text in hexadecimal.
Json SqlJson(const SqlValue& value);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_SQL_JSON_H_
