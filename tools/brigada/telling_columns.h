// The columns of a record type that tell one record from another on a screen.
#ifndef TOOLS_BRIGADA_TELLING_COLUMNS_H_
#define TOOLS_BRIGADA_TELLING_COLUMNS_H_

#include <string>
#include <vector>

#include "replica/schema/registry.h"

namespace brigada {

// At most `limit` SQL columns, quoted: values of required, searched and indexed fields.
std::vector<std::string> TellingColumns(const RecordType& type, size_t limit);

// True when some field of the type is searched by words.
bool HasSearch(const RecordType& type);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_TELLING_COLUMNS_H_
