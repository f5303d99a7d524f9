// A note on what the server is going to refuse: offline work is never stopped, but nobody should
// find out a week later.
#ifndef TOOLS_BRIGADA_GRANT_NOTE_H_
#define TOOLS_BRIGADA_GRANT_NOTE_H_

#include "brigada/replica.h"
#include "tools/brigada/command_line.h"

namespace brigada {

// Says so when the grants that the server last told do not cover `scope`.
void NoteMissingGrant(const CommandLine& line, const Replica& replica, const Scope& scope);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_GRANT_NOTE_H_
