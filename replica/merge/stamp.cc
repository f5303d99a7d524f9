#include <algorithm>

#include "replica/merge/apply.h"

namespace brigada {

Hlc EffectiveStamp(Hlc signed_stamp, Hlc ceiling, Hlc own_last, Hlc replaced) {
  // The floors come last: a write is above what it saw, whatever its clock or the ceiling says.
  return std::max({std::min(signed_stamp, ceiling), own_last.Next(), replaced.Next()});
}

}  // namespace brigada
