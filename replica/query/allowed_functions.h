// The functions a query may call. Inside replica/query only.
#ifndef REPLICA_QUERY_ALLOWED_FUNCTIONS_H_
#define REPLICA_QUERY_ALLOWED_FUNCTIONS_H_

#include <sqlite3.h>

#include "absl/strings/string_view.h"
#include "replica/query/query_context.h"

namespace brigada {

// True for functions of SQLite that compute on their arguments alone, and for our own. Left out:
// what loads code, reads files, tells about the process or makes large values out of small ones.
bool IsAllowedFunction(absl::string_view name);

// Adds fold(text), lower case without accents as search compares, and those of text_functions.h in
// place of SQLite's own. `context` outlives the connection. An SQLite result code.
int RegisterFunctions(sqlite3* database, QueryContext* context);

}  // namespace brigada

#endif  // REPLICA_QUERY_ALLOWED_FUNCTIONS_H_
