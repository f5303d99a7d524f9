// Column headings: people read them in their language, programs by fixed names.
#ifndef TOOLS_BRIGADA_HEADINGS_H_
#define TOOLS_BRIGADA_HEADINGS_H_

#include <string>
#include <vector>

namespace brigada {

// `names` as they are for programs; for people those of them that are words, not fields of a record
// or columns of SQL, in the user's language.
std::vector<std::string> Headings(std::vector<std::string> names, bool for_people);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_HEADINGS_H_
