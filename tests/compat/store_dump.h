// A store's content, key by key, with what each value says.
#ifndef TESTS_COMPAT_STORE_DUMP_H_
#define TESTS_COMPAT_STORE_DUMP_H_

#include <string>
#include <vector>

#include "replica/store/kv.h"

namespace brigada {

struct DumpedValue {
  std::string name;  // table and key, escaped
  std::string text;  // the value in the text format of its message; escaped when it is none
  std::string bytes;
};

// In the order of tables and keys.
std::vector<DumpedValue> DumpStore(const KvReader& reader);

}  // namespace brigada

#endif  // TESTS_COMPAT_STORE_DUMP_H_
