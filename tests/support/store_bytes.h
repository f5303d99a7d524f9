// All that can be read out of the files of a store.
#ifndef TESTS_SUPPORT_STORE_BYTES_H_
#define TESTS_SUPPORT_STORE_BYTES_H_

#include <string>
#include <vector>

namespace brigada {

// Every byte of every file in `directory` and below, and, since blocks are compressed, every
// version of every key that the files of a RocksDB store there hold: deleted and overwritten ones
// too. In lower case, as indexes fold words. The store is closed.
std::string StoreBytes(const std::string& directory);

// The paths of the files of `directory` in which `text` (in lower case) can be read as it is.
std::vector<std::string> FilesThatShow(const std::string& directory, const std::string& text);

}  // namespace brigada

#endif  // TESTS_SUPPORT_STORE_BYTES_H_
