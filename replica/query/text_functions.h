// SQL functions on text in place of SQLite's own, whose time one statement could stretch without
// end. Inside replica/query only.
//
// SQLite's trim, instr and replace take the product of their arguments' lengths, and it looks at
// time and memory only between the steps of a statement, never inside a function. These take time
// in proportion to what they read. LIKE and GLOB remain SQLite's, of at most 200 times the text's
// length. All look at the limits of the query themselves before they read a long text.
#ifndef REPLICA_QUERY_TEXT_FUNCTIONS_H_
#define REPLICA_QUERY_TEXT_FUNCTIONS_H_

#include <sqlite3.h>

#include "replica/query/query_context.h"

namespace brigada {

// glob, instr, like, ltrim, replace, rtrim and trim. `context` outlives the connection. An SQLite
// result code.
int RegisterTextFunctions(sqlite3* database, QueryContext* context);

}  // namespace brigada

#endif  // REPLICA_QUERY_TEXT_FUNCTIONS_H_
