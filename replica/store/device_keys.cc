#include "replica/store/device_keys.h"

#include "absl/strings/str_cat.h"
#include "replica/store/keys.h"

namespace brigada {

std::string ChangeSetKey(absl::string_view partition, uint64_t sequence) {
  std::string key = PartitionPrefix(partition);
  AppendBigEndian64(sequence, &key);
  return key;
}

std::string NamedMetaKey(absl::string_view name, absl::string_view about) {
  return absl::StrCat(name, absl::string_view("\0", 1), about);
}

}  // namespace brigada
