#include "replica/merge/origin.h"

namespace brigada {

uint64_t OriginElsewhere(absl::string_view partition, uint64_t sequence) {
  // "MX", or "MX/" and two digits.
  uint64_t mark = 1;
  for (const char c : partition.substr(partition.size() < 3 ? partition.size() : 3))
    mark = mark * 10 + static_cast<uint64_t>(c - '0');
  return (mark << 40) | sequence;
}

}  // namespace brigada
